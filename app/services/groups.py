"""Groups as their admins handle them: create, change, move, delete."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from tortoise.exceptions import IntegrityError

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import BadUserInput, Conflict, Forbidden, NotFound
from app.events import Events, StandingChanged
from app.models import Group, GroupType
from app.permissions import Standing, may_change_group, may_hold_groups
from app.services.directory import Directory
from app.services.file_links import forget_group, move_files
from app.services.names import clean_label
from app.services.standing import group_place, load_standing
from app.services.trees import change_shape, hold_shape, is_above, is_below, leave_lost_classes

_SLUG = re.compile(r"[a-z0-9-]{1,100}")


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group to create; a root without a parent."""

    name: str
    slug: str
    type: GroupType
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Where a group is to go: below another one, or to the roots."""

    parent_id: UUID | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What to change of a group; None stays."""

    name: str | None = None
    slug: str | None = None
    move: Move | None = None


class Groups:
    """Every use case around groups as such."""

    def __init__(self, database: Database, directory: Directory, clock: Clock, *, events: Events) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._events = events

    async def create(self, principal: Principal, wanted: NewGroup) -> Group:
        """Raises NotFound for the parent, Forbidden, BadUserInput, and Conflict when a sibling has the slug."""
        if wanted.parent_id is None and not principal.is_system_admin:
            raise Forbidden
        name, slug = clean_label(wanted.name), _checked_slug(wanted.slug)
        standing = await load_standing(self._database, principal)
        await self._check_parent(principal, wanted.parent_id, standing)

        async def unit() -> Group:
            await hold_shape(self._database)
            await _check_level(wanted.type, wanted.parent_id, field="type")
            now = self._clock.now()
            group = await Group.create(
                name=name, slug=slug, type=wanted.type, parent_id=wanted.parent_id, created_at=now, updated_at=now
            )
            self._tell_after_commit(group.id)
            return group

        return await self._unique(unit)

    async def update(self, principal: Principal, group_id: UUID, change: GroupChange) -> Group:
        """Change a group's name and slug, and move it with all that is below. Raises NotFound for the group and its new
        parent, Forbidden, BadUserInput, and Conflict when a sibling has the slug or the group moved meanwhile.
        """
        name = None if change.name is None else clean_label(change.name)
        slug = None if change.slug is None else _checked_slug(change.slug)
        standing = await load_standing(self._database, principal)
        group = await self._directory.group(principal, group_id)
        if not may_change_group(principal, group_id, group.parent_id, standing):
            raise Forbidden
        move = None if change.move is None or change.move.parent_id == group.parent_id else change.move
        if move is not None:
            await self._check_parent(principal, move.parent_id, standing)
            if not may_hold_groups(principal, group.parent_id, standing):
                raise Forbidden

        async def unit() -> Group:
            await (hold_shape if move is None else change_shape)(self._database)
            locked = await _locked(group)
            roots = (await group_place(self._database, group_id)).roots
            locked.name = locked.name if name is None else name
            locked.slug = locked.slug if slug is None else slug
            locked.updated_at = self._clock.now()
            if move is not None:
                await self._check_move(locked, move.parent_id)
                locked.parent_id = move.parent_id
                self._tell_after_commit(group_id)
            await locked.save(update_fields=["name", "slug", "parent_id", "updated_at"])
            roots |= (await group_place(self._database, group_id)).roots
            if len(roots) > 1:
                # Who is in another tree by this move is in no class of the tree that was left, nor the other way round.
                await leave_lost_classes(self._database, roots)
            return locked

        return await self._unique(unit)

    async def delete(self, principal: Principal, group_id: UUID) -> None:
        """Delete a group with its memberships, classes and role limits; its files move to the group above, or to none (R19).
        Raises NotFound, Forbidden, and Conflict while there are groups below.
        """
        standing = await load_standing(self._database, principal)
        group = await self._directory.group(principal, group_id)
        if not may_hold_groups(principal, group.parent_id, standing):
            raise Forbidden

        async def unit() -> None:
            await change_shape(self._database)
            # From here on nothing new can refer to the group: what is found below is all there will be.
            locked = await _locked(group, no_key=False)
            if await Group.exists(parent_id=group_id):
                raise Conflict("There are groups below this one: delete or move them first.")
            roots = (await group_place(self._database, group_id)).roots
            now = self._clock.now()
            await move_files(self._database, group_id, locked.parent_id, now)
            await forget_group(self._database, group_id, now)
            await locked.delete()
            await leave_lost_classes(self._database, roots)
            self._tell_after_commit(group_id)

        await self._database.transaction(unit)

    def _tell_after_commit(self, group_id: UUID) -> None:
        """Who may do what is another thing where a group came, moved or went."""
        self._database.after_commit(lambda: self._events.emit(StandingChanged(group_id=group_id)))

    async def _check_parent(self, principal: Principal, parent_id: UUID | None, standing: Standing) -> None:
        if parent_id is not None:
            await self._directory.group(principal, parent_id)
        if not may_hold_groups(principal, parent_id, standing):
            raise Forbidden

    async def _check_move(self, group: Group, parent_id: UUID | None) -> None:
        """Inside a unit that changes the shape: raises NotFound, BadUserInput, Conflict."""
        await _check_level(group.type, parent_id, field="parentId")
        if parent_id is not None and await is_above(self._database, group.id, parent_id):
            raise Conflict("A group cannot stand below itself.")

    async def _unique(self, unit: Callable[[], Awaitable[Group]]) -> Group:
        try:
            return await self._database.transaction(unit)
        except IntegrityError as error:
            raise Conflict("A group beside this one has the same slug.") from error


async def _locked(seen: Group, *, no_key: bool = True) -> Group:
    """Inside a unit: the group, until its end. Raises NotFound when it has gone, and Conflict when it has moved since it was
    seen: what the caller may do depends on where it stands.
    """
    group = await Group.filter(id=seen.id).select_for_update(no_key=no_key).first()
    if group is None:
        raise NotFound("group")
    if group.parent_id != seen.parent_id:
        raise Conflict("The group was moved meanwhile: look at it again.")
    return group


async def _check_level(kind: GroupType, parent_id: UUID | None, *, field: str) -> None:
    """Raises NotFound when the parent has gone, BadUserInput when such a group cannot stand below it."""
    if parent_id is None:
        return
    parent = await Group.get_or_none(id=parent_id)
    if parent is None:
        raise NotFound("group")
    if not is_below(kind, parent.type):
        raise BadUserInput(f"A {kind.lower()} cannot stand below a {parent.type.lower()}.", field=field)


def _checked_slug(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise BadUserInput("A slug has between 1 and 100 small letters a to z, digits and hyphens.", field="slug")
    return slug
