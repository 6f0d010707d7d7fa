"""Who belongs to which group, and in which role. All changes of one user's places wait for each other."""

from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import Events, StandingChanged
from app.models import Group, MemberRole, Membership, User
from app.permissions import Standing, may_add_member, may_administer_group
from app.services.directory import Directory
from app.services.standing import group_place, load_standing, user_place
from app.services.trees import hold_shape, leave_classes, leave_lost_classes


class Memberships:
    """Adds members, changes their roles, removes them."""

    def __init__(self, database: Database, directory: Directory, clock: Clock, *, events: Events) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._events = events

    async def set(self, principal: Principal, group_id: UUID, user_id: UUID, role: MemberRole) -> Membership:
        """Add a member, or change a member's role. Group admins add users of the group's tree only. Raises NotFound for the
        group and the user, Forbidden, and Conflict for a deactivated user.
        """
        standing = await load_standing(self._database, principal)
        await self._administered(principal, group_id, standing)
        await self._directory.user(principal, user_id)

        async def unit() -> Membership:
            await hold_shape(self._database)
            user = await locked_user(user_id)
            group, place = await group_place(self._database, group_id), await user_place(self._database, user_id)
            if not group.groups:
                raise NotFound("group")
            if not may_add_member(principal, group_id, group, place, standing):
                raise Forbidden
            if user.deactivated_at is not None:
                raise Conflict("The user is deactivated.")
            membership = await Membership.get_or_none(group_id=group_id, user_id=user_id)
            self._tell_after_commit(user_id)
            if membership is None:
                return await Membership.create(
                    group_id=group_id, user_id=user_id, role=role, created_at=self._clock.now()
                )
            membership.role = role
            await membership.save(update_fields=["role"])
            return membership

        return await self._database.transaction(unit)

    async def remove(self, principal: Principal, group_id: UUID, user_id: UUID) -> Group:
        """Remove a member, from the group's classes too (R19), and from all classes of the tree when this was the last
        place in it. Raises NotFound for the group, the user and the membership, Forbidden.
        """
        group = await self._administered(principal, group_id, await load_standing(self._database, principal))
        await self._directory.user(principal, user_id)

        async def unit() -> None:
            await hold_shape(self._database)
            await locked_user(user_id)
            if not await Membership.filter(group_id=group_id, user_id=user_id).delete():
                raise NotFound("membership")
            await leave_classes(self._database, group_id, user_id)
            roots = (await group_place(self._database, group_id)).roots
            await leave_lost_classes(self._database, roots, user_id)
            self._tell_after_commit(user_id)

        await self._database.transaction(unit)
        return group

    def _tell_after_commit(self, user_id: UUID) -> None:
        self._database.after_commit(lambda: self._events.emit(StandingChanged(user_id=user_id)))

    async def _administered(self, principal: Principal, group_id: UUID, standing: Standing) -> Group:
        # The standing is the older of the two: of a group that goes meanwhile nothing is said but that it is not there.
        group = await self._directory.group(principal, group_id)
        if not may_administer_group(principal, group_id, standing):
            raise Forbidden
        return group


async def locked_user(user_id: UUID) -> User:
    """Inside a unit: the user, whose places nobody else changes until its end. Raises NotFound."""
    user = await User.filter(id=user_id).select_for_update(no_key=True).first()
    if user is None:
        raise NotFound("user")
    return user
