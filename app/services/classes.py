"""Classes as the admins of their groups handle them."""

from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import Events, StandingChanged
from app.models import Class, ClassMember, ClassRole
from app.permissions import Standing, may_add_member, may_administer_group
from app.services.directory import Directory
from app.services.file_links import forget_class
from app.services.memberships import locked_user
from app.services.names import clean_label
from app.services.standing import group_place, load_standing, user_place
from app.services.trees import hold_shape


class Classes:
    """Every use case around classes and their members."""

    def __init__(self, database: Database, directory: Directory, clock: Clock, *, events: Events) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._events = events

    async def create(self, principal: Principal, group_id: UUID, name: str) -> Class:
        """Raises NotFound for the group, Forbidden, BadUserInput."""
        label = clean_label(name)
        standing = await load_standing(self._database, principal)
        await self._directory.group(principal, group_id)
        if not may_administer_group(principal, group_id, standing):
            raise Forbidden

        async def unit() -> Class:
            await hold_shape(self._database)
            if not (await group_place(self._database, group_id)).groups:
                raise NotFound("group")
            now = self._clock.now()
            return await Class.create(name=label, group_id=group_id, created_at=now, updated_at=now)

        return await self._database.transaction(unit)

    async def rename(self, principal: Principal, class_id: UUID, name: str) -> Class:
        """Raises NotFound, Forbidden, BadUserInput."""
        label = clean_label(name)
        school_class = await self._administered(principal, class_id, await load_standing(self._database, principal))
        school_class.name, school_class.updated_at = label, self._clock.now()
        changed = await Class.filter(id=class_id).update(name=label, updated_at=school_class.updated_at)
        if not changed:
            raise NotFound("class")
        return school_class

    async def delete(self, principal: Principal, class_id: UUID) -> None:
        """Delete a class with its assignments; files stay (R19). Raises NotFound, Forbidden."""
        school_class = await self._administered(principal, class_id, await load_standing(self._database, principal))

        async def unit() -> None:
            await forget_class(self._database, class_id, self._clock.now())
            if not await Class.filter(id=class_id).delete():
                raise NotFound("class")
            self._tell_after_commit(StandingChanged(group_id=school_class.group_id))

        await self._database.transaction(unit)

    async def set_member(self, principal: Principal, class_id: UUID, user_id: UUID, role: ClassRole) -> Class:
        """Add a teacher or student, or change the role. Members of a class are members of a group of its tree. Raises
        NotFound for the class and the user, Forbidden, and Conflict for who is not in the tree or deactivated.
        """
        standing = await load_standing(self._database, principal)
        school_class = await self._administered(principal, class_id, standing)
        await self._directory.user(principal, user_id)

        async def unit() -> None:
            await hold_shape(self._database)
            user = await locked_user(user_id)
            group_id = school_class.group_id
            group, place = await group_place(self._database, group_id), await user_place(self._database, user_id)
            if not may_add_member(principal, group_id, group, place, standing):
                raise Forbidden
            if user.deactivated_at is not None:
                raise Conflict("The user is deactivated.")
            if place.roots.isdisjoint(group.roots):
                raise Conflict("The user belongs to no group of the tree that the class is in.")
            await self._write_member(class_id, user_id, role)
            self._tell_after_commit(StandingChanged(user_id=user_id))

        await self._database.transaction(unit)
        return school_class

    async def remove_member(self, principal: Principal, class_id: UUID, user_id: UUID) -> Class:
        """Raises NotFound for the class, the user and the user's place in the class, Forbidden."""
        school_class = await self._administered(principal, class_id, await load_standing(self._database, principal))
        await self._directory.user(principal, user_id)

        async def unit() -> None:
            if not await ClassMember.filter(school_class_id=class_id, user_id=user_id).delete():
                raise NotFound("class member")
            self._tell_after_commit(StandingChanged(user_id=user_id))

        await self._database.transaction(unit)
        return school_class

    def _tell_after_commit(self, event: StandingChanged) -> None:
        self._database.after_commit(lambda: self._events.emit(event))

    async def _write_member(self, class_id: UUID, user_id: UUID, role: ClassRole) -> None:
        # The class stays until the end of the unit; otherwise its deletion would be a broken reference here.
        if not await Class.filter(id=class_id).select_for_update(no_key=True).first():
            raise NotFound("class")
        if not await ClassMember.filter(school_class_id=class_id, user_id=user_id).update(role=role):
            await ClassMember.create(school_class_id=class_id, user_id=user_id, role=role, created_at=self._clock.now())

    async def _administered(self, principal: Principal, class_id: UUID, standing: Standing) -> Class:
        # The standing is the older of the two: of a class that goes meanwhile nothing is said but that it is not there.
        school_class = await self._directory.school_class(principal, class_id)
        if not may_administer_group(principal, school_class.group_id, standing):
            raise Forbidden
        return school_class
