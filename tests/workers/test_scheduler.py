"""From ticks to runs: one run per tick however many schedulers there are, none forgotten, and an alert when none succeeds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from taskiq.schedule_sources import LabelScheduleSource

from app.clock import FixedClock
from app.models import Alert, JobName, JobRun, JobStatus
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from workers.broker import embedded_broker
from workers.schedule import PERIODS, SCHEDULES
from workers.scheduler import Scheduler, Ticks, keep_schedules
from workers.tasks import WORK, register_jobs, register_work
from workers.worker import Worker

TUESDAY = datetime(2026, 3, 10, 12, 34, 56, tzinfo=UTC)
LATEST = {
    JobName.ORPHANED_FILE_CLEANUP: datetime(2026, 3, 10, 2, tzinfo=UTC),
    JobName.QUOTA_RECONCILIATION: datetime(2026, 3, 8, 3, tzinfo=UTC),
    JobName.EXPIRED_UPLOAD_CLEANUP: datetime(2026, 3, 10, 12, 30, tzinfo=UTC),
}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(TUESDAY)


@pytest.fixture
async def runtime(database_url: str, clock: FixedClock, tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings.load(
        database_url=database_url, secret_key="s" * 32, storage_backend="memory", data_dir=tmp_path / "data"
    )
    async with open_runtime(settings, clock) as opened:
        opened.database.bind()
        yield opened


def ticks_of(runtime: Runtime) -> Ticks:
    return Ticks(runtime.jobs, runtime.database, runtime.clock, ZoneInfo(runtime.settings.schedule_timezone))


async def runs() -> dict[JobName, list[datetime | None]]:
    found: dict[JobName, list[datetime | None]] = {}
    for run in await JobRun.all().order_by("tick"):
        found.setdefault(run.job, []).append(run.tick)
    return found


@pytest.mark.requirement("R26")
@pytest.mark.requirement("R33")
def test_every_job_has_a_schedule_and_a_task_with_a_lasting_id(runtime: Runtime) -> None:
    assert {schedule.job for schedule in SCHEDULES} == set(JobName)
    assert set(PERIODS) == set(JobName)
    for _ in range(2):
        broker = embedded_broker()
        register_jobs(broker, ticks_of(runtime), ZoneInfo("Europe/Berlin"))
        register_work(broker, Worker(runtime.jobs, runtime.database))
        tasks = broker.get_all_tasks()
        assert set(tasks) == {*(job.value for job in JobName), WORK}
        for schedule in SCHEDULES:
            assert tasks[schedule.job.value].labels["schedule"] == [
                {"cron": schedule.cron, "cron_offset": "Europe/Berlin", "schedule_id": f"satchel:{schedule.job.value}"}
            ]


@pytest.mark.requirement("R26")
@pytest.mark.requirement("R33")
async def test_the_latest_missed_tick_of_every_job_is_asked_for_at_the_start(runtime: Runtime) -> None:
    await ticks_of(runtime).look()
    assert await runs() == {job: [tick] for job, tick in LATEST.items()}
    assert {run.status for run in await JobRun.all()} == {JobStatus.QUEUED}
    assert {run.requested_by_id for run in await JobRun.all()} == {None}


@pytest.mark.requirement("R26")
async def test_two_schedulers_at_once_and_restarts_give_one_run_per_tick(runtime: Runtime) -> None:
    schedulers = [ticks_of(runtime) for _ in range(6)]
    await asyncio.gather(*(scheduler.look() for scheduler in schedulers))
    for run in await JobRun.all():
        await runtime.jobs.work(run.id)
    await asyncio.gather(*(scheduler.look() for scheduler in schedulers))
    await ticks_of(runtime).look()
    assert await runs() == {job: [tick] for job, tick in LATEST.items()}


@pytest.mark.requirement("R26")
async def test_each_tick_has_a_run_of_its_own(runtime: Runtime, clock: FixedClock) -> None:
    ticks = ticks_of(runtime)
    await ticks.look()
    for run in await JobRun.all():
        await runtime.jobs.work(run.id)
    clock.advance(days=1)
    await ticks.look()
    daily = LATEST[JobName.ORPHANED_FILE_CLEANUP]
    assert (await runs())[JobName.ORPHANED_FILE_CLEANUP] == [daily, daily + timedelta(days=1)]
    assert (await runs())[JobName.QUOTA_RECONCILIATION] == [LATEST[JobName.QUOTA_RECONCILIATION]]


async def test_a_tick_that_comes_while_a_run_goes_on_waits_for_no_second_one(
    runtime: Runtime, clock: FixedClock
) -> None:
    ticks = ticks_of(runtime)
    await ticks.look()
    clock.advance(seconds=600)
    await ticks.look()
    job = JobName.EXPIRED_UPLOAD_CLEANUP
    assert (await runs())[job] == [LATEST[job]]


async def test_a_tick_that_the_database_was_away_for_is_made_up_for(runtime: Runtime) -> None:
    ticks = ticks_of(runtime)
    await runtime.database.execute("ALTER TABLE job_runs RENAME TO job_runs_away")
    await ticks.look()
    await runtime.database.execute("ALTER TABLE job_runs_away RENAME TO job_runs")
    assert await runs() == {}
    await ticks.look()
    assert await runs() == {job: [tick] for job, tick in LATEST.items()}


async def test_taskiq_does_the_task_of_a_tick_on_the_spot(runtime: Runtime) -> None:
    broker = embedded_broker()
    register_jobs(broker, ticks_of(runtime), ZoneInfo("UTC"))
    source = LabelScheduleSource(broker)
    await source.startup()
    scheduler = Scheduler(broker, [source])
    scheduled = await source.get_schedules()
    for task in scheduled:
        await scheduler.on_ready(source, task)
    assert sorted(task.schedule_id for task in scheduled) == sorted(f"satchel:{job.value}" for job in JobName)
    assert await runs() == {job: [tick] for job, tick in LATEST.items()}
    await broker.shutdown()


async def test_a_scheduler_that_keeps_its_schedules_catches_up_by_itself(runtime: Runtime, clock: FixedClock) -> None:
    broker = embedded_broker()
    ticks = ticks_of(runtime)
    register_jobs(broker, ticks, ZoneInfo("UTC"))
    keeping = asyncio.create_task(keep_schedules(broker, ticks, look_seconds=0.05, grace_seconds=0.2))
    try:
        async with asyncio.timeout(20):
            while len(await runs()) < len(JobName):  # noqa: ASYNC110 - rows are waited for
                await asyncio.sleep(0.02)
            clock.advance(days=15)
            while await Alert.all().count() < len(JobName):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await broker.shutdown()


@pytest.mark.requirement("R26")
async def test_no_success_for_two_periods_is_an_alert_once(runtime: Runtime, clock: FixedClock) -> None:
    ticks = ticks_of(runtime)
    await ticks.look()
    for run in await JobRun.all():
        await runtime.jobs.work(run.id)
    clock.advance(days=2)
    await ticks.report_overdue()
    assert [alert.details["job"] for alert in await Alert.all()] == ["expired_upload_cleanup"]

    clock.advance(seconds=1)
    await ticks.report_overdue()
    await ticks_of(runtime).report_overdue()  # a second scheduler
    assert sorted(alert.details["job"] for alert in await Alert.all()) == [
        "expired_upload_cleanup",
        "orphaned_file_cleanup",
    ]


async def test_a_fresh_deployment_alarms_nobody(runtime: Runtime) -> None:
    await ticks_of(runtime).report_overdue()
    await ticks_of(runtime).look()
    await ticks_of(runtime).report_overdue()
    assert await Alert.all().count() == 0


async def test_a_database_that_is_away_while_alerts_are_looked_for_is_no_end(runtime: Runtime) -> None:
    await runtime.database.execute("ALTER TABLE job_runs RENAME TO job_runs_away")
    await ticks_of(runtime).report_overdue()
    await runtime.database.execute("ALTER TABLE job_runs_away RENAME TO job_runs")
