"""A process's part in the work on runs: on those that it is woken for, and on those that it finds in the database."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from app.db import Database
from app.errors import NotFound
from app.telemetry.tracing import Carrier, SpanKind, Tracing, carrier

T = TypeVar("T")

POLL_SECONDS = 5.0
_RELEASE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Runs(Protocol):
    """The service that the work is done by."""

    async def work(self, run_id: UUID) -> object:
        """Do what is left to do of a run, beside whoever else does, and return when nothing is. Cancelled, it releases
        what it holds. Raises NotFound, and that the database is away.
        """
        ...

    async def unfinished(self) -> Sequence[UUID]:
        """The runs that a worker can join."""
        ...


class Worker:
    """Works on runs, each of them once at a time, however many messages tell of it."""

    def __init__(
        self, runs: Runs, database: Database, tracing: Tracing | None = None, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._runs = runs
        self._database = database
        self._tracing = tracing or Tracing()
        self._poll_seconds = poll_seconds
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._stopping = False

    async def work(self, run_id: UUID) -> None:
        """Work on a run until it is done or this process stops. Never raises; who is cancelled here cancels no work."""
        task = self._begin(run_id)
        if task is not None:
            await asyncio.wait([task])

    async def poll(self) -> None:
        """Look for runs that nobody has told of, until cancelled: of a killed worker, or while Redis was away."""
        while True:
            try:
                for run_id in await in_fresh_context(self._database, self._runs.unfinished):
                    self._begin(run_id)
            except Exception as error:  # noqa: BLE001 - the look-out must outlive whatever a driver raises
                _log.warning("jobs.poll_failed", error=repr(error))
            # All workers of a deployment are started at once: without jitter they would ask at once for ever.
            await asyncio.sleep(self._poll_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, let the work go on for so many seconds, then have what is left released."""
        self._stopping = True
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=seconds)
        left = list(self._busy.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_RELEASE_SECONDS)

    def _begin(self, run_id: UUID) -> asyncio.Task[None] | None:
        if self._stopping:
            return None
        if run_id not in self._busy:
            fields = structlog.contextvars.get_contextvars()
            # Kept here: the message that it began with may be gone long before the work is done.
            self._busy[run_id] = asyncio.create_task(self._work(run_id, fields, carrier()), context=Context())
        return self._busy[run_id]

    async def _work(self, run_id: UUID, fields: dict[str, Any], sender: Carrier) -> None:
        self._database.bind()
        structlog.contextvars.bind_contextvars(**fields, job_run_id=str(run_id))
        with self._tracing.begin("process job run", SpanKind.CONSUMER, sender, {"job.run_id": str(run_id)}):
            await self._do(run_id)

    async def _do(self, run_id: UUID) -> None:
        _log.info("jobs.began")
        try:
            await self._runs.work(run_id)
        except NotFound:  # the message is older than the row is kept, or from another database
            _log.info("jobs.no_such_run")
        except Exception:  # noqa: BLE001 - the same for every run that cannot be worked on
            # Not the run's failure: that is in its row. The database is away, or this is a bug; a later look tries again.
            _log.exception("jobs.work_failed")
        finally:
            del self._busy[run_id]


async def in_fresh_context(database: Database, unit: Callable[[], Awaitable[T]]) -> T:
    """Run one unit of a long-lived loop in a context of its own: one failed BEGIN would spoil the loop's for ever."""

    async def run() -> T:
        database.bind()
        return await unit()

    return await asyncio.create_task(run(), context=Context())
