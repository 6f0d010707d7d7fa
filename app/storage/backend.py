"""The storage seam. The docstrings are obligations; `tests/contract` holds every backend to them.

For all calls: a key that `check_key` refuses raises `InvalidKey` and touches nothing; whatever the vendor raises becomes a
`StorageError` with the vendor's error as its cause; what cannot be done now is `Unavailable`. A call may be cancelled at any
await. Backends do not time themselves out, but for writes where `bounds_writes` says so: `Storage` cancels a call that makes no
progress, and a backend must then end within a few seconds, also when what it waits for never returns.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.storage.errors import InvalidRange, StorageError

# The unit in which bytes move: large enough that a thread hop or a system call costs little, small enough that a
# thousand transfers fit into memory.
BATCH_BYTES = 256 * 1024

# Bytes in the pieces in which they came, so that they are not copied.
Parts = Sequence[bytes | bytearray]

# How many objects one page of a listing, or one slice of a bulk delete, has at most.
PAGE_OBJECTS = 1000

# The object in the root of a store that says which store it is. It is no key, so no listing and no file can hold it.
IDENTITY_NAME = ".satchel-id"


class Digest(Protocol):
    """A running checksum, such as those of hashlib.

    A backend must call `update` with every byte once, in order, and off the event loop for anything large; the calls of one
    write may come from different threads, one after the other.
    """

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object: its size in bytes and when it was last written (aware, UTC)."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class SignedRead:
    """What the holder of a signed URL may do: read one object, under this name and type, until `expires_at` (aware)."""

    key: str
    file_name: str
    mime_type: str
    inline: bool
    expires_at: datetime


class Backend(Protocol):
    """Moves bytes to and from one store and translates its vendor's errors. It knows no rows, owners or limits."""

    @property
    def kind(self) -> str:
        """Which sort of backend it is: `memory`, `local` or `s3`."""
        ...

    @property
    def bounds_writes(self) -> bool:
        """Whether `write` raises `Unavailable` by itself when nothing moves any more. Nobody else can tell where several requests
        share a line: each of them goes on, and the next chunk is not taken for a long while.
        """
        ...

    async def open(self, *, create: bool = True) -> None:
        """Get ready. It must come before all other calls, and may be called again after it raised.

        With `create` a missing folder as a root is made; a bucket never is. `Storage` says False when the database knows this
        store's identity: a root that should be there and is not is a volume that is not mounted, and must not be made anew.
        No other call makes a root.
        """
        ...

    async def close(self) -> None:
        """Let calls in flight come to their end, within a bound, and free everything. Nothing works afterwards."""
        ...

    async def check(self) -> None:
        """A cheap probe for `/readyz`; raises when a write would fail for a reason that can be told beforehand."""
        ...

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        """Store the bytes of `chunks` as the object `key` and return their number. An object of that key is replaced.

        - All or nothing: readers see the old object, if any, or the whole new one, never a part; also when `chunks` raises
          and when the call is cancelled. What `chunks` raises is passed on as it is.
        - Nothing is left behind by a write that did not succeed, except by a process that dies; that is what `delete` clears.
        - When it returns, the bytes survive a loss of power, as far as the store can promise that.
        - After `Unavailable` or a cancellation the object may nevertheless be there, whole. The caller must not assume either.
        - The next chunk is asked for only when there is room: at most two batches of `BATCH_BYTES` are held that are not hashed
          yet, and a chunk; and of what is hashed no more than a store needs to be sent at a time, whatever the object's size.
        - `size_hint` is the size in bytes give or take 64 KiB of framing, or None. When it is further from the truth, which
          no client that keeps to its Content-Length can bring about, the write may fail, but not store anything else.
        - Several writes to one key at once end with one of them, whole. One that overlaps a `delete` of its key may fail.
        """
        ...

    def read(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes [start, end) of an object, in pieces of at most `BATCH_BYTES`, none of them empty.

        - A missing object raises `ObjectNotFound` on entry, a range that selects nothing `InvalidRange`: before any byte.
        - `end` past the end, or None, means the end. An empty object read from 0 gives no pieces.
        - A read that was entered gives the bytes of one object, also when it is replaced or deleted meanwhile, or raises.
        - Everything is freed on exit, however much was read.
        """
        ...

    async def stat(self, key: str) -> ObjectInfo:
        """What the store knows of an object; raises `ObjectNotFound`."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object, and what unfinished writes of that key left behind. A missing object is no error.

        When it returns, the object stays gone through a loss of power. It must not say so for a store that is not there.
        """
        ...

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """As `delete` for each key, in bulk. Returns the failures only; one failure must not keep the others from going."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in byte order of their keys.

        - It never shows anything but keys: no temporary objects, no identity, no strangers' files.
        - An object that is there throughout is shown exactly once; one that comes or goes meanwhile may be shown.
        - It reads page by page as it is consumed: memory is bounded whatever the number of objects.
        """
        ...

    async def sign(self, request: SignedRead) -> str:
        """An absolute URL that lets anyone read the object until `expires_at`, and do nothing else.

        Whether the object exists is not looked at: following the URL tells.
        """
        ...

    async def read_identity(self) -> str | None:
        """The identity that the store carries, or None. Raises `Unavailable` when that cannot be told.

        A backend that can tell its store from another one put in its place refuses all calls on the other one from here on.
        """
        ...

    async def write_identity(self, identity: str) -> None:
        """Give the store an identity. One that is there already must not be overwritten, and is no error: read it again."""
        ...


def resolve_range(key: str, size: int, start: int, end: int | None) -> tuple[int, int]:
    """The part [start, end) of an object of `size` bytes, with its end cut to the size; raises `InvalidRange`.

    Refused are a start before 0 or at the size or beyond, and an end at the start or before. Nothing but an empty object read
    from 0 gives an empty part (RFC 9110, 14.1.2, in half-open form).
    """
    stop = size if end is None else min(end, size)
    if size == 0 and start == 0 and (end is None or end >= 0):
        return 0, 0
    if start < 0 or start >= stop:
        raise InvalidRange(key, start=start, end=end, size=size)
    return start, stop
