"""Telling the world of what was committed: the log and the metrics at once, the bus a moment later."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

import structlog

from app.clock import Clock
from app.events.bus import Bus, Draft
from app.events.kinds import Event
from app.events.queue import Queue
from app.events.table import TABLE
from app.tasks import end_task
from app.telemetry.instruments import label_set
from app.telemetry.logs import BoundOnce
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import here

# For each of the groups those above it, the nearest first. Of a group that is gone it says nothing.
Ancestors = Callable[[Collection[UUID]], Awaitable[Mapping[UUID, Sequence[UUID]]]]

LONGEST_QUEUE = 10_000  # messages
_BATCH = 500
_GATHER_SECONDS = 0.01  # after a question to the database: in a wave of uploads there are a hundred a second at most
_RETRY_SECONDS = 1.0
_DRAIN_SECONDS = 3.0

_log = structlog.get_logger("satchel.events")
_often = BoundOnce("satchel.events")


class Events:
    """Emits. Whoever emits never waits: what a message says beyond the event itself is looked up by a task of its own.

    Messages that are more than the queue holds are dropped and counted, and subscribers are told that something is missing.
    """

    def __init__(self, bus: Bus, metrics: Metrics, clock: Clock, ancestors: Ancestors) -> None:
        self._bus = bus
        self._metrics = metrics
        self._clock = clock
        self._ancestors = ancestors
        self._queue = Queue(LONGEST_QUEUE, metrics, "event queue")
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to pass messages on, those first that have been emitted already."""
        self._task = asyncio.create_task(self._pass_on())

    async def close(self) -> None:
        """Pass on what is waiting, within seconds, and stop."""
        if self._task is not None:
            await self._queue.drain(_DRAIN_SECONDS)
            await end_task(self._task)

    def emit(self, event: Event) -> None:
        """Tell the world, after the commit and never inside a unit. Returns at once and raises nothing."""
        try:
            self._emit(event)
        except Exception:  # noqa: BLE001 - what has been committed must not look as if it had failed
            _log.exception("event.broken", kind=type(event).__name__)

    def _emit(self, event: Event) -> None:
        row = TABLE[type(event)]
        level = row.level_of(event)
        if level is not None and row.line is not None and (log := _often.logger).is_enabled_for(level):
            log.log(level, event.name, **row.line(event))
        self._metrics.events_total.add(1, label_set(event=event.name))
        if row.count is not None:
            row.count(self._metrics, event)
        if row.topic is not None and row.messages is not None:
            at = self._clock.now()
            origin = here()
            self._queue.put([Draft(row.topic, at, data, origin) for data in row.messages(event)])

    async def _pass_on(self) -> None:
        failing = False
        while True:
            drafts = await self._queue.first(_BATCH)
            groups = {UUID(group_id) for draft in drafts if (group_id := draft.data.get("group_id"))}
            try:
                lines = await self._ancestors(groups) if groups else {}
            except Exception as error:  # noqa: BLE001 - of whatever a driver raises: without its ancestors nobody may see a file's event
                if not failing:
                    _log.warning("bus.waits_for_database", error=type(error).__name__)
                failing = True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            failing = False
            self._bus.publish([_completed(draft, lines) for draft in drafts])
            self._queue.forget(len(drafts))
            if groups:
                await asyncio.sleep(_GATHER_SECONDS)


def _completed(draft: Draft, lines: Mapping[UUID, Sequence[UUID]]) -> Draft:
    """With the groups above the one that the message is about."""
    if "group_id" not in draft.data:
        return draft
    group_id = draft.data["group_id"]
    above = lines.get(UUID(group_id), ()) if group_id else ()
    data = {**draft.data, "ancestor_ids": [str(each) for each in above]}
    return Draft(draft.name, draft.at, data, draft.origin)
