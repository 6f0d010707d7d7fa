"""What waits to be sent: bounded, and honest about what did not fit."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

import structlog

from app.events.bus import GAP, Draft
from app.telemetry.metrics import Metrics

_FULL, _CLOSED = "full", "closed"  # why messages are dropped, as the metric has it

_log = structlog.get_logger("satchel.events")


class Queue:
    """Drafts in their order. Where some did not fit, a gap stands in their place, and everybody who watches is told.

    `holder` says in logs and metrics whose queue it is.
    """

    def __init__(self, longest: int, metrics: Metrics, holder: str) -> None:
        self._longest = longest
        self._metrics = metrics
        self._holder = holder
        self._drafts: deque[Draft] = deque()
        self._ready = asyncio.Event()
        self._empty = asyncio.Event()
        for why in (_FULL, _CLOSED):
            metrics.bus_dropped_total.add(0, {"reason": f"{holder} {why}"})

    def put(self, drafts: Sequence[Draft]) -> None:
        """Append what fits."""
        room = max(0, self._longest - len(self._drafts))
        self._drafts.extend(drafts[:room])
        if len(drafts) > room:
            if self._drafts[-1].name != GAP:
                # One line for as long as it is full: the metric counts on.
                _log.warning("bus.dropping", queue=self._holder, waiting=len(self._drafts))
                self._drafts.append(Draft(GAP, datetime.now(UTC), {}))
            self._metrics.bus_dropped_total.add(len(drafts) - room, {"reason": f"{self._holder} {_FULL}"})
        self._ready.set()

    async def first(self, most: int) -> list[Draft]:
        """The first ones, which stay in the queue; waits for one."""
        while not self._drafts:
            self._ready.clear()
            await self._ready.wait()
        return list(islice(self._drafts, most))

    def forget(self, count: int) -> None:
        """Take the first ones out."""
        for _ in range(count):
            self._drafts.popleft()
        if not self._drafts:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Wait until somebody has taken everything out, but no longer than that. What is left then is lost, and counted."""
        try:
            async with asyncio.timeout(seconds):
                while self._drafts:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            _log.warning("bus.dropped", queue=self._holder, messages=len(self._drafts))
            self._metrics.bus_dropped_total.add(len(self._drafts), {"reason": f"{self._holder} {_CLOSED}"})
