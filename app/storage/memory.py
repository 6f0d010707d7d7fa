"""Storage in the memory of one process: the same obligations as for disks and buckets, kept by a dictionary.

For tests, and for trying things out. Everything is gone with the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import Clock, SystemClock
from app.storage.backend import BATCH_BYTES, Digest, ObjectInfo, SignedRead, resolve_range
from app.storage.errors import InvalidKey, ObjectNotFound, Reason, StorageError, Unavailable
from app.storage.keys import check_key
from app.storage.urls import UrlSigner

# From this size on, in bytes, hashing a chunk on the event loop would be felt by others.
_LARGE_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    modified_at: datetime


class MemoryBackend:
    """Objects in a dictionary. `location` is the name of this store in signed URLs."""

    kind = "memory"
    bounds_writes = False

    def __init__(self, *, location: str, signer: UrlSigner, clock: Clock | None = None) -> None:
        self._location = location
        self._signer = signer
        self._clock = clock or SystemClock()
        self._objects: dict[str, _Object] = {}
        self._identity: str | None = None
        self._open = False

    async def open(self, *, create: bool = True) -> None:
        """See `Backend.open`. There is always a root."""
        self._open = True

    async def close(self) -> None:
        """See `Backend.close`. The objects stay, should the same backend be opened again."""
        self._open = False

    async def check(self) -> None:
        """See `Backend.check`."""
        if not self._open:
            raise Unavailable(Reason.CLOSED)

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        """See `Backend.write`. Here the whole object is held until it is complete, and afterwards too."""
        check_key(key)
        await self.check()
        data = bytearray()
        async for chunk in chunks:
            if len(chunk) >= _LARGE_CHUNK:
                await asyncio.to_thread(digest.update, chunk)
            else:
                digest.update(chunk)
            data += chunk
        self._objects[key] = _Object(bytes(data), self._clock.now())
        return len(data)

    @contextlib.asynccontextmanager
    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Backend.read`."""
        data = (await self._find(key)).data
        yield _pieces(data, *resolve_range(key, len(data), start, end))

    async def stat(self, key: str) -> ObjectInfo:
        """See `Backend.stat`."""
        found = await self._find(key)
        return ObjectInfo(key, len(found.data), found.modified_at)

    async def delete(self, key: str) -> None:
        """See `Backend.delete`."""
        check_key(key)
        await self.check()
        self._objects.pop(key, None)

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """See `Backend.delete_many`."""
        failures: dict[str, StorageError] = {}
        for key in keys:
            try:
                await self.delete(key)
            except InvalidKey as error:
                failures[key] = error
        return failures

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Backend.list`."""
        await self.check()
        for key in sorted(key for key in self._objects if key.startswith(prefix)):
            found = self._objects.get(key)
            if found is not None:
                yield ObjectInfo(key, len(found.data), found.modified_at)

    async def sign(self, request: SignedRead) -> str:
        """See `Backend.sign`. The URL leads to `app.web.downloads`."""
        return self._signer.sign(request, self._location)

    async def read_identity(self) -> str | None:
        """See `Backend.read_identity`."""
        await self.check()
        return self._identity

    async def write_identity(self, identity: str) -> None:
        """See `Backend.write_identity`."""
        await self.check()
        self._identity = self._identity or identity

    async def _find(self, key: str) -> _Object:
        check_key(key)
        await self.check()
        try:
            return self._objects[key]
        except KeyError as error:
            raise ObjectNotFound(key) from error


async def _pieces(data: bytes, start: int, stop: int) -> AsyncIterator[bytes]:
    for position in range(start, stop, BATCH_BYTES):
        await asyncio.sleep(0)  # others get their turn between two pieces, as they do with a real store
        yield data[position : min(position + BATCH_BYTES, stop)]
