"""What the mutations of avatars take."""

import strawberry

_FILE = "A picture (PNG, JPEG, WebP or GIF) that is ACTIVE and that the viewer may manage."


@strawberry.input(description="A picture for a user.")
class SetUserAvatarInput:
    """One user, one file."""

    user_id: strawberry.ID = strawberry.field(description="The user.")
    file_id: strawberry.ID = strawberry.field(description=_FILE)


@strawberry.input(description="Whose picture to remove.")
class RemoveUserAvatarInput:
    """One user."""

    user_id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.input(description="A picture for a group.")
class SetGroupAvatarInput:
    """One group, one file."""

    group_id: strawberry.ID = strawberry.field(description="The group.")
    file_id: strawberry.ID = strawberry.field(description=_FILE)


@strawberry.input(description="Which group's picture to remove.")
class RemoveGroupAvatarInput:
    """One group."""

    group_id: strawberry.ID = strawberry.field(description="The group.")


@strawberry.input(description="A picture for a class.")
class SetClassAvatarInput:
    """One class, one file."""

    class_id: strawberry.ID = strawberry.field(description="The class.")
    file_id: strawberry.ID = strawberry.field(description=_FILE)


@strawberry.input(description="Which class's picture to remove.")
class RemoveClassAvatarInput:
    """One class."""

    class_id: strawberry.ID = strawberry.field(description="The class.")
