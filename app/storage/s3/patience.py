"""Time-outs that fire against a server that accepts a request and stays silent, whatever the client libraries do.

Their own do not: none of them bounds the sending of a body, and one waits for ever for a permission to begin.
"""

import asyncio
from types import TracebackType
from typing import Self


class Patience:
    """A bound in seconds on each step of what happens inside; every sign of life renews it. Raises TimeoutError."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)
        self._waiting = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._waiting = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting = False
        await self._timeout.__aexit__(kind, error, trace)

    def renew(self) -> None:
        """A step was made, and the next one may take as long again. May be called from another task."""
        self._set(asyncio.get_running_loop().time() + self._seconds)

    def rest(self) -> None:
        """What is waited for now is not the server: time stands still until `renew`. May be called from another task."""
        self._set(None)

    def _set(self, when: float | None) -> None:
        # A task that sends may go on for a moment after it is over, or after the time has run out.
        if self._waiting and not self._timeout.expired():
            self._timeout.reschedule(when)
