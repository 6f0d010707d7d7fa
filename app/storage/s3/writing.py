"""Writing one object, in one of three ways.

- Up to the size of a part it is held, and sent as one request with its exact length.
- What is larger is collected in parts, a few of them under way at once. Each is held until the store has it, so that it can be
  sent again, and so that a sender may take as long a rest as it likes: a store would close a connection on which nothing comes.
- What is larger, comes quickly and has a size that is known but for its framing is passed on: all but the last few bytes are one
  part, sent while it is received. That is twice as cheap, since nothing is held, and the store does not stand idle meanwhile.

In each of them the object is hashed in a thread, one batch while the next one is received.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

from app.storage.backend import BATCH_BYTES, Digest
from app.storage.errors import Reason, Unavailable
from app.storage.s3.body import REPEATABLE_BYTES, Body, Passage
from app.storage.s3.config import S3Config
from app.storage.s3.control import Control
from app.storage.s3.data import DataPlane
from app.storage.s3.multipart import Multipart
from app.storage.threads import Lane, Threads

# Up to this size, in bytes, hashing costs less than a thread hop; beyond the other, fewer and larger hops are worth their memory.
_HASHED_IN_PLACE = 64 * 1024
_HASHED_AT_ONCE = 1024 * 1024
# How far a hint may be from the truth, in bytes, because of framing. So much is left for the last part.
SLACK_BYTES = 64 * 1024
# The largest part that S3 takes, in bytes.
_LARGEST_PART = 5 * 1024**3
# Parts of twice the size after so many: a small object has parts of one size, as some stores demand, and 10,000 parts, the
# most that S3 knows, are 485 GiB when the first has 8 MiB.
_PARTS_OF_ONE_SIZE = 2000


class ObjectWriter:
    """One write. `size_hint` is the size in bytes, give or take `SLACK_BYTES`, or None."""

    def __init__(
        self,
        config: S3Config,
        control: Control,
        data: DataPlane,
        threads: Threads,
        key: str,
        digest: Digest,
        size_hint: int | None,
    ) -> None:
        self._config = config
        self._data = data
        self._key = key
        self._digest = digest
        self._size_hint = size_hint or 0
        self._lane = Lane(threads)
        self._multipart = Multipart(control, data, key, in_flight=config.parts_in_flight)
        self._size = 0
        self._trial_bytes = min(REPEATABLE_BYTES, config.part_bytes // 8)
        # The part that is being received, and how long it may become.
        self._body: Body = Body()
        self._limit = config.part_bytes
        self._passage: Passage | None = None

    async def write(self, chunks: AsyncIterator[bytes], grace_seconds: float) -> int:
        """Store everything; the number of bytes. When it fails or is cancelled, clearing up takes `grace_seconds` at most."""
        clock = asyncio.get_running_loop().time
        started = 0.0
        try:
            async for chunk in chunks:
                if not self._size:
                    started = clock()
                    if self._left() >= self._config.part_bytes:
                        self._multipart.begin()
                before = self._size
                await self._take(chunk)
                if before < self._trial_bytes <= self._size:
                    await self._choose(quick=clock() - started <= self._config.quick_seconds)
            await self._finish(grace_seconds)
        except BaseException:
            await self._multipart.abandon(grace_seconds)
            raise
        return self._size

    def _left(self) -> int:
        """How many bytes will come, at the least, if the hint is true."""
        return self._size_hint - self._size - SLACK_BYTES

    async def _choose(self, *, quick: bool) -> None:
        """After the first bytes: shall the rest be passed on?"""
        length = self._body.size + self._left()
        if quick and not self._multipart.count and self._config.part_bytes <= length <= _LARGEST_PART:
            self._body = self._passage = Passage(self._body)
            self._limit = length
            await self._multipart.pass_on(self._passage, length)

    async def _take(self, chunk: bytes) -> None:
        while chunk:
            room = self._limit - self._body.size
            if not room:
                # The part is full, and there is more: only now it is clear that one request will not do.
                await self._end_part()
                continue
            self._body.add(chunk[:room])
            self._size += min(room, len(chunk))
            chunk = chunk[room:]
            if self._body.unhashed >= (BATCH_BYTES if self._size <= REPEATABLE_BYTES else _HASHED_AT_ONCE):
                # Hashed while the next batch is received. Waits for the batch before: that holds the sender back.
                await self._lane.send(partial(_hash, self._digest, self._body.take_unhashed()))
            if self._passage is not None:
                await self._passage.wait_for_room()
                self._multipart.check()

    async def _end_part(self) -> None:
        await self._lane.send(partial(_hash, self._digest, self._body.take_unhashed()))
        self._body.complete()
        if self._passage is None:
            await self._multipart.send(self._body)
        self._passage = None
        self._body = Body()
        self._limit = self._config.part_bytes << (self._multipart.count // _PARTS_OF_ONE_SIZE)

    async def _finish(self, grace_seconds: float) -> None:
        rest = partial(_hash, self._digest, self._body.take_unhashed())
        if self._size <= _HASHED_IN_PLACE:
            rest()
        else:
            await self._lane.run(rest)
        if self._multipart.count:
            if self._body.size:
                await self._end_part()
            await self._multipart.complete()
            return
        # Nothing was sent yet, though after a hint that was too high an upload in parts may have been begun.
        if not await self._multipart.abandon(grace_seconds):
            # Nobody would look for it beside a complete object. After a failure the key is deleted with all there is of it.
            raise Unavailable(Reason.FAILED, self._key)
        self._body.complete()
        checksum = self._body.crc32c() if self._config.checksums else ""
        await self._data.put(self._key, self._body, checksum=checksum)


def _hash(digest: Digest, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)
