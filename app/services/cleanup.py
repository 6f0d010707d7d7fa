"""The sweeps: what lay in the trash for too long goes, and what uploads and purges left behind is finished (R26-R32).

Both jobs claim batches, delete bytes and then rows, until nothing is left. Any number of workers may be at it, and each may
be killed at any moment: what it held is taken over when its lease has ended.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from app.clock import Clock
from app.db import Database
from app.events import Events, FilesCleared, FilesPurged, UsageChanged
from app.models import AlertSeverity, JobName, JobRun
from app.services.alerts import AlertKind, Alerts
from app.services.job_runs import JobRuns, Shift
from app.services.ledger import Balance, Ledger
from app.services.purge import DUE, Batch, Doomed, Purge, totals
from app.tasks import end_task

NOTHING: Mapping[str, int] = {"filesDeleted": 0, "bytesFreed": 0, "failed": 0}

_NO_RUN = UUID(int=0)
_LANES = 3  # batches that a worker has in hand at once: the database has work to do while the store has
_PAUSE_SECONDS = 0.2  # between looks at what other workers of the run still hold
_LINE_FILES = 100  # whose ids stand in one line of the log
_TOLD_FILES = 1000  # that a worker tells of one by one in a run
_TOLD_USERS = 1000  # whose quotas it tells of; watchers of others look again within a minute


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days files stay in the trash, and more than how many that wait for the cleanup are an alert (R50)."""

    days: int
    alert_above: int


class Source(Protocol):
    """Where a sweep's files come from, beside those that are PURGING already."""

    order: str

    def condition(self, started_at: datetime) -> tuple[str, Any]:
        """SQL for the files that a run of that beginning takes, with `$1` for the value beside it. App clock."""
        ...

    async def claim(self, run_id: UUID, batch: Batch, *, seconds: int) -> None:
        """Inside the unit that has locked the files: make them PURGING, claimed for the run, and move the ledger."""
        ...

    def claimed(self, shift: Shift, batch: Batch) -> None:
        """After the commit of that."""
        ...


