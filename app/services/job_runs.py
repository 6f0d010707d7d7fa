"""The books of runs: the database is the truth about them, and whoever works on one does so for as long as its row says so.

A run is shared: its lease is renewed by every worker that is at it, and so ends only when all of them are gone. Leases are on
the database's clock, the moments that people see on the app's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from app.clock import Clock
from app.db import Database
from app.events import Events, JobFinished, JobProgressed
from app.models import AlertSeverity, JobName, JobRun, JobStatus
from app.services.alerts import AlertKind, Alerts
from app.services.purge import Batch

MAX_RECLAIMS = 5  # a run that is taken up for the fifth time after all its workers died is given up
UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)

_CRASHED = f"The job was given up: its workers died {MAX_RECLAIMS} times before they came to its end."
_BROKEN = "The job was stopped by an unexpected error. The log tells more, under the id of this run."

# Does nothing when there is an unfinished run of the job, or any run of this tick: two schedulers start one run.
_OPEN = """
INSERT INTO job_runs (id, job, status, dry_run, requested_by_id, tick, created_at, processed, reclaims)
VALUES ($1, $2, 'QUEUED', $3, $4, $5, $6, 0, 0) ON CONFLICT DO NOTHING
"""

Begin = Callable[[JobRun], Awaitable[int]]


@dataclass(slots=True)
class Shift:
    """One worker's part in a run. `token` is the claim of the run at the time; `batches` are what the worker holds just now,
    by their tokens; `over` tells that there is nothing left to do; `told_files` and `told_users` are of how many it has told one
    by one.
    """

    run_id: UUID
    token: UUID
    started_at: datetime
    batches: dict[UUID, Batch] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    told_files: int = 0
    told_users: int = 0


class JobRuns:
    """Opens, claims, counts and ends runs. `lease_seconds` is how long the work of silent workers is left alone."""

    def __init__(self, database: Database, alerts: Alerts, clock: Clock, *, lease_seconds: int, events: Events) -> None:
        self._database = database
        self._alerts = alerts
        self._clock = clock
        self.lease_seconds = lease_seconds
        self._events = events

    async def open(self, job: JobName, *, dry_run: bool, by: UUID | None, tick: datetime | None) -> JobRun:
        """A new run; or the one that is unfinished, or that there was for this tick."""
        while True:
            new_id = uuid4()
            insert = partial(self._database.execute, _OPEN, new_id, job, dry_run, by, tick, self._clock.now())
            if await self._database.transaction(insert):
                run = await JobRun.get(id=new_id)
                self._events.emit(JobProgressed(**_state(run)))
                return run
            found = await JobRun.filter(job=job, dry_run=dry_run, status__in=UNFINISHED).first()
            if found is None and tick is not None:
                found = await JobRun.filter(job=job, tick=tick).first()
            if found is not None:
                return found
            # What was in the way has ended between the two statements.

    async def join(self, run_id: UUID, nothing: Mapping[str, Any], begin: Begin) -> Shift | None:
        """Begin to work on a run, alone or with others. None when there is nothing to do for it, or not any more.

        `begin` counts, in the same unit, what is to be done in all; `nothing` is the summary of a run that has done nothing.
        """

        async def unit() -> Shift | None:
            run = await self.locked(run_id)
            if run is None or run.dry_run or run.status not in UNFINISHED:
                return None
            if run.status is JobStatus.QUEUED:
                run.status, run.started_at, run.summary = (
                    JobStatus.RUNNING,
                    self._clock.now(),
                    {**nothing, "seconds": 0.0},
                )
                run.claim_token = uuid4()
                run.total = await begin(run)
                self.moved(run)
            elif await self._is_orphaned(run):
                run.reclaims += 1
                if run.reclaims >= MAX_RECLAIMS:
                    await self._fail(run, _CRASHED)
                    return None
                run.claim_token = uuid4()
            await run.save()
            await self._prolong(run_id)
            if run.started_at is None or run.claim_token is None:
                raise RuntimeError("a run that goes on has been claimed")
            return Shift(run_id, run.claim_token, run.started_at)

        return await self._database.transaction(unit)

    async def renew(self, shift: Shift) -> None:
        """Prolong the lease of the run, unless others have taken it over."""
        await self._database.transaction(lambda: self._prolong(shift.run_id, shift.token))

    async def leave(self, shift: Shift) -> None:
        """Stop working before the end. It is no crash: whoever comes next takes the run up without counting one."""

        async def unit() -> None:
            await self._database.execute(
                "UPDATE job_runs SET claim_expires_at = NULL WHERE id = $1 AND claim_token = $2 AND status = 'RUNNING'",
                shift.run_id,
                shift.token,
            )

        await self._database.transaction(unit)

    async def goes_on(self, shift: Shift) -> bool:
        """Inside a unit: whether the run is still this worker's; it then stays so until the unit ends."""
        rows = await self._database.fetch(
            "SELECT id FROM job_runs WHERE id = $1 AND claim_token = $2 AND status = 'RUNNING'"  # noqa: S608 - a constant clause
            f" {self._database.for_share}",
            shift.run_id,
            shift.token,
        )
        return bool(rows)

    async def held(self, shift: Shift) -> JobRun | None:
        """Inside a unit: the row of the run, locked; None when it is not this worker's any more."""
        run = await self.locked(shift.run_id)
        return run if run and run.status is JobStatus.RUNNING and run.claim_token == shift.token else None

    async def locked(self, run_id: UUID) -> JobRun | None:
        """Inside a unit, before it changes what the run is about (lock order): the row of the run, locked."""
        return await JobRun.filter(id=run_id).select_for_update().first()

    async def count(self, run: JobRun, processed: int, **figures: int) -> None:
        """Inside the unit that has locked the run and changed the rows: add to its counts.

        Whatever has become of the run meanwhile: what is done is done, and counted once.
        """
        add(run, processed, **figures)
        await run.save(update_fields=["processed", "summary"])
        self.moved(run)

    def moved(self, run: JobRun) -> None:
        """Inside a unit that has changed the run's counts: tell of them after its commit."""
        progress = JobProgressed(**_state(run))
        self._database.after_commit(lambda: self._events.emit(progress))

    async def succeed(self, run: JobRun) -> None:
        """Inside a unit that holds the run: it has come to its end."""
        self._end(run, JobStatus.SUCCEEDED)
        await run.save()

    async def fail(self, run_id: UUID) -> None:
        """The run met an error that working on will not overcome."""

        async def unit() -> None:
            run = await self.locked(run_id)
            if run is not None and run.status in UNFINISHED:
                await self._fail(run, _BROKEN)

        await self._database.transaction(unit)

    async def rehearsed(self, run_id: UUID, started_at: datetime, processed: int, summary: Mapping[str, Any]) -> None:
        """What a dry run found. Several may have looked at once: the first one is heard."""

        async def unit() -> None:
            run = await self.locked(run_id)
            if run is not None and run.status in UNFINISHED:
                run.started_at, run.processed, run.total, run.summary = started_at, processed, processed, dict(summary)
                await self.succeed(run)

        await self._database.transaction(unit)

    async def unfinished(self) -> list[tuple[UUID, JobName]]:
        """Runs that have not ended, the oldest first."""
        rows = await JobRun.filter(status__in=UNFINISHED).order_by("created_at", "id")
        return [(run.id, run.job) for run in rows]

    async def _is_orphaned(self, run: JobRun) -> bool:
        """Whether all its workers died. One that left in good order has taken the lease with it."""
        rows = await self._database.fetch(
            f"SELECT id FROM job_runs WHERE id = $1 AND claim_expires_at <= {self._database.now_plus('$2')}",  # noqa: S608 - SQL of our own making
            run.id,
            0,
        )
        return bool(rows)

    async def _prolong(self, run_id: UUID, token: UUID | None = None) -> None:
        only = "" if token is None else " AND claim_token = $3"
        await self._database.execute(
            f"UPDATE job_runs SET claim_expires_at = {self._database.now_plus('$2')}"  # noqa: S608 - SQL of our own making
            f" WHERE id = $1 AND status = 'RUNNING'{only}",
            run_id,
            self.lease_seconds,
            *([] if token is None else [token]),
        )

    def _end(self, run: JobRun, status: JobStatus, error: str | None = None) -> None:
        run.status, run.error, run.finished_at = status, error, self._clock.now()
        run.claim_expires_at = None
        seconds = (run.finished_at - (run.started_at or run.finished_at)).total_seconds()
        if run.summary is not None:
            run.summary = {**run.summary, "seconds": round(max(0.0, seconds), 3)}
        finished = JobFinished(**_state(run), message=error, summary=run.summary or {})
        self._database.after_commit(lambda: self._events.emit(finished))

    async def _fail(self, run: JobRun, error: str) -> None:
        self._end(run, JobStatus.FAILED, error)
        await run.save()
        if not run.dry_run:  # which leaves nothing behind but its answer
            details = {"job": run.job.value, "runId": str(run.id), "reclaims": run.reclaims, "processed": run.processed}
            message = f"{run.job.value} failed. {error}"
            await self._alerts.raise_in_unit(AlertKind.JOB_FAILED, AlertSeverity.CRITICAL, message, details, run.id)


def _state(run: JobRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "job": run.job.value,
        "status": run.status.value,
        "dry_run": run.dry_run,
        "processed": run.processed,
        "total": run.total,
    }


def add(run: JobRun, processed: int, **figures: int) -> None:
    """Raise the counts of a run that the unit holds."""
    run.processed += processed
    summary = dict(run.summary or {})
    run.summary = summary | {name: summary.get(name, 0) + figure for name, figure in figures.items()}
