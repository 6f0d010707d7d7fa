"""Reading a file by its signed URL. The URL is the permission: no caller, no roles."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.clock import Clock
from app.db import Database, sql
from app.errors import NotFound, SignedUrlExpired, SignedUrlInvalid, StorageUnavailable
from app.events import Events, FileDownloaded
from app.models import FileStatus
from app.storage.errors import ExpiredUrl, IntegrityFailed, InvalidUrl, ObjectNotFound, StorageError
from app.storage.storage import Storage
from app.storage.urls import UrlSigner

# One row by its unique key, and only while it is ACTIVE: that is what makes a URL die with the file's state (R4).
_ACTIVE_FILE = """
    SELECT id, owner_id, group_id, mime_type, size_bytes, sha256, created_at FROM files
    WHERE location_id = $1 AND storage_key = $2 AND status = $3
"""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that may be read now. Its bytes never change. `name` and `inline` are what the URL was made for.

    Sizes in bytes, `sha256` in lower-case hexadecimal, `created_at` in UTC; `seconds_left` is the rest of the URL's validity.
    """

    file_id: UUID
    owner_id: UUID
    group_id: UUID | None
    location: str
    storage_key: str
    name: str
    mime_type: str
    inline: bool
    size_bytes: int
    sha256: str
    created_at: datetime
    seconds_left: int


class Downloads:
    """Opens signed URLs and reads what they are for."""

    def __init__(self, database: Database, storage: Storage, urls: UrlSigner, clock: Clock, *, events: Events) -> None:
        self._database = database
        self._storage = storage
        self._urls = urls
        self._clock = clock
        self._events = events

    async def open(self, token: str) -> Download:
        """The file that a URL's token is for. Raises SignedUrlInvalid, SignedUrlExpired, or NotFound unless it is ACTIVE."""
        try:
            location, request = self._urls.verify(token)
        except ExpiredUrl as error:
            raise SignedUrlExpired from error
        except InvalidUrl as error:
            raise SignedUrlInvalid from error
        rows = await self._database.fetch(_ACTIVE_FILE, location, request.key, FileStatus.ACTIVE)
        if not rows:
            raise NotFound("File")
        row = rows[0]
        created_at = sql.moment_of(row["created_at"])
        if created_at is None:
            raise AssertionError("files.created_at is never null")
        return Download(
            file_id=sql.uuid_of(row["id"]),
            owner_id=sql.uuid_of(row["owner_id"]),
            group_id=sql.uuid_of(row["group_id"]) if row["group_id"] else None,
            location=location,
            storage_key=request.key,
            name=request.file_name,
            mime_type=row["mime_type"],
            inline=request.inline,
            size_bytes=row["size_bytes"],
            sha256=row["sha256"],
            created_at=created_at,
            seconds_left=max(0, int((request.expires_at - self._clock.now()).total_seconds())),
        )

    async def check(self, download: Download) -> None:
        """Make sure that the bytes are there, without reading them. Raises as `read` does on entry."""
        try:
            found = await self._storage.stat(download.location, download.storage_key)
            if found.size < download.size_bytes:
                raise IntegrityFailed(download.storage_key)
        except StorageError as error:
            raise await self._explain(download, error) from error

    @asynccontextmanager
    async def read(self, download: Download, start: int, end: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes [start, end), which must lie within the file; on entry, or while they are read, it raises
        StorageUnavailable when they cannot be had, and NotFound on entry when the file has just been purged.

        What comes without an error is whole: bytes that are missing at the end are an error too.
        """
        try:
            async with (
                self._storage.read(download.location, download.storage_key, start=start, end=end) as chunks,
                aclosing(_whole(download.storage_key, chunks, end - start)) as whole,
            ):
                yield whole
        except StorageError as error:
            raise await self._explain(download, error) from error

    def count(self, download: Download) -> None:
        """Tell the world that a file is being downloaded from its first byte on."""
        self._events.emit(
            FileDownloaded(
                file_id=download.file_id,
                owner_id=download.owner_id,
                group_id=download.group_id,
                size_bytes=download.size_bytes,
                location=download.location,
                file_name=download.name,
            )
        )

    async def _explain(self, download: Download, error: StorageError) -> NotFound | StorageUnavailable:
        # Between the look at the row and the read, a purge may have come to its end. Otherwise a missing object is lost.
        if isinstance(error, ObjectNotFound):
            rows = await self._database.fetch(_ACTIVE_FILE, download.location, download.storage_key, FileStatus.ACTIVE)
            if not rows:
                return NotFound("File")
        return StorageUnavailable(download.location)


async def _whole(key: str, chunks: AsyncIterator[bytes], length: int) -> AsyncGenerator[bytes, None]:
    left = length
    async for chunk in chunks:
        left -= len(chunk)
        yield chunk
    if left:
        raise IntegrityFailed(key)
