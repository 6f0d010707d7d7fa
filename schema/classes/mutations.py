"""Making and changing classes and assignments, and who is in the classes."""

from typing import Annotated

import strawberry

from schema.classes.inputs import (
    CreateAssignmentInput,
    CreateClassInput,
    DeleteAssignmentInput,
    DeleteClassInput,
    RemoveClassMemberInput,
    SetClassMemberInput,
    UpdateAssignmentInput,
    UpdateClassInput,
)
from schema.classes.types import Assignment, Class
from schema.context import Info
from schema.fields import INPUT, mutation
from schema.ids import global_id, uuid_of

_CLASS = "The class as it is now."
_ASSIGNMENT = "The assignment as it is now."


@strawberry.type(description="The class that was created.")
class CreateClassPayload:
    """The answer to createClass."""

    school_class: Class = strawberry.field(name="class", description=_CLASS)


@strawberry.type(description="The class under its new name.")
class UpdateClassPayload:
    """The answer to updateClass."""

    school_class: Class = strawberry.field(name="class", description=_CLASS)


@strawberry.type(description="The class that is gone.")
class DeleteClassPayload:
    """The answer to deleteClass."""

    class_id: strawberry.ID = strawberry.field(description="The id that the class had.")


@strawberry.type(description="The class that the user is in.")
class SetClassMemberPayload:
    """The answer to setClassMember."""

    school_class: Class = strawberry.field(name="class", description=_CLASS)


@strawberry.type(description="The class that the user has left.")
class RemoveClassMemberPayload:
    """The answer to removeClassMember."""

    school_class: Class = strawberry.field(name="class", description=_CLASS)


@strawberry.type(description="The assignment that was created.")
class CreateAssignmentPayload:
    """The answer to createAssignment."""

    assignment: Assignment = strawberry.field(description=_ASSIGNMENT)


@strawberry.type(description="The assignment under its new title.")
class UpdateAssignmentPayload:
    """The answer to updateAssignment."""

    assignment: Assignment = strawberry.field(description=_ASSIGNMENT)


@strawberry.type(description="The assignment that is gone.")
class DeleteAssignmentPayload:
    """The answer to deleteAssignment."""

    assignment_id: strawberry.ID = strawberry.field(description="The id that the assignment had.")


@strawberry.type
class ClassMutations:
    """Part of Mutation."""

    @mutation("Create a class of a group, for the group's admins and those above.")
    async def create_class(self, info: Info, input: Annotated[CreateClassInput, INPUT]) -> CreateClassPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, classes = info.context.viewer, info.context.runtime.classes
        group_id = uuid_of(input.group_id, "Group", field="groupId")
        return CreateClassPayload(school_class=Class.of(await classes.create(viewer, group_id, input.name)))

    @mutation("Give a class another name, for the admins of its group and those above.")
    async def update_class(self, info: Info, input: Annotated[UpdateClassInput, INPUT]) -> UpdateClassPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, classes = info.context.viewer, info.context.runtime.classes
        row = await classes.rename(viewer, uuid_of(input.id, "Class"), input.name)
        return UpdateClassPayload(school_class=Class.of(row))

    @mutation("Delete a class with its assignments, for the admins of its group and those above. Files stay.")
    async def delete_class(self, info: Info, input: Annotated[DeleteClassInput, INPUT]) -> DeleteClassPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, classes = info.context.viewer, info.context.runtime.classes
        class_id = uuid_of(input.id, "Class")
        await classes.delete(viewer, class_id)
        return DeleteClassPayload(class_id=global_id("Class", class_id))

    @mutation(
        "Add a teacher or student to a class, or change the role, for the admins of its group and those above. Members of a"
        " class are members of some group of the class's tree; others are a CONFLICT to system admins, and FORBIDDEN."
    )
    async def set_class_member(
        self, info: Info, input: Annotated[SetClassMemberInput, INPUT]
    ) -> SetClassMemberPayload | None:
        """Raises NotFound, Forbidden, Conflict."""
        viewer, classes = info.context.viewer, info.context.runtime.classes
        class_id = uuid_of(input.class_id, "Class", field="classId")
        user_id = uuid_of(input.user_id, "User", field="userId")
        row = await classes.set_member(viewer, class_id, user_id, input.role)
        return SetClassMemberPayload(school_class=Class.of(row))

    @mutation("Remove a member from a class, for the admins of its group and those above.")
    async def remove_class_member(
        self, info: Info, input: Annotated[RemoveClassMemberInput, INPUT]
    ) -> RemoveClassMemberPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, classes = info.context.viewer, info.context.runtime.classes
        class_id = uuid_of(input.class_id, "Class", field="classId")
        user_id = uuid_of(input.user_id, "User", field="userId")
        row = await classes.remove_member(viewer, class_id, user_id)
        return RemoveClassMemberPayload(school_class=Class.of(row))

    @mutation("Set an assignment for a class, for its teachers, the admins of its group and those above.")
    async def create_assignment(
        self, info: Info, input: Annotated[CreateAssignmentInput, INPUT]
    ) -> CreateAssignmentPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, assignments = info.context.viewer, info.context.runtime.assignments
        class_id = uuid_of(input.class_id, "Class", field="classId")
        row = await assignments.create(viewer, class_id, input.title)
        return CreateAssignmentPayload(assignment=Assignment.of(row))

    @mutation("Give an assignment another title, for those who may set assignments for its class.")
    async def update_assignment(
        self, info: Info, input: Annotated[UpdateAssignmentInput, INPUT]
    ) -> UpdateAssignmentPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, assignments = info.context.viewer, info.context.runtime.assignments
        row = await assignments.rename(viewer, uuid_of(input.id, "Assignment"), input.title)
        return UpdateAssignmentPayload(assignment=Assignment.of(row))

    @mutation("Delete an assignment, for those who may set assignments for its class. The files attached to it stay.")
    async def delete_assignment(
        self, info: Info, input: Annotated[DeleteAssignmentInput, INPUT]
    ) -> DeleteAssignmentPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, assignments = info.context.viewer, info.context.runtime.assignments
        assignment_id = uuid_of(input.id, "Assignment")
        await assignments.delete(viewer, assignment_id)
        return DeleteAssignmentPayload(assignment_id=global_id("Assignment", assignment_id))
