"""Jobs from outside: who may start and see them, and how a worker goes about a run."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Forbidden, NotFound
from app.jobs import JobStarter, NobodyToWake
from app.models import AlertSeverity, JobName, JobRun, JobStatus
from app.permissions import may_operate
from app.services.alerts import AlertKind, Alerts
from app.services.job_runs import UNFINISHED, JobRuns, Shift
from app.services.keyset import MOMENT, Conditions, Listing, read_page
from app.services.paging import Page
from app.tasks import end_task
from app.telemetry.tracing import span

_BEATS = 3  # renewals of a lease within its time

_log = structlog.get_logger(__name__)


class Job(Protocol):
    """What a job does. `nothing` is the summary of a run that has done nothing, but for its seconds."""

    name: JobName
    nothing: Mapping[str, Any]

    async def begin(self, run: JobRun) -> int:
        """Inside the unit that begins a run: how much is to be done in all."""
        ...

    async def work(self, shift: Shift) -> None:
        """Work until the run has ended, or is not this worker's any more. May be killed or cancelled at any moment."""
        ...

    async def renew(self, shift: Shift) -> None:
        """Keep what the worker holds. Called now and then while it works."""
        ...

    async def release(self, shift: Shift) -> None:
        """Let others have what the worker holds."""
        ...

    async def rehearse(self, started_at: datetime) -> tuple[int, Mapping[str, Any]]:
        """What a run would do that began now: how much in all, and its summary but for the seconds. Changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class JobRunFilter:
    """Which runs; None is any."""

    job: JobName | None = None
    status: JobStatus | None = None


class JobService:
    """Every use case around jobs. `starter` may be set by who composes the process."""

    def __init__(self, database: Database, runs: JobRuns, alerts: Alerts, jobs: Sequence[Job], clock: Clock) -> None:
        self._database = database
        self._runs = runs
        self._alerts = alerts
        self._jobs = {job.name: job for job in jobs}
        self._clock = clock
        self.starter: JobStarter = NobodyToWake()

    # ---------------------------------------------------------------- asking

    async def request(
        self, principal: Principal | None, job: JobName, *, dry_run: bool = False, tick: datetime | None = None
    ) -> JobRun:
        """A run of a job, asked for by a system admin, or by nobody but the schedule or the command line.

        One that is unfinished is given back instead of a second one, and of a `tick` there is one run, whoever asks for it
        how often. Dry runs are counted apart. Raises Forbidden.
        """
        if principal is not None and not may_operate(principal):
            raise Forbidden
        run = await self._runs.open(job, dry_run=dry_run, by=principal.user_id if principal else None, tick=tick)
        if run.status in UNFINISHED:
            await self._wake(run.id)
        return run

    async def page(self, principal: Principal, wanted: JobRunFilter, first: int, after: str | None) -> Page[JobRun]:
        """A page of runs, the newest first. Raises Forbidden, and BadUserInput for a bad cursor or size."""
        if not may_operate(principal):
            raise Forbidden
        conditions = Conditions()
        if wanted.job is not None:
            conditions.where("job = {0}", wanted.job)
        if wanted.status is not None:
            conditions.where("status = {0}", wanted.status)
        listing = Listing("job_runs", "job_runs", "id", "created_at", MOMENT, ascending=False, conditions=conditions)
        return await read_page(self._database, listing, JobRun, first, after)

    async def get(self, principal: Principal, run_id: UUID) -> JobRun:
        """One run. Raises NotFound, also for who may not know of it."""
        run = await JobRun.get_or_none(id=run_id) if may_operate(principal) else None
        if run is None:
            raise NotFound("job run")
        return run

    async def look(self, run_id: UUID) -> JobRun:
        """One run as it is now, whoever asks: for who works on it. Raises NotFound."""
        run = await JobRun.get_or_none(id=run_id)
        if run is None:
            raise NotFound("job run")
        return run

    def summary(self, run: JobRun) -> dict[str, Any]:
        """The run's summary in the order in which the job tells it, for databases keep another one; empty before the start."""
        found: Mapping[str, Any] = run.summary or {}
        return {name: found[name] for name in (*self._jobs[run.job].nothing, "seconds") if name in found}

    # ---------------------------------------------------------------- working

    async def work(self, run_id: UUID) -> JobRun:
        """Work on a run, with whoever else is at it, until it has ended; the run as it is then.

        Cancelled, it gives back what it holds and goes. An error ends the run as FAILED; raised is only that the database
        is away: the run then waits for it, and counts as one whose worker died. Raises NotFound.
        """
        self._database.bind()
        run = await self.look(run_id)
        job = self._jobs[run.job]
        try:
            with span(f"job {run.job.value}", attributes={"job.name": run.job.value, "job.dry_run": run.dry_run}):
                await (self._rehearse(run, job) if run.dry_run else self._work(run, job))
        except Exception as error:
            if self._database.is_trouble(error):
                raise
            _log.exception("job.broken", job=run.job.value, run_id=str(run_id))
            await self._runs.fail(run_id)
        return await self.look(run_id)

    async def work_any(self, job: JobName | None = None) -> int:
        """Work on the unfinished runs, of one job or of all, one after the other; how many there were."""
        self._database.bind()
        mine = [run_id for run_id, name in await self._runs.unfinished() if job in (None, name)]
        for run_id in mine:
            await self.work(run_id)
        return len(mine)

    async def unfinished(self) -> list[UUID]:
        """The runs that a worker can work on, alone or beside others; the oldest first."""
        return [run_id for run_id, _ in await self._runs.unfinished()]

    async def report_overdue(self, periods: Mapping[JobName, timedelta]) -> list[JobName]:
        """Raise an alert for each job that has not succeeded for two of its periods, on its newest run; those jobs (R50).

        Safe to call as often as one likes: a run has one such alert. A job that was never asked for is not overdue.
        """
        overdue = [job for job, period in periods.items() if await self._is_overdue(job, period)]
        for job in overdue:
            await self._database.transaction(partial(self._tell_overdue, job, periods[job]))
        return overdue

    # ---------------------------------------------------------------- how

    async def _wake(self, run_id: UUID) -> None:
        try:
            await self.starter.wake(run_id)
        except Exception as error:  # noqa: BLE001 - the run is committed, and workers look for runs themselves
            _log.warning("job.wake_failed", run_id=str(run_id), error=type(error).__name__)

    async def _work(self, run: JobRun, job: Job) -> None:
        shift = await self._runs.join(run.id, job.nothing, job.begin)
        if shift is None:
            return
        _log.info("job.joined", job=job.name.value, run_id=str(run.id))
        try:
            async with self._beating(job, shift):
                await job.work(shift)
        except asyncio.CancelledError:
            await job.release(shift)
            await self._runs.leave(shift)
            raise
        except Exception:
            await job.release(shift)
            raise

    async def _rehearse(self, run: JobRun, job: Job) -> None:
        """Without a claim: a rehearsal that dies has changed nothing, and is begun anew by whoever finds it."""
        if run.status in UNFINISHED:
            started_at = self._clock.now()
            count, summary = await job.rehearse(started_at)
            await self._runs.rehearsed(run.id, started_at, count, summary)

    @asynccontextmanager
    async def _beating(self, job: Job, shift: Shift) -> AsyncIterator[None]:
        """Keep the run and what the worker holds of it from others, for as long as the body takes."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._runs.lease_seconds / _BEATS)
                try:
                    await self._runs.renew(shift)
                    await job.renew(shift)
                except Exception as error:  # noqa: BLE001 - the next beat may find the database again
                    _log.warning("job.beat_failed", run_id=str(shift.run_id), error=type(error).__name__)

        heart = asyncio.create_task(beat())
        try:
            yield
        finally:
            await end_task(heart)

    async def _is_overdue(self, job: JobName, period: timedelta) -> bool:
        runs = JobRun.filter(job=job, dry_run=False)
        succeeded = await runs.filter(status=JobStatus.SUCCEEDED).order_by("-finished_at").first()
        since = succeeded.finished_at if succeeded else None
        if since is None:
            first = await runs.order_by("created_at").first()
            since = first.created_at if first else None
        return since is not None and self._clock.now() - since > 2 * period

    async def _tell_overdue(self, job: JobName, period: timedelta) -> None:
        newest = await JobRun.filter(job=job, dry_run=False).order_by("-created_at").first()
        assert newest is not None  # noqa: S101 - without a run no job is overdue, and runs are not deleted
        details = {"job": job.value, "periodSeconds": int(period.total_seconds())}
        message = f"{job.value} has not succeeded for two of its periods."
        await self._alerts.raise_in_unit(AlertKind.JOB_OVERDUE, AlertSeverity.CRITICAL, message, details, newest.id)
