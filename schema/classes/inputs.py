"""What the mutations of classes and assignments take."""

import strawberry

from app.models import ClassRole

_NAME = "The name; from 1 to 200 characters."
_TITLE = "The title; from 1 to 200 characters."


@strawberry.input(description="A class to create.")
class CreateClassInput:
    """One class."""

    group_id: strawberry.ID = strawberry.field(description="The group it is to belong to.")
    name: str = strawberry.field(description=_NAME)


@strawberry.input(description="A new name for a class.")
class UpdateClassInput:
    """One class."""

    id: strawberry.ID = strawberry.field(description="The class.")
    name: str = strawberry.field(description=_NAME)


@strawberry.input(description="A class to delete.")
class DeleteClassInput:
    """One class."""

    id: strawberry.ID = strawberry.field(description="The class.")


@strawberry.input(description="Who is to have which role in a class.")
class SetClassMemberInput:
    """One user, one class, one role."""

    class_id: strawberry.ID = strawberry.field(description="The class.")
    user_id: strawberry.ID = strawberry.field(description="The user.")
    role: ClassRole = strawberry.field(description="The role.")


@strawberry.input(description="Who is to leave a class.")
class RemoveClassMemberInput:
    """One user, one class."""

    class_id: strawberry.ID = strawberry.field(description="The class.")
    user_id: strawberry.ID = strawberry.field(description="The member.")


@strawberry.input(description="An assignment to create.")
class CreateAssignmentInput:
    """One assignment."""

    class_id: strawberry.ID = strawberry.field(description="The class it is set for.")
    title: str = strawberry.field(description=_TITLE)


@strawberry.input(description="A new title for an assignment.")
class UpdateAssignmentInput:
    """One assignment."""

    id: strawberry.ID = strawberry.field(description="The assignment.")
    title: str = strawberry.field(description=_TITLE)


@strawberry.input(description="An assignment to delete.")
class DeleteAssignmentInput:
    """One assignment."""

    id: strawberry.ID = strawberry.field(description="The assignment.")
