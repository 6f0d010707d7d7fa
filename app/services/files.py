"""Files as their people handle them: find, rename, throw away, bring back, purge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import (
    BadUserInput,
    Conflict,
    Forbidden,
    NotFound,
    QuotaExceeded,
    StorageUnavailable,
    UnsupportedMediaType,
)
from app.events import (
    Events,
    FileDeleted,
    FileEvent,
    FilePurged,
    FileRenamed,
    FileRestored,
    FileUrlIssued,
    QuotaRefused,
)
from app.models import File, FileStatus, User
from app.permissions import NOBODY
from app.services.file_access import manageable_file, visible_file
from app.services.file_list import FileFilter, FileOrder, FileScope, read_owners_pages, read_page
from app.services.ledger import Ledger
from app.services.limits import Limits
from app.services.names import clean_name, fold_name
from app.services.paging import Page
from app.services.purge import Batch, Purge
from app.services.sniffing import names_executable
from app.services.standing import load_standing
from app.storage.backend import SignedRead
from app.storage.errors import StorageError
from app.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that works without a token until `expires_at` (UTC)."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PurgedFile:
    """A file that is gone for good."""

    id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class EmptiedTrash:
    """What emptying a trash came to; bytes."""

    owner_id: UUID
    files_purged: int
    bytes_freed: int


@dataclass(frozen=True, slots=True)
class UrlLifetime:
    """How long signed URLs live; seconds."""

    default_seconds: int
    max_seconds: int


class Files:
    """Every use case around stored files but uploading and downloading."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        limits: Limits,
        ledger: Ledger,
        purge: Purge,
        clock: Clock,
        *,
        url_lifetime: UrlLifetime,
        trash_counts_toward_quota: bool,
        events: Events,
    ) -> None:
        self._database = database
        self._storage = storage
        self._limits = limits
        self._ledger = ledger
        self._purge = purge
        self._clock = clock
        self._url_lifetime = url_lifetime
        self._trash_stays_charged = trash_counts_toward_quota
        self._events = events

    async def get(self, principal: Principal, file_id: UUID, *, active_only: bool = True) -> File:
        """One file. Raises NotFound when it is absent, invisible, or not ACTIVE where only that counts."""
        file = await visible_file(self._database, principal, file_id)
        if active_only and file.status != FileStatus.ACTIVE:
            raise NotFound("file")
        return file

    async def page(
        self, principal: Principal, wanted: FileFilter, order: FileOrder, first: int, after: str | None
    ) -> Page[File]:
        """A page of the files the principal may see (R5). Raises BadUserInput for a bad cursor or size."""
        asked = wanted.scope is FileScope.MANAGED and not principal.is_system_admin
        standing = await load_standing(self._database, principal) if asked else NOBODY
        return await read_page(self._database, principal, standing, wanted, order, first, after)

    async def pages_of(
        self,
        principal: Principal,
        owner_ids: Sequence[UUID],
        wanted: FileFilter,
        order: FileOrder,
        first: int,
        after: str | None,
    ) -> dict[UUID, Page[File]]:
        """The same page of each owner's files, for owners whose list of files the principal may see. Raises BadUserInput
        as `page` does.
        """
        return await read_owners_pages(self._database, principal, owner_ids, wanted, order, first, after)

    async def rename(self, principal: Principal, file_id: UUID, name: str) -> File:
        """Give an ACTIVE file another name. Raises NotFound, Forbidden, Conflict, BadUserInput, and UnsupportedMediaType for the
        name of an executable: renamed, a text would become a script that no upload may be.
        """
        cleaned = clean_name(name)
        found = await manageable_file(self._database, principal, file_id)
        if names_executable(cleaned):
            raise UnsupportedMediaType(mime_type=found.mime_type, allowed=())

        async def unit() -> File:
            return await self._change(
                FileRenamed,
                file_id,
                FileStatus.ACTIVE,
                "name = $2, name_folded = $3, updated_at = $4",
                cleaned,
                fold_name(cleaned),
                self._clock.now(),
            )

        return await self._database.transaction(unit)

    async def delete(self, principal: Principal, file_id: UUID) -> File:
        """Move an ACTIVE file to the trash; its bytes leave the owner's use at once unless the trash counts (R6)."""
        await manageable_file(self._database, principal, file_id)

        async def unit() -> File:
            file = await self._locked(file_id)
            now = self._clock.now()
            kept = file.size_bytes if self._trash_stays_charged else 0
            changed = await self._change(
                FileDeleted,
                file_id,
                FileStatus.ACTIVE,
                "status = 'SOFT_DELETED', deleted_at = $2, updated_at = $2, charged_bytes = CAST($3 AS BIGINT)",
                now,
                kept,
            )
            await self._ledger.move(file.owner_id, used=kept - file.charged_bytes, trash=file.size_bytes)
            return changed

        return await self._database.transaction(unit)

    async def restore(self, principal: Principal, file_id: UUID) -> File:
        """Bring a file back from the trash, past its retention too, while no purge has claimed it.

        What its row does not already hold is charged to the owner: raises QuotaExceeded when that does not fit.
        """
        found = await manageable_file(self._database, principal, file_id)
        owner_id = found.owner_id
        limits = await self._limits.effective(owner_id)

        async def unit() -> File:
            file = await self._locked(file_id)
            missing = file.size_bytes - file.charged_bytes
            changed = await self._change(
                FileRestored,
                file_id,
                FileStatus.SOFT_DELETED,
                "status = 'ACTIVE', deleted_at = NULL, updated_at = $2, charged_bytes = size_bytes",
                self._clock.now(),
            )
            await self._ledger.take_back(owner_id, file.size_bytes, missing, limits)
            return changed

        try:
            return await self._database.transaction(unit)
        except QuotaExceeded as refusal:
            self._events.emit(QuotaRefused.of(owner_id, found.group_id, found.name, refusal))
            raise

    async def purge(self, principal: Principal, file_id: UUID) -> PurgedFile:
        """Delete a file in the trash for good, now. Raises Conflict for a file that is not in the trash."""
        await manageable_file(self._database, principal, file_id)

        async def unit() -> tuple[File, Batch]:
            file = await self._locked(file_id)
            if file.status != FileStatus.SOFT_DELETED:
                raise Conflict("Only a file in the trash can be purged.")
            return file, await self._purge.claim(file.owner_id, [file])

        file, batch = await self._database.transaction(unit)
        await self._finish_purge([file], batch)
        return PurgedFile(id=file_id, owner_id=file.owner_id)

    async def empty_trash(self, principal: Principal, user_id: UUID | None = None) -> EmptiedTrash:
        """Purge everything in the principal's trash, or in a user's for system admins. Raises Forbidden, NotFound."""
        owner_id = user_id or principal.user_id
        if owner_id != principal.user_id:
            if not principal.is_system_admin:
                raise Forbidden
            if not await User.exists(id=owner_id):
                raise NotFound("user")
        purged = freed = 0
        while claimed := await self._purge.claim_trash(owner_id):
            files, batch = claimed
            await self._finish_purge(files, batch)
            purged += len(files)
            freed += sum(file.size_bytes for file in files)
        return EmptiedTrash(owner_id=owner_id, files_purged=purged, bytes_freed=freed)

    async def signed_url(self, file: File, *, expires_in: int | None, inline: bool) -> SignedUrl | None:
        """A URL for a file the caller may read; None unless it is ACTIVE. Raises BadUserInput for a bad lifetime (R4), and
        StorageUnavailable.
        """
        longest = self._url_lifetime.max_seconds
        seconds = self._url_lifetime.default_seconds if expires_in is None else expires_in
        if not 1 <= seconds <= longest:
            raise BadUserInput(f"A signed URL lives from 1 to {longest} seconds.", field="expiresIn")
        if file.status != FileStatus.ACTIVE:
            return None
        expires_at = self._clock.now() + timedelta(seconds=seconds)
        wanted = SignedRead(
            key=file.storage_key,
            file_name=file.name,
            mime_type=file.mime_type,
            inline=inline,
            expires_at=expires_at,
        )
        try:
            url = await self._storage.sign(file.location_id, wanted)
        except StorageError as error:
            raise StorageUnavailable(file.location_id) from error
        if self._storage.leads_to_store(file.location_id):
            self._events.emit(_event(FileUrlIssued, file))
        return SignedUrl(url=url, expires_at=expires_at)

    async def _locked(self, file_id: UUID) -> File:
        file = await File.filter(id=file_id).select_for_update().first()
        if file is None:
            raise NotFound("file")
        return file

    async def _change(
        self, kind: type[FileEvent], file_id: UUID, only_from: FileStatus, change: str, *values: object
    ) -> File:
        """One conditional update of the row, told of as an event of this kind after the commit; and the row after it: read in
        the same unit, for later another request may purge it. Raises Conflict when its state is another one by now.
        """
        statement = f"UPDATE files SET {change} WHERE id = $1 AND status = '{only_from}'"  # noqa: S608 - SQL of our own making
        if not await self._database.execute(statement, file_id, *values):
            problem = "in the trash already" if only_from is FileStatus.ACTIVE else "not in the trash"
            raise Conflict(f"The file is {problem}, or being purged.")
        file = await File.get(id=file_id)
        self._database.after_commit(lambda: self._events.emit(_event(kind, file)))
        return file

    async def _finish_purge(self, files: list[File], batch: Batch) -> None:
        for file in files:
            self._events.emit(_event(FilePurged, file))
        await self._purge.finish(batch)


def _event(kind: type[FileEvent], file: File) -> FileEvent:
    return kind(
        file_id=file.id,
        owner_id=file.owner_id,
        group_id=file.group_id,
        size_bytes=file.size_bytes,
        location=file.location_id,
        file_name=file.name,
    )
