"""Loaders: what the items of a list ask for one by one is read in one go. One set of them per operation."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from app.auth import Principal
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models import Attachment, Class, File, Group, Membership, RoleLimit, User, UserLimit
from app.permissions import NOBODY, Standing, may_administer_group
from app.runtime import Runtime
from app.services.file_access import readable_files
from app.services.limits import EffectiveLimits, Quota
from app.services.standing import load_standing
from schema.pages import Pages

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Loaders:
    """Each loader takes an id; what is not there, or not for the caller to read, is raised by the `load` that asked."""

    def __init__(self, runtime: Runtime, principal: Principal | None) -> None:
        self._runtime = runtime
        self._principal = principal

    async def standing(self) -> Standing:
        """What the caller is to groups and classes. System admins are asked for nothing, and so stand nowhere."""
        if self._principal is None or self._principal.is_system_admin:
            return NOBODY
        return await self._standings.load(self._principal)

    @cached_property
    def pages(self) -> Pages:
        """The lists of the objects of lists."""
        return Pages(self._runtime, self._viewer)

    def _viewer(self) -> Principal:
        if self._principal is None:
            raise Unauthenticated
        return self._principal

    @cached_property
    def _standings(self) -> DataLoader[Principal, Standing]:
        async def load(principals: Sequence[Principal]) -> Mapping[Principal, Standing]:
            return {principal: await load_standing(self._runtime.database, principal) for principal in principals}

        return _loader(load, Forbidden)

    @cached_property
    def users(self) -> DataLoader[UUID, User]:
        """Users, whoever asks: for objects that the caller sees already."""
        return _loader(self._runtime.directory.users, lambda: NotFound("user"))

    @cached_property
    def groups(self) -> DataLoader[UUID, Group]:
        """Groups, whoever asks: for objects that the caller sees already."""
        return _loader(self._runtime.directory.groups, lambda: NotFound("group"))

    @cached_property
    def visible_groups(self) -> DataLoader[UUID, Group]:
        """Groups of the caller's trees; others raise Forbidden."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, Group]:
            if self._principal is None:
                return {}
            return await self._runtime.directory.visible_groups(self._principal, await self.standing(), ids)

        return _loader(load, Forbidden)

    @cached_property
    def classes(self) -> DataLoader[UUID, Class]:
        """Classes, whoever asks: for objects that the caller sees already."""
        return _loader(self._runtime.directory.classes, lambda: NotFound("class"))

    @cached_property
    def files(self) -> DataLoader[UUID, File]:
        """Files, whoever asks: for objects that the caller sees already."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, File]:
            return {file.id: file for file in await File.filter(id__in=ids)}

        return _loader(load, lambda: NotFound("file"))

    @cached_property
    def watched_files(self) -> DataLoader[UUID, File | None]:
        """Files of events, in any state; None for one that is gone, or that the caller may not read now."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, File | None]:
            found = await File.filter(id__in=ids)
            readable = await readable_files(self._runtime.database, self._viewer(), found)
            return dict.fromkeys(ids) | {file.id: file for file in readable}

        return _loader(load, lambda: NotFound("file"))

    @cached_property
    def readable_files(self) -> DataLoader[File, File]:
        """Gives back a file whose bytes the caller may read, else raises Forbidden."""

        async def load(files: Sequence[File]) -> Mapping[File, File]:
            if self._principal is None:
                return {}
            return {file: file for file in await readable_files(self._runtime.database, self._principal, files)}

        return _loader(load, Forbidden)

    @cached_property
    def kinds(self) -> DataLoader[UUID, str]:
        """The GraphQL type of an avatar's subject; User for one that is gone."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, str]:
            return dict.fromkeys(ids, "User") | await self._runtime.directory.kinds(ids)

        return _loader(load, lambda: NotFound("entity"))

    @cached_property
    def readable(self) -> DataLoader[UUID, UUID]:
        """Gives back the id of a user whose e-mail, limits, quota and memberships the caller may read, else raises
        Forbidden.
        """

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
            if self._principal is None:
                return {}
            readable = await self._runtime.directory.readable(self._principal, await self.standing(), ids)
            return {user_id: user_id for user_id in readable}

        return _loader(load, Forbidden)

    @cached_property
    def administered(self) -> DataLoader[UUID, UUID]:
        """Gives back the id of a group that the caller is a subtree admin of, else raises Forbidden."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
            principal = self._principal
            if principal is None:
                return {}
            standing = await self.standing()
            return {group_id: group_id for group_id in ids if may_administer_group(principal, group_id, standing)}

        return _loader(load, Forbidden)

    @cached_property
    def avatars(self) -> DataLoader[UUID, File | None]:
        """The file of an avatar; None when the caller may not see it now."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, File | None]:
            shown = {} if self._principal is None else await self._runtime.avatars.shown(self._principal, ids)
            return {file_id: shown.get(file_id) for file_id in ids}

        return _loader(load, lambda: NotFound("file"))

    @cached_property
    def attachments(self) -> DataLoader[UUID, list[Attachment]]:
        """An assignment's attachments with their files, whoever asks."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, list[Attachment]]:
            shown = await self._runtime.attachments.shown(ids)
            return {assignment_id: shown.get(assignment_id, []) for assignment_id in ids}

        return _loader(load, lambda: NotFound("assignment"))

    @cached_property
    def memberships(self) -> DataLoader[UUID, list[Membership]]:
        """A user's memberships in groups that the caller may see."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, list[Membership]]:
            if self._principal is None:
                return {}
            found = await self._runtime.directory.memberships(self._principal, await self.standing(), ids)
            return {user_id: found.get(user_id, []) for user_id in ids}

        return _loader(load, lambda: NotFound("user"))

    @cached_property
    def limits(self) -> DataLoader[UUID, EffectiveLimits]:
        """A user's effective limits, whoever asks."""
        return _loader(self._runtime.limits.effective_many, lambda: NotFound("user"))

    @cached_property
    def quotas(self) -> DataLoader[UUID, Quota]:
        """A user's ledger beside the quota, whoever asks."""
        return _loader(self._runtime.limits.quota_many, lambda: NotFound("user"))

    @cached_property
    def overrides(self) -> DataLoader[UUID, UserLimit | None]:
        """A user's override, whoever asks."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, UserLimit | None]:
            found = await self._runtime.limit_history.overrides(ids)
            return {user_id: found.get(user_id) for user_id in ids}

        return _loader(load, lambda: NotFound("user"))

    @cached_property
    def role_limits(self) -> DataLoader[UUID, list[RoleLimit]]:
        """What a group sets for its roles, whoever asks."""

        async def load(ids: Sequence[UUID]) -> Mapping[UUID, list[RoleLimit]]:
            found = await self._runtime.limit_history.role_limits(ids)
            return {group_id: found.get(group_id, []) for group_id in ids}

        return _loader(load, lambda: NotFound("group"))


def _loader(
    load: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]], missing: Callable[[], Exception]
) -> DataLoader[K, T]:
    async def load_all(ids: list[K]) -> list[T | BaseException]:
        found = await load(ids)
        return [found[identifier] if identifier in found else missing() for identifier in ids]

    return DataLoader(load_all)
