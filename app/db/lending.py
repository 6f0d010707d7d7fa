"""Connections that go from one statement to the next without a turn through their pool.

asyncpg's pool makes a task for every return of a connection and two timers for every stay: half of what a short statement costs
this process. Here a connection whose statement went well is given to whoever waits, or kept for whoever comes next; the pool sees
those with which something went wrong, which it knows how to look after, and those that nobody needs for a while.
"""

import asyncio
import contextvars
from collections import deque
from typing import Any

import asyncpg

_SWEEP_SECONDS = (
    30.0  # a connection that nobody took for so long goes back to the pool, which closes it in its own time
)


class LendingPool:
    """In front of a pool, with what Tortoise calls of one. At most the pool's `max_size` connections are out at a time."""

    def __init__(self, pool: asyncpg.Pool, *, sweep_seconds: float = _SWEEP_SECONDS) -> None:
        self._pool = pool
        self._sweep_seconds = sweep_seconds
        self._kept: list[Any] = []
        self._least_kept = 0  # since the last sweep: so many were not needed
        self._out = 0  # lent or kept
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._returns: asyncio.Task[None] | None = None
        self._closing = False

    async def acquire(self) -> Any:
        """A connection: the one that was used last, a new one, or the first that comes back. Raises what asyncpg raises."""
        while True:
            while self._kept:
                connection = self._kept.pop()
                self._least_kept = min(self._least_kept, len(self._kept))
                if _is_open(connection):
                    return connection
                await self.release(connection)
            if self._out < self._pool.get_max_size():
                return await self._take()
            connection = await self._next()
            if connection is not None:
                return connection

    def keep(self, connection: Any) -> bool:
        """Take back a connection after a statement that went well. False, and nothing done, when it must be released."""
        if self._closing or not _is_open(connection):
            return False
        if not self._hand_on(connection):
            self._kept.append(connection)
            if self._sweeper is None:
                self._sweep_later()
        return True

    async def release(self, connection: Any) -> None:
        """Take back a connection, whatever has happened to it."""
        try:
            await self._pool.release(connection)
        finally:
            self._out -= 1
            self._hand_on(None)

    async def expire_connections(self) -> None:
        """Have every connection made anew before its next use."""
        await self._give_back(len(self._kept))
        await self._pool.expire_connections()

    async def close(self) -> None:
        """Wait until all connections are back, and close them."""
        self._closing = True
        self._stop_sweeping()
        if self._returns is not None:
            await self._returns
        await self._give_back(len(self._kept))
        await self._pool.close()

    def terminate(self) -> None:
        """Close all connections at once."""
        self._closing = True
        self._stop_sweeping()
        self._pool.terminate()

    async def _take(self) -> Any:
        self._out += 1
        try:
            return await self._pool.acquire()
        except BaseException:
            self._out -= 1
            self._hand_on(None)
            raise

    async def _next(self) -> Any:
        """What the next who brings something back has: a connection, or None for the place of one."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # it was given something that it cannot use any more
                connection = waiter.result()
                if connection is None:
                    self._hand_on(None)
                elif not self.keep(connection):
                    await self.release(connection)
            raise

    def _hand_on(self, connection: Any) -> bool:
        """Whether somebody has waited for it."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _sweep_later(self) -> None:
        self._stop_sweeping()  # one timer is enough, whoever has asked for it meanwhile
        self._least_kept = len(self._kept)
        # In a context of its own: the timer belongs to no request.
        self._sweeper = asyncio.get_running_loop().call_later(
            self._sweep_seconds, self._sweep, context=contextvars.Context()
        )

    def _stop_sweeping(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep(self) -> None:
        self._sweeper = None
        if self._least_kept and (self._returns is None or self._returns.done()):
            self._returns = asyncio.create_task(self._give_back(self._least_kept))
        elif self._kept:
            self._sweep_later()

    async def _give_back(self, count: int) -> None:
        """Those that were used longest ago."""
        unused, self._kept = self._kept[:count], self._kept[count:]
        # What cannot be released is terminated by the pool, and must not keep the others from going back.
        await asyncio.gather(*map(self.release, unused), return_exceptions=True)
        if self._kept and not self._closing:
            self._sweep_later()


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the server closed it, and the pool has taken it back by itself
        return False
