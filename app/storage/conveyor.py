"""Bytes on their way from the event loop to a thread that hashes and writes them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from app.storage.backend import Parts
from app.storage.threads import Lane, Threads

T = TypeVar("T")

# Chunks smaller than this, in bytes, are copied together; a list of tiny ones would take many times their size.
_SMALL_CHUNK = 16 * 1024


class Conveyor:
    """What one transfer hands to its threads. Whoever works there takes all that lies here each time he comes back for more, so that
    he does not wait for the event loop after every batch, nor the event loop for him.

    `consume` is called with what came, in its order, by one thread at a time. A thread is asked for when `enough` bytes lie here,
    and goes when there are fewer. A sender who has put `full` bytes in front of it waits until it takes them.
    """

    def __init__(self, threads: Threads, consume: Callable[[Parts], None], *, enough: int, full: int) -> None:
        self._lane = Lane(threads)
        self._consume = consume
        self._enough = enough
        self._full = full
        self._waiting = _Batch()
        self._moving = threading.Lock()  # held for a few instructions: whatever is below belongs to both sides
        self._at_work = False
        self._failed = False
        self._room: asyncio.Future[None] | None = None

    async def put(self, chunk: bytes) -> None:
        """Append a chunk. Raises what `consume` raised for an earlier one, at the latest when there is no room for more."""
        with self._moving:
            self._waiting.add(chunk)
            idle = not self._at_work and self._waiting.size >= self._enough
            if idle:
                self._at_work = True
        if idle:
            await self._lane.send(self._work)
        else:
            await self._wait_for_room()

    async def finish(self, last_call: Callable[[Parts], T]) -> T:
        """Call `last_call` in a thread, with what no thread has taken. Raises what it, or `consume`, raised."""
        await self._lane.settle()
        return await self._lane.run(partial(last_call, self._take_all()))

    @property
    def all_here(self) -> bool:
        """No thread has taken anything so far."""
        return self._lane.unused

    async def finish_with(self, begin: Callable[[Parts], Future[T]]) -> T:
        """Leave all that lies here to somebody else. Raises what that comes to."""
        return await self._lane.follow(begin(self._take_all()))

    async def close(self, last_call: Callable[[], None]) -> None:
        """Drop what lies here, and have `last_call` run after everything else: see `Lane.close`."""
        self._take_all()
        await self._lane.close(last_call)

    async def _wait_for_room(self) -> None:
        with self._moving:
            if self._waiting.size < self._full:
                return
            room = self._room = None if self._failed else asyncio.get_running_loop().create_future()
        if room is not None:
            await room
        if self._failed:
            await self._lane.settle()  # raises what went wrong

    def _work(self) -> None:
        try:
            while parts := self._take_enough():
                self._consume(parts)
        except BaseException:
            with self._moving:
                self._failed = True
                self._make_room()
            raise

    def _take_enough(self) -> Parts:
        with self._moving:
            if self._waiting.size < self._enough:
                self._at_work = False
                return []
            self._make_room()
            taken, self._waiting = self._waiting, _Batch()
            return taken.parts

    def _take_all(self) -> Parts:
        with self._moving:
            taken, self._waiting = self._waiting, _Batch()
            return taken.parts

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                room.get_loop().call_soon_threadsafe(_resolve, room)


class _Batch:
    """Chunks together, without being joined unless they are tiny."""

    def __init__(self) -> None:
        self.parts: list[bytes | bytearray] = []
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        last = self.parts[-1] if self.parts else None
        if len(chunk) >= _SMALL_CHUNK:
            self.parts.append(chunk)
        elif isinstance(last, bytearray):
            last += chunk
        else:
            self.parts.append(bytearray(chunk))


def _resolve(room: asyncio.Future[None]) -> None:
    if not room.done():  # or its waiter was cancelled
        room.set_result(None)
