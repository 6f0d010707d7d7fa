"""Avatars of users, groups and classes: a picture that its setter may manage (R15, R16)."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Forbidden, NotFound, UnsupportedMediaType
from app.models import Class, File, Group, User
from app.permissions import may_set_class_avatar, may_set_group_avatar, may_set_user_avatar
from app.services.directory import Directory
from app.services.file_access import locked_active_file, manageable_file, shown_files
from app.services.standing import load_standing

# What every browser shows as a picture, and none runs as a script: the type was found in the bytes.
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")

Subject = TypeVar("Subject", User, Group, Class)


class Avatars:
    """Sets and removes avatars. Replacing or removing one keeps the file; a file in the trash hides it until it is back."""

    def __init__(self, database: Database, directory: Directory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def set_for_user(self, principal: Principal, user_id: UUID, file_id: UUID) -> User:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        return await self._set(principal, await self._user(principal, user_id), file_id)

    async def remove_from_user(self, principal: Principal, user_id: UUID) -> User:
        """Raises NotFound, Forbidden."""
        return await self._write(await self._user(principal, user_id), None)

    async def set_for_group(self, principal: Principal, group_id: UUID, file_id: UUID) -> Group:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        return await self._set(principal, await self._group(principal, group_id), file_id)

    async def remove_from_group(self, principal: Principal, group_id: UUID) -> Group:
        """Raises NotFound, Forbidden."""
        return await self._write(await self._group(principal, group_id), None)

    async def set_for_class(self, principal: Principal, class_id: UUID, file_id: UUID) -> Class:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        return await self._set(principal, await self._class(principal, class_id), file_id)

    async def remove_from_class(self, principal: Principal, class_id: UUID) -> Class:
        """Raises NotFound, Forbidden."""
        return await self._write(await self._class(principal, class_id), None)

    async def shown(self, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, File]:
        """Those of the avatars that the principal may see now."""
        return await shown_files(self._database, principal, file_ids)

    async def _user(self, principal: Principal, user_id: UUID) -> User:
        user = await self._directory.user(principal, user_id)
        if not may_set_user_avatar(principal, user_id):
            raise Forbidden
        return user

    async def _group(self, principal: Principal, group_id: UUID) -> Group:
        group = await self._directory.group(principal, group_id)
        if not may_set_group_avatar(principal, group_id, await load_standing(self._database, principal)):
            raise Forbidden
        return group

    async def _class(self, principal: Principal, class_id: UUID) -> Class:
        school_class = await self._directory.school_class(principal, class_id)
        standing = await load_standing(self._database, principal)
        if not may_set_class_avatar(principal, class_id, school_class.group_id, standing):
            raise Forbidden
        return school_class

    async def _set(self, principal: Principal, subject: Subject, file_id: UUID) -> Subject:
        await manageable_file(self._database, principal, file_id)

        async def unit() -> None:
            # Locked until the subject refers to it: a purge that comes in between would leave nothing to refer to.
            file = await locked_active_file(file_id)
            if file.mime_type not in PICTURES:
                raise UnsupportedMediaType(mime_type=file.mime_type, allowed=PICTURES)
            await self._write(subject, file_id)

        await self._database.transaction(unit)
        return subject

    async def _write(self, subject: Subject, file_id: UUID | None) -> Subject:
        """One UPDATE of these columns alone. Raises NotFound when the subject has gone meanwhile."""
        subject.avatar_id = file_id
        subject.updated_at = self._clock.now()
        changed = await type(subject).filter(id=subject.id).update(avatar_id=file_id, updated_at=subject.updated_at)
        if not changed:
            raise NotFound(type(subject).__name__.lower())
        return subject
