"""Blocking calls off the event loop, for backends whose vendor blocks, and for hashing.

A thread cannot be cancelled. So the rules here are: a call that still waits for a thread is dropped when its caller is
cancelled; one that runs is left to end; and the clean-up of a transfer runs after its last call, whatever becomes of the
caller. A thread that never comes back (a dead network disk) holds up nobody for longer than a bound.
"""

import asyncio
import concurrent.futures as cf
from collections.abc import Callable
from typing import Any, TypeVar

from app.storage.errors import Reason, Unavailable

T = TypeVar("T")

# How long the end of a transfer, or of a backend, waits for threads that are still busy, in seconds.
GRACE_SECONDS = 5.0


class Threads:
    """A bounded pool of threads that belongs to one backend. Threads start when they are needed."""

    def __init__(self, name: str, *, limit: int, grace_seconds: float = GRACE_SECONDS) -> None:
        self._executor = cf.ThreadPoolExecutor(limit, thread_name_prefix=name)
        self._busy: set[cf.Future[Any]] = set()
        self._grace_seconds = grace_seconds

    async def run(self, call: Callable[[], T]) -> T:
        """One call, in a thread. When cancelled while it runs, its result is dropped: it must own nothing to be freed."""
        return await asyncio.wrap_future(self.submit(call))

    def submit(self, call: Callable[[], T]) -> cf.Future[T]:
        """Have a call run, without waiting for it. Raises `Unavailable` once the pool is closed."""
        try:
            future = self._executor.submit(call)
        except RuntimeError as error:
            raise Unavailable(Reason.CLOSED) from error
        self._busy.add(future)
        future.add_done_callback(self._busy.discard)
        return future

    def submit_after(self, last: cf.Future[T] | None, call: Callable[[], None]) -> cf.Future[None]:
        """Have a call run as soon as `last` has ended, or now. The future ends with it, whatever it raised."""
        outcome: cf.Future[None] = cf.Future()

        def run() -> None:
            try:
                call()
            finally:
                outcome.set_result(None)

        def follow(_: object = None) -> None:
            try:
                self.submit(run)
            except Unavailable:  # the pool is closed: better here, in the thread that has just become free, than never
                run()

        if last is None:
            follow()
        else:
            last.add_done_callback(follow)
        return outcome

    async def outlast(self, future: cf.Future[T]) -> None:
        """Wait for a future through any cancellation, but not beyond the grace; a cancellation is then passed on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace_seconds
        waiter = asyncio.wrap_future(future)
        cancelled: asyncio.CancelledError | None = None
        while not waiter.done() and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait([waiter], timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    async def close(self) -> None:
        """Let what runs come to its end, within the grace, and let the threads go."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace_seconds
        while self._busy and (left := deadline - loop.time()) > 0:
            await asyncio.wait([asyncio.wrap_future(future) for future in tuple(self._busy)], timeout=left)
        self._executor.shutdown(wait=False, cancel_futures=True)


class Lane:
    """The blocking calls of one transfer: one after the other, at most one ahead of its caller, and a last one for sure."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._last: cf.Future[Any] | None = None

    @property
    def unused(self) -> bool:
        """No call has been sent so far."""
        return self._last is None

    async def send(self, call: Callable[[], object]) -> None:
        """Have a call run, once the one before has ended. Raises what that one raised; does not wait for this one."""
        await self.settle()
        self._last = self._threads.submit(call)

    async def run(self, call: Callable[[], T]) -> T:
        """Have a call run and wait for it. Raises what it, or the one before, raised."""
        await self.settle()
        return await self.follow(self._threads.submit(call))

    async def follow(self, future: cf.Future[T]) -> T:
        """Wait for a call of this transfer that is on its way to a thread, whoever has sent it. Raises what it raised."""
        self._last = future
        return await asyncio.wrap_future(future)

    async def settle(self) -> None:
        """Wait for the call that was sent last, if any. Raises what it raised."""
        last = self._last
        if last is not None and last.done():
            last.result()  # without a turn of the loop
        elif last is not None:
            await asyncio.wrap_future(last)

    async def close(self, last_call: Callable[[], None]) -> None:
        """Have `last_call` run after everything else, and wait for it, also when cancelled, but not beyond the grace.

        It runs even when the wait is given up: in the thread that held it up, as soon as that comes back.
        """
        await self._threads.outlast(self._threads.submit_after(self._last, last_call))