class Sweep:
    """Works through a source and through what is PURGING, batch by batch."""

    def __init__(self, database: Database, runs: JobRuns, purge: Purge, source: Source, *, events: Events) -> None:
        self._database = database
        self._runs = runs
        self._purge = purge
        self._source = source
        self._events = events

    async def work(self, shift: Shift) -> None:
        """Until nothing is left for the run, or the run is not this worker's any more."""
        lanes = [asyncio.create_task(self._lane(shift)) for _ in range(_LANES)]
        try:
            await asyncio.gather(*lanes)
        finally:
            await asyncio.gather(*map(end_task, lanes))

    async def _lane(self, shift: Shift) -> None:
        while (batch := await self._claim(shift)) is not None:
            if batch.files:
                await self._get_rid_of(shift, batch)
            elif await self._finish(shift):
                break
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(shift.over.wait(), _PAUSE_SECONDS)
        shift.over.set()

    async def count(self, started_at: datetime) -> tuple[int, int]:
        """How many files are there to be taken, and their bytes."""
        condition, value = self._source.condition(started_at)
        sums = "SELECT COUNT(*) AS files, COALESCE(SUM(size_bytes), 0) AS bytes FROM files WHERE "
        due = DUE.format(now=self._database.now_plus("$2"))
        found = [
            *await self._database.fetch(sums + condition, value),
            *await self._database.fetch(sums + due, _NO_RUN, 0),
        ]
        return sum(row["files"] for row in found), sum(int(row["bytes"]) for row in found)

    async def release(self, shift: Shift) -> None:
        """Let others have what this worker holds, at once."""
        for batch in list(shift.batches.values()):
            await self._purge.renew(batch, seconds=0)

    async def renew(self, shift: Shift) -> None:
        """Keep what this worker holds."""
        for batch in list(shift.batches.values()):
            await self._purge.renew(batch, seconds=self._runs.lease_seconds)

    async def _claim(self, shift: Shift) -> Batch | None:
        """The next batch, empty when there is nothing to claim now; None when the run is not this worker's any more."""
        seconds = self._runs.lease_seconds
        condition, value = self._source.condition(shift.started_at)

        async def unit() -> Batch | None:
            if not await self._runs.goes_on(shift):
                return None
            token = uuid4()
            rows = await self._database.fetch(
                f"SELECT {Doomed.COLUMNS} FROM files WHERE {condition}"  # noqa: S608 - SQL of our own making
                f" ORDER BY {self._source.order} LIMIT {self._purge.batch_files} {self._database.skip_locked}",
                value,
            )
            if not rows:
                return Batch(token, await self._purge.take_due(shift.run_id, token, seconds=seconds))
            batch = Batch(token, [Doomed.of(row) for row in rows])
            await self._source.claim(shift.run_id, batch, seconds=seconds)
            self._database.after_commit(lambda: self._source.claimed(shift, batch))
            return batch

        return await self._database.transaction(unit)

    async def _get_rid_of(self, shift: Shift, batch: Batch) -> None:
        shift.batches[batch.token] = batch
        failures = await self._purge.delete_bytes(batch)

        async def unit() -> None:
            run = await self._runs.locked(shift.run_id)
            done = await self._purge.settle(batch, failures)
            if run is not None:
                counts = {"filesDeleted": done.files, "bytesFreed": done.size_bytes, "failed": done.failed}
                await self._runs.count(run, done.files + done.failed, **counts)
                cleared = FilesCleared(run_id=run.id, job=run.job.value, files=done.files, size_bytes=done.size_bytes)
                self._database.after_commit(lambda: self._events.emit(cleared))
            self._database.after_commit(lambda: _tell_usage(self._events, shift, done.relieved))

        await self._database.transaction(unit)
        del shift.batches[batch.token]

    async def _finish(self, shift: Shift) -> bool:
        """End the run if nothing is left that it may take, or that workers of it hold; False if something is."""
        condition, value = self._source.condition(shift.started_at)

        async def unit() -> bool:
            run = await self._runs.held(shift)
            if run is None:
                return True
            # Neither look skips what is locked: a restore that holds a file may yet be refused.
            if await self._any(condition, value) or await self._any(_HELD, shift.run_id):
                return False
            await self._runs.succeed(run)
            return True

        return await self._database.transaction(unit)

    async def _any(self, condition: str, value: Any) -> bool:
        return bool(await self._database.fetch(f"SELECT 1 AS one FROM files WHERE {condition} LIMIT 1", value))  # noqa: S608 - SQL of our own making


_HELD = "status = 'PURGING' AND claim_run_id = $1 AND claim_token IS NOT NULL"


class _Trash:
    """Files that were deleted more than so many days before the run began, by the app's clock (R27)."""

    order = "deleted_at, id"

    def __init__(self, ledger: Ledger, purge: Purge, *, retention_days: int, events: Events) -> None:
        self._ledger = ledger
        self._purge = purge
        self._events = events
        self._retention = timedelta(days=retention_days)

    def condition(self, started_at: datetime) -> tuple[str, Any]:
        return "status = 'SOFT_DELETED' AND deleted_at < $1", started_at - self._retention

    async def claim(self, run_id: UUID, batch: Batch, *, seconds: int) -> None:
        """What a row still holds it goes on holding until it is deleted (R30); it only leaves the trash."""
        await self._purge.claim_for(run_id, batch, seconds=seconds)
        sizes = totals((file.owner_id, file.size_bytes) for file in batch.files)
        await self._ledger.move_many({owner_id: Balance(0, -size) for owner_id, size in sizes.items()})

    def claimed(self, shift: Shift, batch: Batch) -> None:
        """The files are nobody's any more: whatever becomes of this worker, they go."""
        for start in range(0, len(batch.files), _LINE_FILES):
            files = batch.files[start : start + _LINE_FILES]
            told = max(0, min(len(files), _TOLD_FILES - shift.told_files))
            shift.told_files += told
            job = JobName.ORPHANED_FILE_CLEANUP.value
            self._events.emit(FilesPurged(run_id=shift.run_id, job=job, files=files, told=told))


