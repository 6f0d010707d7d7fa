"""Figures that stand in the database: how much is stored, and which runs are unfinished.

They are read when somebody asks and they have grown old, never for each who asks: a scrape costs the database nothing, however
many there are. Every process shows the same figures, so a dashboard takes their maximum and not their sum.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field

import structlog

from app.db import Database
from app.tasks import end_task
from app.telemetry.metrics import Metrics

_OLD_SECONDS = 15.0
_ANSWER_SECONDS = 3.0  # Prometheus waits for ten
_SHARE = 50  # however large the ledger is: adding it up takes no more than a fiftieth of the time

# The ledger has one row for each user. Files are never added up: there are too many.
_STORED = "SELECT COALESCE(SUM(used_bytes), 0) AS used, COALESCE(SUM(trash_bytes), 0) AS trash FROM user_storage"
_UNFINISHED = """
SELECT job, status, COUNT(*) AS runs FROM job_runs WHERE status IN ('QUEUED', 'RUNNING') GROUP BY job, status
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, in bytes and in runs by job and status."""

    used_bytes: int
    trash_bytes: int
    runs: dict[tuple[str, str], int] = field(default_factory=dict)


class Figures:
    """The figures, and the gauges that show them. Before the first reading, and where there was none, the gauges are absent."""

    def __init__(self, database: Database, metrics: Metrics, *, old_seconds: float = _OLD_SECONDS) -> None:
        self._database = database
        self._old_seconds = old_seconds
        self._read: _Read | None = None
        self._fresh_until = 0.0
        self._reading: asyncio.Task[None] | None = None
        metrics.watch("storage_bytes_used", "Bytes that are charged to users, as the ledger has them.", self._used)
        metrics.watch("storage_bytes_trash", "Bytes in the trash, as the ledger has them.", self._trash)
        metrics.watch("job_runs_unfinished", "Runs of jobs that have not ended, by job and status.", self._runs)

    async def storage_bytes_used(self) -> int | None:
        """The bytes that are charged to all users, at most seconds old. None when they could never be read."""
        await self.refresh()
        return self._read.used_bytes if self._read else None

    async def refresh(self) -> None:
        """Read them anew if they are old. Returns within seconds and never raises: without a database the last ones stay."""
        if asyncio.get_running_loop().time() < self._fresh_until:
            return
        if self._reading is None or self._reading.done():
            # In a context of its own: who asks may be in the middle of a transaction, or without a database.
            self._reading = asyncio.create_task(self._look(), context=Context())
        await asyncio.wait([self._reading], timeout=_ANSWER_SECONDS)

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            await end_task(self._reading)

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            self._database.bind()
            (stored,) = await self._database.fetch(_STORED)
            runs = await self._database.fetch(_UNFINISHED)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, measuring must not fail what is measured
            _log.warning("metrics.figures_unknown", error=type(error).__name__)
        else:
            by_state = {(row["job"], row["status"]): int(row["runs"]) for row in runs}
            self._read = _Read(int(stored["used"]), int(stored["trash"]), by_state)
        self._fresh_until = clock() + max(self._old_seconds, _SHARE * (clock() - began))

    def _used(self) -> Iterable[tuple[int, Mapping[str, str]]]:
        return [(self._read.used_bytes, {})] if self._read else []

    def _trash(self) -> Iterable[tuple[int, Mapping[str, str]]]:
        return [(self._read.trash_bytes, {})] if self._read else []

    def _runs(self) -> Iterable[tuple[int, Mapping[str, str]]]:
        runs = self._read.runs if self._read else {}
        return [(count, {"job_name": job, "status": status.lower()}) for (job, status), count in runs.items()]
