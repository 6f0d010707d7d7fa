"""The S3 backend: objects of one bucket, in any store that speaks S3 (R9)."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from app.clock import Clock, SystemClock
from app.storage.backend import PAGE_OBJECTS, Digest, ObjectInfo, SignedRead
from app.storage.errors import InvalidKey, Reason, StorageError, Unavailable
from app.storage.keys import check_key, is_key, may_begin_key
from app.storage.presentation import content_disposition, content_type, shown_inline
from app.storage.s3.config import S3Config
from app.storage.s3.control import Control
from app.storage.s3.data import DataPlane
from app.storage.s3.errors import translated
from app.storage.s3.identity import Identity
from app.storage.s3.reading import ObjectReader
from app.storage.s3.signing import Signer
from app.storage.s3.writing import ObjectWriter
from app.storage.threads import GRACE_SECONDS, Threads

_HASHING_THREADS = 4


class S3Backend:
    """One bucket. `location` is the name of this store; `clock` is the one that `SignedRead.expires_at` is told by.

    One client and one HTTP session are made in `open` and shared by everything that the process does here.
    """

    kind = "s3"
    bounds_writes = True  # see `Patience`: every request of a write has its own

    def __init__(
        self,
        config: S3Config,
        *,
        location: str,
        clock: Clock | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._grace_seconds = grace_seconds
        self._signer = Signer(config.access_key_id, config.secret_access_key, config.region)
        self._public_address = config.public_address
        self._threads = Threads(f"storage-{location}", limit=_HASHING_THREADS, grace_seconds=grace_seconds)
        self._control = Control(config)
        self._data = DataPlane(config, self._signer)
        self._reader = ObjectReader(self._control, self._data)
        self._identity = Identity(self._data, config.settle_seconds)
        self._calls = _Calls()

    async def open(self, *, create: bool = True) -> None:
        """See `Backend.open`. Nothing is asked of the store yet, and no bucket is made: it must be there (`S3Config`)."""
        if not self._calls.opened:
            with translated():
                await self._data.open()
                await self._control.open()
            self._calls.opened = True

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._calls.end(self._grace_seconds)
        await self._control.close()
        await self._data.close()
        await self._threads.close()

    async def check(self) -> None:
        """See `Backend.check`. Whether the credentials may write is told by a write alone."""
        with self._calls.one():
            await self._control.find_bucket()

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        """See `Backend.write`. At most the parts in flight and the one that is being received are held.

        `size_hint` is not looked at: see `app.storage.s3.writing`.
        """
        check_key(key)
        with self._calls.one(key):
            writer = ObjectWriter(self._config, self._control, self._data, self._threads, key, digest, size_hint)
            return await writer.write(chunks, self._grace_seconds)

    @contextlib.asynccontextmanager
    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Backend.read`. It holds a connection from its entry to its exit."""
        check_key(key)
        with self._calls.one(key):
            async with self._reader.read(key, start, end) as pieces:
                yield pieces

    async def stat(self, key: str) -> ObjectInfo:
        """See `Backend.stat`."""
        check_key(key)
        with self._calls.one(key):
            return await self._control.head(key)

    async def delete(self, key: str) -> None:
        """See `Backend.delete`."""
        check_key(key)
        with self._calls.one(key):
            # In this order: an upload that is completed meanwhile is deleted as an object.
            async for found, upload_id in self._control.uploads(key):
                if found == key:
                    await self._control.abort_upload(key, upload_id)
            await self._control.remove(key)

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """See `Backend.delete_many`. A thousand objects take two requests, and one more for each unfinished upload of theirs."""
        failures: dict[str, StorageError] = {key: InvalidKey(key) for key in keys if not is_key(key)}
        valid = [key for key in dict.fromkeys(keys) if key not in failures]
        for start in range(0, len(valid), PAGE_OBJECTS):
            some = valid[start : start + PAGE_OBJECTS]
            try:
                with self._calls.one():
                    failures |= await self._delete_some(some)
            except StorageError as error:
                failures |= dict.fromkeys(some, error)
        return failures

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Backend.list`. What is no key, and what a store shows beyond the prefix or twice, is left out."""
        # Ceph fails on a prefix that holds what no key may hold, and nothing would be found by it.
        after: str | None = "" if may_begin_key(prefix) else None
        shown = ""
        while after is not None:
            with self._calls.one():
                page, after = await self._control.page(prefix, after)
            for info in page:
                if is_key(info.key) and info.key.startswith(prefix) and info.key != shown:
                    shown = info.key
                    yield info

    async def sign(self, request: SignedRead) -> str:
        """See `Backend.sign`. The URL is for a GET, leads to the store itself, and works until it expires, whatever becomes of
        the file's state; no HEAD, which would need a signature of its own. `expires_at` is kept to the second, rounded up.
        """
        check_key(request.key)
        inline = shown_inline(request.mime_type, asked=request.inline)
        answer = {
            "response-content-disposition": content_disposition(request.file_name, inline=inline),
            "response-content-type": content_type(request.mime_type),
        }
        # The store goes by the time of day, whatever the app's clock says: what counts is how long the URL is to live.
        now = datetime.now(UTC)
        expires_at = now + (request.expires_at - self._clock.now())
        path = self._public_address.path(request.key)
        return self._signer.presign(self._public_address, path, answer, now=now, expires_at=expires_at)

    async def read_identity(self) -> str | None:
        """See `Backend.read_identity`. The first one of a bucket may take seconds to settle: see `app.storage.s3.identity`."""
        with self._calls.one():
            return await self._identity.read()

    async def write_identity(self, identity: str) -> None:
        """See `Backend.write_identity`."""
        with self._calls.one():
            await self._identity.write(identity)

    async def _delete_some(self, keys: Sequence[str]) -> dict[str, StorageError]:
        unfinished: defaultdict[str, list[str]] = defaultdict(list)
        wanted = set(keys)
        async for key, upload_id in self._control.uploads():
            if key in wanted:
                unfinished[key].append(upload_id)
        failures: dict[str, StorageError] = {}
        for key, upload_ids in unfinished.items():
            try:
                for upload_id in upload_ids:
                    await self._control.abort_upload(key, upload_id)
            except StorageError as error:
                failures[key] = error
        # An object whose unfinished upload is still there goes all the same; the key has failed, and is tried again.
        return await self._control.remove_many(keys) | failures


class _Calls:
    """The calls in flight."""

    def __init__(self) -> None:
        self.opened = False
        self._closed = False
        self._count = 0
        self._none_left = asyncio.Event()

    @contextlib.contextmanager
    def one(self, key: str | None = None) -> Iterator[None]:
        """Around every call; raises `Unavailable` before the backend is open, and when it is closing."""
        if not self.opened or self._closed:
            raise Unavailable(Reason.CLOSED if self._closed else Reason.NOT_OPENED, key)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none_left.set()

    async def end(self, seconds: float) -> None:
        """Let no further call in, and wait for the others, but not for longer than so many seconds."""
        self._closed = True
        if self._count:
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), seconds)
