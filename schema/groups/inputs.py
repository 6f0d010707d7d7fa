"""What the mutations of groups and memberships take."""

from typing import cast

import strawberry
from strawberry.types.unset import UNSET, UnsetType

from app.models import GroupType, MemberRole
from app.services.groups import GroupChange, Move, NewGroup
from schema.ids import optional_uuid_of

_SLUG = "The short name, unique among its siblings: from 1 to 100 small letters a to z, digits and hyphens."
_NAME = "The name; from 1 to 200 characters."


@strawberry.input(description="A group to create.")
class CreateGroupInput:
    """One group."""

    name: str = strawberry.field(description=_NAME)
    slug: str = strawberry.field(description=_SLUG)
    type: GroupType = strawberry.field(description="The level in the tree, which must be below that of the parent.")
    parent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The group above; null: a root, for system admins."
    )

    def wanted(self) -> NewGroup:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        return NewGroup(self.name, self.slug, self.type, optional_uuid_of(self.parent_id, "Group", field="parentId"))


@strawberry.input(description="What to change of a group; what is left out stays.")
class UpdateGroupInput:
    """One group."""

    id: strawberry.ID = strawberry.field(description="The group.")
    name: str | None = strawberry.field(default=None, description=_NAME + " Null stays.")
    slug: str | None = strawberry.field(default=None, description=_SLUG + " Null stays.")
    parent_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The group to move it below, with all that is below it; null: to the roots, for system admins.",
    )

    def change(self) -> GroupChange:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        # Strawberry says "left out" with a value of its own, which the types of the fields do not tell.
        stays = isinstance(cast("object", self.parent_id), UnsetType)
        move = None if stays else Move(optional_uuid_of(self.parent_id, "Group", field="parentId"))
        return GroupChange(self.name, self.slug, move)


@strawberry.input(description="A group to delete.")
class DeleteGroupInput:
    """One group."""

    id: strawberry.ID = strawberry.field(description="The group.")


@strawberry.input(description="Who is to have which role in a group.")
class SetGroupMemberInput:
    """One user, one group, one role."""

    group_id: strawberry.ID = strawberry.field(description="The group.")
    user_id: strawberry.ID = strawberry.field(description="The user.")
    role: MemberRole = strawberry.field(description="The role.")


@strawberry.input(description="Who is to leave a group.")
class RemoveGroupMemberInput:
    """One user, one group."""

    group_id: strawberry.ID = strawberry.field(description="The group.")
    user_id: strawberry.ID = strawberry.field(description="The member.")
