"""Reading an object or a part of it, from stores that treat ranges in different ways.

Asked for a part, a store answers 206 with a Content-Range. rclone answers 200 with one, which is the same in other words. A
cache on the way may ignore the range and answer 200 with the whole object: then what was not asked for is skipped here.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator

import aiohttp

from app.storage.backend import BATCH_BYTES, resolve_range
from app.storage.errors import IntegrityFailed, Reason, Unavailable
from app.storage.s3.control import Control
from app.storage.s3.data import DataPlane
from app.storage.s3.errors import S3Refused

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PARTIAL = 206
_NOT_SATISFIABLE = 416


class ObjectReader:
    """Reads of one bucket."""

    def __init__(self, control: Control, data: DataPlane) -> None:
        self._control = control
        self._data = data

    @contextlib.asynccontextmanager
    async def read(self, key: str, start: int, end: int | None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Backend.read`."""
        if start < 0 or (end is not None and end <= start):
            await self._explain(key, start, end)
            yield _pieces_of_nothing()
            return
        whole = start == 0 and end is None
        byte_range = None if whole else f"bytes={start}-{'' if end is None else end - 1}"
        async with contextlib.AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(self._data.get(key, byte_range))
            except Unavailable as error:
                if not _is_unsatisfiable(error):
                    raise
                await self._explain(key, start, end)
                yield _pieces_of_nothing()
                return
            skip, length = _selected(key, answer, start, end)
            pieces = await stack.enter_async_context(contextlib.aclosing(self._data.pieces(key, answer)))
            yield await stack.enter_async_context(contextlib.aclosing(_cut(key, pieces, skip, length)))

    async def _explain(self, key: str, start: int, end: int | None) -> None:
        """Raises what a range that selects nothing deserves, which only the object's size tells; an empty object has one."""
        size = (await self._control.head(key)).size
        first, stop = resolve_range(key, size, start, end)
        if first != stop:  # it has just been replaced by a larger one
            raise Unavailable(Reason.FAILED, key)


def _is_unsatisfiable(error: Unavailable) -> bool:
    return isinstance(error.__cause__, S3Refused) and error.__cause__.status == _NOT_SATISFIABLE


def _selected(key: str, answer: aiohttp.ClientResponse, start: int, end: int | None) -> tuple[int, int]:
    """How many bytes of the answer's body to skip, and how many to give then."""
    declared = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if declared is not None:
        first, last, size = (int(number) for number in declared.groups())
        wanted = resolve_range(key, size, start, end)
        if wanted != (first, last + 1):
            raise IntegrityFailed(key)
        return 0, last + 1 - first
    if answer.content_length is None or answer.status == _PARTIAL:
        raise IntegrityFailed(key)
    first, stop = resolve_range(key, answer.content_length, start, end)
    return first, stop - first


async def _cut(key: str, pieces: AsyncIterator[bytes], skip: int, length: int) -> AsyncGenerator[bytes, None]:
    """So many bytes of the pieces after the first `skip`, none of them empty or larger than a batch."""
    while length:
        piece = await anext(pieces, b"")
        if not piece:
            raise IntegrityFailed(key)
        skipped = min(skip, len(piece))
        skip -= skipped
        piece = piece[skipped : skipped + length]
        length -= len(piece)
        for position in range(0, len(piece), BATCH_BYTES):
            yield piece[position : position + BATCH_BYTES]


async def _pieces_of_nothing() -> AsyncIterator[bytes]:
    no_pieces: tuple[bytes, ...] = ()
    for piece in no_pieces:
        yield piece
