"""An object in parts: a few under way at once, invisible until the last one is there, and gone when it does not come."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from app.storage.errors import StorageError
from app.storage.s3.body import Body, Passage
from app.storage.s3.control import Begun, Control
from app.storage.s3.data import DataPlane


class Multipart:
    """One upload in parts. It begins when the first part is sent; `complete` or `abandon` must come last."""

    def __init__(self, control: Control, data: DataPlane, key: str, *, in_flight: int) -> None:
        self._control = control
        self._data = data
        self._key = key
        self._in_flight = in_flight
        self._beginning: asyncio.Task[Begun] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._sent: dict[int, dict[str, Any]] = {}
        self.count = 0

    def begin(self) -> asyncio.Task[Begun]:
        """Have the upload begun. May be called early, to save the time of one request, and repeatedly."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._control.begin_upload(self._key))
        return self._beginning

    async def send(self, part: Body) -> None:
        """Start sending a complete part; waits while too many others are under way. Raises what one of them raised."""
        upload_id, number = await self._next()
        query = {"partNumber": str(number), "uploadId": upload_id}
        self._start(number, lambda: self._data.put(self._key, part, query=query))

    async def pass_on(self, part: Passage, length: int) -> None:
        """The same for a part that is still growing, and will have `length` bytes. `check` tells of its failure."""
        upload_id, number = await self._next()
        query = {"partNumber": str(number), "uploadId": upload_id}
        task = self._start(number, lambda: self._data.stream(self._key, part, length, query=query))
        task.add_done_callback(lambda _: part.give_up())

    def check(self) -> None:
        """Raises what a part under way has raised."""
        for task in self._running:
            if task.done():
                task.result()

    async def complete(self) -> None:
        """Wait for all parts, and make them an object."""
        while self._running:
            await self._wait_for_some()
        if self._beginning is not None:
            begun = self._beginning.result()
            if begun.repeated:
                # Now or never: beside a complete object nobody would look for it.
                await self._control.abort_others(self._key, begun.upload_id)
            parts = [self._sent[number] for number in sorted(self._sent)]
            await self._control.complete_upload(self._key, begun.upload_id, parts)

    async def abandon(self, seconds: float) -> bool:
        """Stop everything and abort the upload: as well as it can be done in so many seconds, and through cancellations.

        Whether nothing is left. What cannot be aborted now is left for a `delete` of the key.
        """
        if self._beginning is None:
            return True
        clean_up = asyncio.create_task(self._abort(self._beginning, seconds))
        cancelled: asyncio.CancelledError | None = None
        while not clean_up.done():
            try:
                await asyncio.wait([clean_up])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        return clean_up.result()

    async def _abort(self, beginning: asyncio.Task[Begun], seconds: float) -> bool:
        for task in self._running:
            task.cancel()
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(seconds):
                # Whatever became of them: what counts was raised already.
                await asyncio.gather(*self._running, return_exceptions=True)
                begun = await beginning
                await self._control.abort_upload(self._key, begun.upload_id)
                if begun.repeated:
                    await self._control.abort_others(self._key, begun.upload_id)
                return True
        return False

    async def _next(self) -> tuple[str, int]:
        # Shielded: an upload that the store has begun must be known by its id, or nobody can abort it.
        begun = await asyncio.shield(self.begin())
        while len(self._running) >= self._in_flight:
            await self._wait_for_some()
        self.count += 1
        return begun.upload_id, self.count

    def _start(self, number: int, request: Callable[[], Awaitable[str]]) -> asyncio.Task[None]:
        async def send() -> None:
            self._sent[number] = {"PartNumber": number, "ETag": await request()}

        task = asyncio.create_task(send())
        self._running.add(task)
        return task

    async def _wait_for_some(self) -> None:
        done, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        # All of them are asked, so that none complains later that nobody has.
        failures = [failure for task in done if (failure := task.exception()) is not None]
        if failures:
            raise failures[0]
