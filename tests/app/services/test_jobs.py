"""Runs and their workers, whatever the job: one at a time, shared, taken up again, given up in the end."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import Forbidden, NotFound
from app.job_command import run_here
from app.models import Alert, AlertSeverity, JobName, JobRun, JobStatus
from app.runtime import Runtime
from app.services.alerts import Alerts
from app.services.job_runs import MAX_RECLAIMS, JobRuns, Shift, add
from app.services.jobs import JobService
from tests.factories import make_user
from tests.fixtures.jobs import let_claims_end, let_runs_be_taken_over

JOB = JobName.ORPHANED_FILE_CLEANUP
OTHER = JobName.QUOTA_RECONCILIATION
TICK = datetime(2026, 1, 2, 2, tzinfo=UTC)


class Knitting:
    """A job that begins, does one stitch, and stops with what it is given, or when it is told to."""

    name = JOB
    nothing: Mapping[str, Any] = {"stitches": 0}

    def __init__(self, runtime: Runtime, runs: JobRuns) -> None:
        self._runtime = runtime
        self._runs = runs
        self.error: Exception | None = None
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.renewed = self.released = 0

    async def begin(self, run: JobRun) -> int:
        return 1

    async def work(self, shift: Shift) -> None:
        self.begun.set()
        await self.go_on.wait()
        if self.error is not None:
            raise self.error

        async def unit() -> None:
            run = await self._runs.held(shift)
            if run is not None:
                add(run, 1, stitches=1)
                await self._runs.succeed(run)

        await self._runtime.database.transaction(unit)

    async def renew(self, shift: Shift) -> None:
        self.renewed += 1

    async def release(self, shift: Shift) -> None:
        self.released += 1

    async def rehearse(self, started_at: datetime) -> tuple[int, Mapping[str, Any]]:
        if self.error is not None:
            raise self.error
        return 1, {"stitches": 1}


class Starter:
    """Remembers whom it was to wake, and what was in the database then."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.woken: list[UUID] = []

    async def wake(self, run_id: UUID) -> None:
        assert await JobRun.exists(id=run_id)
        self.woken.append(run_id)
        if self.error is not None:
            raise self.error


Knitter = Callable[..., tuple[JobService, Knitting]]


@pytest.fixture
def knitter(runtime: Runtime) -> Knitter:
    """Makes a process's service with that job."""

    def make(*, lease_seconds: int = 60) -> tuple[JobService, Knitting]:
        alerts = Alerts(runtime.database, runtime.clock, events=runtime.events)
        runs = JobRuns(runtime.database, alerts, runtime.clock, lease_seconds=lease_seconds, events=runtime.events)
        job = Knitting(runtime, runs)
        return JobService(runtime.database, runs, alerts, [job], runtime.clock), job

    return make


async def test_two_schedulers_start_one_run_of_a_tick_however_often_they_ask(knitter: Knitter) -> None:
    services = [knitter()[0], knitter()[0]]
    runs = await asyncio.gather(*(services[number % 2].request(None, JOB, tick=TICK) for number in range(10)))
    assert len({run.id for run in runs}) == 1
    await services[0].work(runs[0].id)

    again = await services[1].request(None, JOB, tick=TICK)
    assert (again.id, again.status) == (runs[0].id, JobStatus.SUCCEEDED)
    assert (await services[0].request(None, JOB, tick=TICK + timedelta(days=1))).id != runs[0].id
    assert await JobRun.all().count() == 2


async def test_a_job_has_one_unfinished_run_and_rehearsals_are_counted_apart(runtime: Runtime) -> None:
    jobs = runtime.jobs
    admin = Principal((await make_user(is_system_admin=True)).id, is_system_admin=True)
    asked = await asyncio.gather(*(jobs.request(admin, JOB) for _ in range(8)), jobs.request(None, JOB, tick=TICK))
    assert len({run.id for run in asked}) == 1
    rehearsals = await asyncio.gather(*(jobs.request(None, JOB, dry_run=True) for _ in range(4)))
    assert len({run.id for run in rehearsals}) == 1
    assert (await jobs.request(None, OTHER)).job is OTHER
    assert await JobRun.all().count() == 3

    assert await jobs.unfinished() == [run.id for run in await JobRun.all().order_by("created_at", "id")]
    assert await jobs.work_any(JOB) == 2
    assert await jobs.work_any() == 1
    assert await jobs.unfinished() == []
    assert (await jobs.request(admin, JOB)).id not in {run.id for run in asked}


