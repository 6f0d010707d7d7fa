"""People, groups, classes and assignments as others see them (README, "Who may do what"): one by one for those who ask
for an object, in sets for what lists show.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.db.sql import placeholders, uuid_of
from app.errors import NotFound
from app.models import Assignment, Class, Group, Membership, User
from app.permissions import Standing, may_see_class, may_see_group, may_see_user, may_see_user_details
from app.services.standing import group_place, group_places, load_standing, user_place, user_places


class Directory:
    """Finds people and places."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def user(self, principal: Principal, user_id: UUID) -> User:
        """A user in one of the principal's trees, or any for system admins. Raises NotFound."""
        user = await User.get_or_none(id=user_id)
        if user is None or not await self._may_see_user(principal, user_id):
            raise NotFound("user")
        return user

    async def group(self, principal: Principal, group_id: UUID) -> Group:
        """A group in one of the principal's trees, or any for system admins. Raises NotFound."""
        group = await Group.get_or_none(id=group_id)
        if group is None or not await self._may_see_group(principal, group_id):
            raise NotFound("group")
        return group

    async def school_class(self, principal: Principal, class_id: UUID) -> Class:
        """A class that the principal is in or administers. Raises NotFound."""
        school_class = await Class.get_or_none(id=class_id)
        if school_class is None or not await self._may_see_class(principal, school_class):
            raise NotFound("class")
        return school_class

    async def assignment(self, principal: Principal, assignment_id: UUID) -> Assignment:
        """An assignment of such a class, with its class. Raises NotFound."""
        assignment = await Assignment.get_or_none(id=assignment_id).select_related("school_class")
        if assignment is None or not await self._may_see_class(principal, assignment.school_class):
            raise NotFound("assignment")
        return assignment

    async def users(self, user_ids: Sequence[UUID]) -> dict[UUID, User]:
        """Users by id, for objects that the caller sees already; absent ones are left out."""
        return {user.id: user for user in await User.filter(id__in=user_ids)}

    async def groups(self, group_ids: Sequence[UUID]) -> dict[UUID, Group]:
        """Groups by id, for objects that the caller sees already; absent ones are left out."""
        return {group.id: group for group in await Group.filter(id__in=group_ids)}

    async def classes(self, class_ids: Sequence[UUID]) -> dict[UUID, Class]:
        """Classes by id, for objects that the caller sees already; absent ones are left out."""
        return {row.id: row for row in await Class.filter(id__in=class_ids)}

    async def visible_groups(
        self, principal: Principal, standing: Standing, group_ids: Sequence[UUID]
    ) -> dict[UUID, Group]:
        """Those of the groups that the principal may see."""
        groups = await self.groups(group_ids)
        if principal.is_system_admin:
            return groups
        near = standing.administered.union(standing.roles, standing.roots)
        places = await group_places(self._database, [group_id for group_id in groups if group_id not in near])
        return {
            group_id: group
            for group_id, group in groups.items()
            if group_id not in places or may_see_group(principal, places[group_id], standing)
        }

    async def memberships(
        self, principal: Principal, standing: Standing, user_ids: Sequence[UUID]
    ) -> dict[UUID, list[Membership]]:
        """What each user belongs to, the oldest membership first: in groups that the principal may see, for who
        administers a user in one tree learns nothing of another.
        """
        rows = await Membership.filter(user_id__in=user_ids).order_by("created_at", "id")
        seen = await self.visible_groups(principal, standing, list({row.group_id for row in rows}))
        found: defaultdict[UUID, list[Membership]] = defaultdict(list)
        for row in rows:
            if row.group_id in seen:
                found[row.user_id].append(row)
        return found

    async def readable(self, principal: Principal, standing: Standing, user_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the users whose e-mail, limits, quota, memberships, classes and files the principal may see."""
        known = {user_id for user_id in user_ids if principal.is_system_admin or user_id == principal.user_id}
        others = [user_id for user_id in user_ids if user_id not in known]
        places = await user_places(self._database, others) if standing.administered else {}
        return frozenset(known).union(
            user_id for user_id, place in places.items() if may_see_user_details(principal, user_id, place, standing)
        )

    async def kinds(self, identifiers: Sequence[UUID]) -> dict[UUID, str]:
        """Whether an id is a User's, a Group's or a Class's: what an avatar's `entityId` does not say by itself."""
        wanted = placeholders(1, len(identifiers))
        rows = await self._database.fetch(
            f"SELECT 'User' AS kind, id FROM users WHERE id IN ({wanted})"  # noqa: S608 - placeholders only
            f" UNION ALL SELECT 'Group', id FROM groups WHERE id IN ({wanted})"
            f" UNION ALL SELECT 'Class', id FROM classes WHERE id IN ({wanted})",
            *identifiers,
        )
        return {uuid_of(row["id"]): row["kind"] for row in rows}

    async def _may_see_user(self, principal: Principal, user_id: UUID) -> bool:
        if principal.is_system_admin or user_id == principal.user_id:
            return True
        standing = await load_standing(self._database, principal)
        return may_see_user(principal, user_id, await user_place(self._database, user_id), standing)

    async def _may_see_group(self, principal: Principal, group_id: UUID) -> bool:
        if principal.is_system_admin:
            return True
        standing = await load_standing(self._database, principal)
        return may_see_group(principal, await group_place(self._database, group_id), standing)

    async def _may_see_class(self, principal: Principal, school_class: Class) -> bool:
        if principal.is_system_admin:
            return True
        standing = await load_standing(self._database, principal)
        return may_see_class(principal, school_class.id, school_class.group_id, standing)
