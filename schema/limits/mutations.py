"""Setting and clearing limits (R21-R25)."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.fields import INPUT, mutation
from schema.groups.types import Group
from schema.ids import uuid_of
from schema.limits.inputs import (
    ClearGroupRoleLimitsInput,
    ClearUserLimitsInput,
    SetGroupRoleLimitsInput,
    SetUserLimitsInput,
)
from schema.people.types import User


@strawberry.type(description="The user with the limits that hold now.")
class SetUserLimitsPayload:
    """The answer to setUserLimits."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The user, without limits of their own.")
class ClearUserLimitsPayload:
    """The answer to clearUserLimits."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The group with the role limits that hold now.")
class SetGroupRoleLimitsPayload:
    """The answer to setGroupRoleLimits."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type(description="The group, without limits for the role.")
class ClearGroupRoleLimitsPayload:
    """The answer to clearGroupRoleLimits."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type
class LimitMutations:
    """Part of Mutation."""

    @mutation("Set a user's own limits, before those of roles. System admins.")
    async def set_user_limits(
        self, info: Info, input: Annotated[SetUserLimitsInput, INPUT]
    ) -> SetUserLimitsPayload | None:
        """Raises Forbidden, NotFound, BadUserInput."""
        viewer, limits = info.context.viewer, info.context.runtime.limit_changes
        user_id = uuid_of(input.user_id, "User", field="userId")
        return SetUserLimitsPayload(user=User.of(await limits.set_for_user(viewer, user_id, input.wanted())))

    @mutation("Drop a user's own limits: those that the roles earn count again. System admins.")
    async def clear_user_limits(
        self, info: Info, input: Annotated[ClearUserLimitsInput, INPUT]
    ) -> ClearUserLimitsPayload | None:
        """Raises Forbidden, NotFound, BadUserInput."""
        viewer, limits = info.context.viewer, info.context.runtime.limit_changes
        user_id = uuid_of(input.user_id, "User", field="userId")
        return ClearUserLimitsPayload(user=User.of(await limits.clear_for_user(viewer, user_id, input.reason)))

    @mutation("Set what a role earns in a group and below it. Group admins, up to what the groups above allow.")
    async def set_group_role_limits(
        self, info: Info, input: Annotated[SetGroupRoleLimitsInput, INPUT]
    ) -> SetGroupRoleLimitsPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, limits = info.context.viewer, info.context.runtime.limit_changes
        group_id = uuid_of(input.group_id, "Group", field="groupId")
        group = await limits.set_for_role(viewer, group_id, input.role, input.wanted())
        return SetGroupRoleLimitsPayload(group=Group.of(group))

    @mutation("Drop what a group sets for a role: the groups above count again. Group admins.")
    async def clear_group_role_limits(
        self, info: Info, input: Annotated[ClearGroupRoleLimitsInput, INPUT]
    ) -> ClearGroupRoleLimitsPayload | None:
        """Raises NotFound, Forbidden, BadUserInput."""
        viewer, limits = info.context.viewer, info.context.runtime.limit_changes
        group_id = uuid_of(input.group_id, "Group", field="groupId")
        group = await limits.clear_for_role(viewer, group_id, input.role, input.reason)
        return ClearGroupRoleLimitsPayload(group=Group.of(group))