async def test_only_system_admins_ask_and_look(runtime: Runtime) -> None:
    student = Principal((await make_user()).id, is_system_admin=False)
    with pytest.raises(Forbidden):
        await runtime.jobs.request(student, JOB)
    assert await JobRun.all().count() == 0
    run = await runtime.jobs.request(None, JOB)
    with pytest.raises(NotFound):
        await runtime.jobs.get(student, run.id)


async def test_somebody_is_woken_after_the_commit_and_the_request_does_not_hang_on_it(knitter: Knitter) -> None:
    jobs, _ = knitter()
    starter = Starter()
    jobs.starter = starter
    run = await jobs.request(None, JOB)
    assert (await jobs.request(None, JOB)).id == run.id
    assert starter.woken == [run.id, run.id]
    await jobs.work(run.id)

    jobs.starter = Starter(ConnectionError("Redis is away"))
    assert (await jobs.request(None, JOB)).status is JobStatus.QUEUED


async def test_a_run_tells_when_it_began_and_ended_and_what_it_came_to(knitter: Knitter, clock: FixedClock) -> None:
    jobs, job = knitter()
    job.go_on.clear()
    asked = clock.now()
    run = await jobs.request(None, JOB)
    clock.advance(seconds=10)
    work = asyncio.create_task(jobs.work(run.id))
    await job.begun.wait()
    running = await jobs.look(run.id)
    assert (running.status, running.total, running.summary) == (JobStatus.RUNNING, 1, {"stitches": 0, "seconds": 0.0})
    clock.advance(seconds=2.5)
    job.go_on.set()
    done = await work
    assert (done.created_at, done.started_at, done.finished_at) == (
        asked,
        asked + timedelta(seconds=10),
        asked + timedelta(seconds=12.5),
    )
    assert (done.status, done.processed, done.error) == (JobStatus.SUCCEEDED, 1, None)
    assert jobs.summary(done) == done.summary == {"stitches": 1, "seconds": 2.5}
    assert (await jobs.work(run.id)).processed == 1  # there is nothing left to do for it


