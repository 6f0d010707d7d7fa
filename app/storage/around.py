"""What stands around every call of a backend: its bound in time, and the context of its errors."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

from app.storage.errors import Reason, StorageError, Unavailable


class Bounded:
    """Every wait for a backend happens in here: bounded in time, and with its errors put into context."""

    def __init__(self, seconds: float, operation: str, location: str, key: str | None) -> None:
        self._limit = asyncio.timeout(seconds)
        self._call = operation, location, key

    async def __aenter__(self) -> asyncio.Timeout:
        return await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError as struck:
            raise describe(Unavailable(Reason.TIMED_OUT), *self._call) from struck
        if isinstance(error, TimeoutError) and self._limit.expired():
            raise describe(Unavailable(Reason.TIMED_OUT), *self._call) from error
        if isinstance(error, StorageError):
            describe(error, *self._call)


class Source:
    """Chunks on their way to a backend. While the sender is waited for, the backend's time stands still; with no `seconds` it
    does so throughout.
    """

    def __init__(self, chunks: AsyncIterator[bytes], limit: asyncio.Timeout, seconds: float | None) -> None:
        self._chunks = chunks
        self._limit = limit
        self._seconds = seconds
        self.size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._set_limit(None)
        try:
            chunk = await anext(self._chunks)
        finally:
            if self._seconds is not None:
                self._set_limit(asyncio.get_running_loop().time() + self._seconds)
        self.size += len(chunk)
        return chunk

    def _set_limit(self, when: float | None) -> None:
        # Once it has struck it cannot be set any more; the backend is then being cancelled.
        if not self._limit.expired():
            self._limit.reschedule(when)


def describe(error: StorageError, operation: str, location: str, key: str | None) -> StorageError:
    """The same error, which now says where it happened."""
    error.operation, error.location, error.key = operation, location, error.key or key
    return error
