"""Making and changing groups, and who belongs to them."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.fields import INPUT, mutation
from schema.groups.inputs import (
    CreateGroupInput,
    DeleteGroupInput,
    RemoveGroupMemberInput,
    SetGroupMemberInput,
    UpdateGroupInput,
)
from schema.groups.types import Group, Membership
from schema.ids import global_id, uuid_of


@strawberry.type(description="The group that was created.")
class CreateGroupPayload:
    """The answer to createGroup."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type(description="The group as it is now.")
class UpdateGroupPayload:
    """The answer to updateGroup."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type(description="The group that is gone.")
class DeleteGroupPayload:
    """The answer to deleteGroup."""

    group_id: strawberry.ID = strawberry.field(description="The id that the group had.")


@strawberry.type(description="The user's place in the group.")
class SetGroupMemberPayload:
    """The answer to setGroupMember."""

    membership: Membership = strawberry.field(description="The membership as it is now.")


@strawberry.type(description="The group that the user has left.")
class RemoveGroupMemberPayload:
    """The answer to removeGroupMember."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type
class GroupMutations:
    """Part of Mutation."""

    @mutation(
        "Create a group below another one, for the admins of that one and those above; a root, for system admins."
    )
    async def create_group(self, info: Info, input: Annotated[CreateGroupInput, INPUT]) -> CreateGroupPayload | None:
        """Raises Forbidden, BadUserInput, NotFound, Conflict."""
        viewer, groups = info.context.viewer, info.context.runtime.groups
        return CreateGroupPayload(group=Group.of(await groups.create(viewer, input.wanted())))

    @mutation(
        "Change a group's name and slug, for its admins and those above; move it with all that is below it, for the admins"
        " of both the groups above. A root is changed and moved by system admins. Who is in another tree after a move is"
        " in no class of the one that was left."
    )
    async def update_group(self, info: Info, input: Annotated[UpdateGroupInput, INPUT]) -> UpdateGroupPayload | None:
        """Raises NotFound, Forbidden, BadUserInput, Conflict."""
        viewer, groups = info.context.viewer, info.context.runtime.groups
        return UpdateGroupPayload(
            group=Group.of(await groups.update(viewer, uuid_of(input.id, "Group"), input.change()))
        )

    @mutation(
        "Delete a group with its memberships, classes and role limits, for the admins of the group above; a root, for system"
        " admins. Its files move to the group above, or to none. With groups below it is a CONFLICT."
    )
    async def delete_group(self, info: Info, input: Annotated[DeleteGroupInput, INPUT]) -> DeleteGroupPayload | None:
        """Raises NotFound, Forbidden, Conflict."""
        viewer, groups = info.context.viewer, info.context.runtime.groups
        group_id = uuid_of(input.id, "Group")
        await groups.delete(viewer, group_id)
        return DeleteGroupPayload(group_id=global_id("Group", group_id))

    @mutation(
        "Add a member to a group, or change a member's role. Its admins and those above add users who are in its tree"
        " already; system admins anybody."
    )
    async def set_group_member(
        self, info: Info, input: Annotated[SetGroupMemberInput, INPUT]
    ) -> SetGroupMemberPayload | None:
        """Raises NotFound, Forbidden, Conflict."""
        viewer, memberships = info.context.viewer, info.context.runtime.memberships
        group_id, user_id = (
            uuid_of(input.group_id, "Group", field="groupId"),
            uuid_of(input.user_id, "User", field="userId"),
        )
        membership = await memberships.set(viewer, group_id, user_id, input.role)
        return SetGroupMemberPayload(membership=Membership.of(membership))

    @mutation(
        "Remove a member from a group, and with that from its classes and those of the groups below; from all classes of the"
        " tree, when the user is in none of its groups any more."
    )
    async def remove_group_member(
        self, info: Info, input: Annotated[RemoveGroupMemberInput, INPUT]
    ) -> RemoveGroupMemberPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, memberships = info.context.viewer, info.context.runtime.memberships
        group_id, user_id = (
            uuid_of(input.group_id, "Group", field="groupId"),
            uuid_of(input.user_id, "User", field="userId"),
        )
        return RemoveGroupMemberPayload(group=Group.of(await memberships.remove(viewer, group_id, user_id)))
