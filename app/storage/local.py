"""Local storage (R10): objects are files below one root, on a disk that keeps what it has synced.

This is the half that runs on the event loop. All work on the disk runs in threads of the backend's own: see `local_files`,
`local_listing` and `local_tree` for it, and `threads` for what becomes of a thread whose caller has gone.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from app.storage.backend import BATCH_BYTES, Digest, ObjectInfo, SignedRead
from app.storage.conveyor import Conveyor
from app.storage.errors import InvalidKey, StorageError
from app.storage.keys import check_key
from app.storage.local_commits import GroupCommits
from app.storage.local_errors import translated
from app.storage.local_files import FileReader, FileWriter, remove_objects, stat_object
from app.storage.local_listing import pages
from app.storage.local_sync import SyncsAhead
from app.storage.local_tree import Tree
from app.storage.threads import GRACE_SECONDS, Lane, Threads
from app.storage.urls import UrlSigner

# Of an object known to be larger than a batch so much, in bytes, is written as soon as its thread is free: many senders that are
# slow would otherwise hold a batch each.
_WORTH_A_HOP = 64 * 1024


class LocalBackend:
    """Files below `root`. `location` is the name of this store in signed URLs; `threads` bounds what it does at once."""

    kind = "local"
    bounds_writes = False

    def __init__(
        self,
        root: Path,
        *,
        location: str,
        signer: UrlSigner,
        threads: int = 16,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._tree = Tree(root)
        self._location = location
        self._signer = signer
        self._threads = Threads(f"storage-{location}", limit=threads, grace_seconds=grace_seconds)
        self._syncs = SyncsAhead(self._threads)
        self._commits = GroupCommits(self._threads, self._tree)

    async def open(self, *, create: bool = True) -> None:
        """See `Backend.open`. Without `create` a missing root stays missing, and every call says so until it is there."""
        if create:
            await self._threads.run(self._tree.make_root)

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._threads.close()

    async def check(self) -> None:
        """See `Backend.check`."""
        await self._threads.run(self._tree.probe)

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        """See `Backend.write`. While one batch is hashed and written in a thread, the next one is received.

        An object that fits into one batch takes one thread hop for everything, the syncs and the rename included, and shares it
        with others that wait for a thread.
        """
        writer = FileWriter(self._tree, self._syncs, key, digest)
        enough = BATCH_BYTES if size_hint is None or size_hint <= BATCH_BYTES else _WORTH_A_HOP
        conveyor = Conveyor(self._threads, writer.put, enough=enough, full=BATCH_BYTES)
        try:
            async for chunk in chunks:
                await conveyor.put(chunk)
            if conveyor.all_here:
                await conveyor.finish_with(partial(self._commits.begin, writer))
            else:
                await conveyor.finish(writer.finish)
        except BaseException:
            # Before the thread is waited for, so that a rename that has not happened yet does not happen any more.
            writer.withdrawn = True
            await conveyor.close(writer.discard)
            raise
        return writer.size

    @contextlib.asynccontextmanager
    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Backend.read`. An object that fits into one piece takes one thread hop, closing included."""
        reader = FileReader(self._tree, key, start, end)
        lane = Lane(self._threads)
        try:
            async with contextlib.aclosing(_pieces(lane, reader, await lane.run(reader.begin))) as pieces:
                yield pieces
        finally:
            if not reader.finished:
                await lane.close(reader.close)

    async def stat(self, key: str) -> ObjectInfo:
        """See `Backend.stat`."""
        return await self._threads.run(partial(stat_object, self._tree, check_key(key)))

    async def delete(self, key: str) -> None:
        """See `Backend.delete`."""
        failures = await self.delete_many([check_key(key)])
        if failures:
            raise failures[key]

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """See `Backend.delete_many`. Each folder is synced once for all keys in it."""
        failures: dict[str, StorageError] = {}
        valid = []
        for key in keys:
            try:
                valid.append(check_key(key))
            except InvalidKey as error:
                failures[key] = error
        for _, folder in groupby(sorted(valid), key=lambda key: key.rpartition("/")[0]):
            failures |= await self._threads.run(partial(remove_objects, self._tree, list(folder)))
        return failures

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Backend.list`."""
        listing = pages(self._tree, prefix)

        def next_page() -> list[ObjectInfo]:
            with translated():
                return next(listing, [])

        while page := await self._threads.run(next_page):
            for info in page:
                yield info

    async def sign(self, request: SignedRead) -> str:
        """See `Backend.sign`. The URL leads to `app.web.downloads`."""
        return self._signer.sign(request, self._location)

    async def read_identity(self) -> str | None:
        """See `Backend.read_identity`."""
        return await self._threads.run(self._tree.read_identity)

    async def write_identity(self, identity: str) -> None:
        """See `Backend.write_identity`."""
        await self._threads.run(partial(self._tree.write_identity, identity))


async def _pieces(lane: Lane, reader: FileReader, piece: bytes) -> AsyncGenerator[bytes, None]:
    while piece:
        yield piece
        piece = b"" if reader.finished else await lane.run(reader.proceed)