async def test_the_lease_is_renewed_while_somebody_works_and_others_join_instead_of_taking_over(
    runtime: Runtime, knitter: Knitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.jobs._BEATS", 1200)  # one every twentieth of a second
    (jobs, job), (others, other) = knitter(), knitter()
    job.go_on.clear()
    run = await jobs.request(None, JOB)
    work = asyncio.create_task(jobs.work(run.id))
    await job.begun.wait()
    await let_runs_be_taken_over(runtime.database)
    before = job.renewed
    async with asyncio.timeout(30):
        while job.renewed < before + 2:  # noqa: ASYNC110 - a number tells nobody
            await asyncio.sleep(0.01)
    joined = await others.work(run.id)
    assert (joined.status, joined.reclaims) == (JobStatus.SUCCEEDED, 0)
    assert other.begun.is_set()
    job.go_on.set()
    assert (await work).processed == 1  # the second worker's stitch; this one's came too late


async def test_a_run_at_a_terminal_that_is_interrupted_is_given_back(
    runtime: Runtime, knitter: Knitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    jobs, job = knitter()
    job.go_on.clear()
    running = asyncio.create_task(run_here(replace(runtime, jobs=jobs), JOB.value, dry_run=False))
    await job.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await JobRun.get()).claim_expires_at is None
    others, _ = knitter()
    assert (await others.work((await JobRun.get()).id)).reclaims == 0


async def test_a_run_whose_workers_died_five_times_is_given_up_with_an_alert(
    runtime: Runtime, knitter: Knitter
) -> None:
    run = await knitter()[0].request(None, JOB)
    stuck = []
    for number in range(MAX_RECLAIMS):
        jobs, job = knitter()
        job.go_on.clear()
        stuck.append((asyncio.create_task(jobs.work(run.id)), job))
        await job.begun.wait()
        assert (await jobs.look(run.id)).reclaims == number
        await let_claims_end(runtime.database)

    jobs, job = knitter()
    failed = await jobs.work(run.id)
    assert not job.begun.is_set()
    assert (failed.status, failed.reclaims, failed.processed) == (JobStatus.FAILED, 5, 0)
    assert failed.error == "The job was given up: its workers died 5 times before they came to its end."
    alert = await Alert.get()
    assert (alert.kind, alert.severity, alert.job_run_id) == ("job_failed", AlertSeverity.CRITICAL, run.id)
    assert alert.details == {"job": JOB.value, "runId": str(run.id), "reclaims": 5, "processed": 0}
    for task, job in stuck:  # they were not dead after all, but what they had was not theirs any more
        job.go_on.set()
        assert (await task).status is JobStatus.FAILED
    assert (await JobRun.get(id=run.id)).processed == 0


async def test_a_worker_that_leaves_is_no_crash(runtime: Runtime, knitter: Knitter) -> None:
    jobs, job = knitter()
    run = await jobs.request(None, JOB)
    for number in range(MAX_RECLAIMS + 1):
        job.go_on.clear()
        job.begun.clear()
        work = asyncio.create_task(jobs.work(run.id))
        await job.begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert job.released == number + 1
    job.go_on.set()
    done = await jobs.work(run.id)
    assert (done.status, done.reclaims) == (JobStatus.SUCCEEDED, 0)


@pytest.mark.requirement("R50")
async def test_an_error_ends_the_run_with_an_alert_and_tells_nothing_of_the_inside(knitter: Knitter) -> None:
    jobs, job = knitter()
    job.error = ValueError("SELECT secret FROM /var/lib/satchel")
    run = await jobs.request(None, JOB)
    failed = await jobs.work(run.id)
    assert (failed.status, job.released) == (JobStatus.FAILED, 1)
    assert failed.error == "The job was stopped by an unexpected error. The log tells more, under the id of this run."
    alert = await Alert.get()
    assert (alert.kind, alert.severity, alert.job_run_id) == ("job_failed", AlertSeverity.CRITICAL, run.id)
    assert alert.message == f"{JOB.value} failed. {failed.error}"

    rehearsal = await jobs.work((await jobs.request(None, JOB, dry_run=True)).id)
    assert rehearsal.status is JobStatus.FAILED
    assert await Alert.all().count() == 1

    job.error = None
    assert (await jobs.work((await jobs.request(None, JOB)).id)).status is JobStatus.SUCCEEDED


async def test_a_database_that_is_away_fails_no_run(runtime: Runtime, knitter: Knitter) -> None:
    jobs, job = knitter()
    job.error = ConnectionResetError("the database restarts")
    run = await jobs.request(None, JOB)
    with pytest.raises(ConnectionResetError):
        await jobs.work(run.id)
    assert (await jobs.look(run.id)).status is JobStatus.RUNNING
    job.error = None
    await let_claims_end(runtime.database)
    done = await jobs.work(run.id)
    assert (done.status, done.reclaims) == (JobStatus.SUCCEEDED, 1)
    assert await Alert.all().count() == 0


async def test_a_rehearsal_is_heard_once_and_takes_no_claim(knitter: Knitter) -> None:
    jobs, _ = knitter()
    run = await jobs.request(None, JOB, dry_run=True)
    answers = await asyncio.gather(*(jobs.work(run.id) for _ in range(3)))
    assert {(answer.status, answer.processed, answer.total) for answer in answers} == {(JobStatus.SUCCEEDED, 1, 1)}
    found = await JobRun.get(id=run.id)
    assert (found.claim_token, found.claim_expires_at, found.reclaims) == (None, None, 0)
    assert found.summary == {"stitches": 1, "seconds": 0.0}


async def test_a_run_that_is_not_there_is_not_found(runtime: Runtime) -> None:
    with pytest.raises(NotFound):
        await runtime.jobs.work(UUID(int=1))


@pytest.mark.requirement("R50")
async def test_no_success_for_two_periods_is_one_alert_for_each_run(knitter: Knitter, clock: FixedClock) -> None:
    jobs, job = knitter()
    periods = {JOB: timedelta(days=1), OTHER: timedelta(weeks=1)}
    clock.advance(days=100)
    assert await jobs.report_overdue(periods) == []  # nobody has ever asked for a run

    await jobs.work((await jobs.request(None, JOB, tick=TICK)).id)
    clock.advance(days=2)
    assert await jobs.report_overdue(periods) == []
    clock.advance(seconds=1)
    await jobs.work((await jobs.request(None, JOB, dry_run=True)).id)
    job.error = ValueError("always")
    broken = await jobs.work((await jobs.request(None, JOB)).id)
    assert await jobs.report_overdue(periods) == [JOB]
    assert await jobs.report_overdue(periods) == [JOB]
    overdue = await Alert.get(kind="job_overdue")
    assert (overdue.job_run_id, overdue.severity) == (broken.id, AlertSeverity.CRITICAL)
    assert overdue.details == {"job": JOB.value, "periodSeconds": 86400}

    job.error = None
    await jobs.work((await jobs.request(None, JOB)).id)
    assert await jobs.report_overdue(periods) == []


async def test_a_run_that_never_got_a_worker_is_overdue_too(knitter: Knitter, clock: FixedClock) -> None:
    jobs, _ = knitter()
    await jobs.request(None, JOB, tick=TICK)
    clock.advance(days=2, seconds=1)
    assert await jobs.report_overdue({JOB: timedelta(days=1)}) == [JOB]
