"""The object in the root of a bucket that says which store it is, and how several processes agree on it.

Stores that heed `If-None-Match` keep the first one that is written. Others, such as rclone, keep the last one of several
processes that start at the same time on a new bucket. There nobody goes by an identity before it has settled, which takes longer
than anyone may take from the look at an empty bucket to the end of a write: then nobody is left who might still replace it.
"""

import asyncio
from datetime import datetime
from email.utils import parsedate_to_datetime

from aiohttp import ClientResponse

from app.storage.backend import IDENTITY_NAME
from app.storage.errors import ObjectNotFound, Reason, StorageError, Unavailable
from app.storage.s3.body import Body
from app.storage.s3.data import DataPlane
from app.storage.s3.errors import S3Refused

# An identity is a UUID. What is longer is none, and is told from one by its beginning.
_MOST_BYTES = 256
# How long one may take from the look at an empty bucket to the end of the write, in seconds.
_WRITTEN_WITHIN_SECONDS = 1.5
_NOT_REPLACED = frozenset({409, 412})
_CONDITIONS_UNKNOWN = frozenset({400, 501})


class Identity:
    """The identity of one bucket. A fresh one takes `settle_seconds` to settle."""

    def __init__(self, data: DataPlane, settle_seconds: float) -> None:
        self._data = data
        self._settle_seconds = settle_seconds
        self._settled = False
        self._written = False

    async def read(self) -> str | None:
        """The identity, or None. Raises `Unavailable` when that cannot be told, for a missing bucket too."""
        found, age_seconds = await self._look()
        # What was written and is not there is just being replaced by another process: rclone has nothing to show meanwhile.
        fresh = self._written if found is None else age_seconds <= self._settle_seconds
        if fresh and not self._settled:
            await asyncio.sleep(self._settle_seconds)
            found, _ = await self._look()
        self._settled = found is not None
        return found

    async def write(self, identity: str) -> None:
        """Write an identity where there is none. It must be read after this: it may be another process's."""
        body = Body()
        body.add(identity.encode())
        body.complete()
        try:
            async with asyncio.timeout(_WRITTEN_WITHIN_SECONDS):
                found, _ = await self._look()
                if found is None:
                    self._written = await self._write_if_none(body)
                    # The same again: a store that heeds the condition refuses now, and so it has kept the first one before.
                    self._settled = not await self._write_if_none(body)
        except TimeoutError as error:
            raise Unavailable(Reason.TIMED_OUT) from error

    async def _look(self) -> tuple[str | None, float]:
        try:
            async with self._data.get(IDENTITY_NAME) as answer:
                received = b""
                async for piece in self._data.pieces(IDENTITY_NAME, answer):
                    received += piece
                    if len(received) >= _MOST_BYTES:
                        break
                return received[:_MOST_BYTES].decode("utf-8", "replace").strip(), _age_seconds(answer)
        except ObjectNotFound:
            return None, 0.0

    async def _write_if_none(self, body: Body) -> bool:
        """Whether it was written. If not, there was one."""
        try:
            await self._data.put(IDENTITY_NAME, body, only_new=True)
        except StorageError as error:
            status = error.__cause__.status if isinstance(error.__cause__, S3Refused) else 0
            if status in _NOT_REPLACED:
                return False
            if status not in _CONDITIONS_UNKNOWN:
                raise
            await self._data.put(IDENTITY_NAME, body)
        return True


def _age_seconds(answer: ClientResponse) -> float:
    """How old an object is by the store's own clock; 0 for one that does not say."""
    moments: list[datetime] = []
    for name in ("date", "last-modified"):
        try:
            moments.append(parsedate_to_datetime(answer.headers.get(name, "")))
        except ValueError:
            return 0.0
    return (moments[0] - moments[1]).total_seconds()