class _Abandoned:
    """Uploads whose lease ended so long ago that no request can be at them any more, by the database's clock."""

    order = "lease_expires_at"

    def __init__(
        self, database: Database, ledger: Ledger, purge: Purge, clock: Clock, *, expires_seconds: int, events: Events
    ) -> None:
        self._ledger = ledger
        self._purge = purge
        self._clock = clock
        self._events = events
        self._expires_seconds = expires_seconds
        self._condition = f"status = 'PENDING' AND lease_expires_at < {database.now_plus('$1')}"

    def condition(self, started_at: datetime) -> tuple[str, Any]:
        return self._condition, -self._expires_seconds

    async def claim(self, run_id: UUID, batch: Batch, *, seconds: int) -> None:
        """Nothing stays reserved."""
        change = "charged_bytes = 0, lease_expires_at = NULL, updated_at = $5,"
        await self._purge.claim_for(run_id, batch, seconds=seconds, change=change, values=[self._clock.now()])
        held = totals((file.owner_id, file.charged_bytes) for file in batch.files)
        await self._ledger.move_many({owner_id: Balance(-amount, 0) for owner_id, amount in held.items()})

    def claimed(self, shift: Shift, batch: Batch) -> None:
        """These never were anybody's files, but room was kept for them."""
        _tell_usage(self._events, shift, list({file.owner_id for file in batch.files if file.charged_bytes}))


def _tell_usage(events: Events, shift: Shift, user_ids: Sequence[UUID]) -> None:
    told = user_ids[: _TOLD_USERS - shift.told_users]
    shift.told_users += len(told)
    if told:
        events.emit(UsageChanged(user_ids=told))


class _Cleanup:
    """What the two jobs have in common."""

    nothing = NOTHING

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self.work, self.release, self.renew = sweep.work, sweep.release, sweep.renew

    async def rehearse(self, started_at: datetime) -> tuple[int, Mapping[str, Any]]:
        """How many files would go, and the summary of that."""
        files, size = await self._sweep.count(started_at)
        return files, {**NOTHING, "filesDeleted": files, "bytesFreed": size}


class OrphanedFiles(_Cleanup):
    """`orphaned_file_cleanup`."""

    name = JobName.ORPHANED_FILE_CLEANUP

    def __init__(
        self,
        database: Database,
        runs: JobRuns,
        ledger: Ledger,
        purge: Purge,
        alerts: Alerts,
        *,
        retention: Retention,
        events: Events,
    ) -> None:
        trash = _Trash(ledger, purge, retention_days=retention.days, events=events)
        super().__init__(Sweep(database, runs, purge, trash, events=events))
        self._alerts = alerts
        self._threshold = retention.alert_above

    async def begin(self, run: JobRun) -> int:
        """Inside the unit that begins the run: how many files are due. More than the threshold are an alert (R50)."""
        assert run.started_at is not None  # noqa: S101 - the unit has set it
        files, size = await self._sweep.count(run.started_at)
        if files > self._threshold:
            details = {"files": files, "bytes": size, "threshold": self._threshold}
            message = f"{files} files wait to be cleaned up, more than {self._threshold}."
            await self._alerts.raise_in_unit(AlertKind.ORPHANED_FILES, AlertSeverity.WARNING, message, details, run.id)
        return files


class ExpiredUploads(_Cleanup):
    """`expired_upload_cleanup`."""

    name = JobName.EXPIRED_UPLOAD_CLEANUP

    def __init__(
        self,
        database: Database,
        runs: JobRuns,
        ledger: Ledger,
        purge: Purge,
        clock: Clock,
        *,
        upload_expires_seconds: int,
        events: Events,
    ) -> None:
        source = _Abandoned(database, ledger, purge, clock, expires_seconds=upload_expires_seconds, events=events)
        super().__init__(Sweep(database, runs, purge, source, events=events))

    async def begin(self, run: JobRun) -> int:
        """How many files are due."""
        assert run.started_at is not None  # noqa: S101 - the unit that begins the run has set it
        return (await self._sweep.count(run.started_at))[0]
