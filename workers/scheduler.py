"""Turns ticks into runs. Any number of schedulers may do so at once: a tick has one run, by a rule of the database.

Taskiq's loop is the clock that strikes; a look every minute finds what it missed: the ticks from before the start, those that
the database was away for, and the one in an hour that the clocks left out.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from taskiq import AsyncBroker, ScheduledTask, ScheduleSource, TaskiqScheduler
from taskiq.cli.scheduler.run import SchedulerLoop
from taskiq.schedule_sources import LabelScheduleSource

from app.clock import Clock
from app.db import Database
from app.models import JobName
from app.services.jobs import JobService
from workers.schedule import PERIODS, SCHEDULES, Schedule
from workers.worker import in_fresh_context

LOOK_SECONDS = 60.0
GRACE_SECONDS = 300.0  # so long the runs of missed ticks are given before anybody is alarmed

_log = structlog.get_logger(__name__)


class Ticks:
    """What a scheduler process does about ticks."""

    def __init__(self, jobs: JobService, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        self._jobs = jobs
        self._database = database
        self._clock = clock
        self._zone = zone
        self._asked: dict[JobName, datetime] = {}
        self._seen: dict[JobName, datetime] = {}  # up to when that is the latest one

    async def ask(self, schedule: Schedule) -> None:
        """Ask for the run of the latest tick, once. Never raises: the next look tries again."""
        job = schedule.job
        try:
            now = self._clock.now()
            tick = schedule.latest_tick(now, self._zone, known=self._asked.get(job), seen=self._seen.get(job))
            if tick != self._asked.get(job):
                await in_fresh_context(self._database, partial(self._jobs.request, None, job, tick=tick))
                self._asked[job] = tick
            self._seen[job] = now
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the scheduler goes on
            _log.warning("jobs.tick_failed", job=job.value, error=repr(error))

    async def look(self) -> None:
        """Ask for the run of every tick that has none."""
        for schedule in SCHEDULES:
            await self.ask(schedule)

    async def report_overdue(self) -> None:
        """Have an alert raised for every job without a success in two periods. Never raises."""
        try:
            await in_fresh_context(self._database, partial(self._jobs.report_overdue, PERIODS))
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("jobs.report_overdue_failed", error=repr(error))


class Scheduler(TaskiqScheduler):
    """Taskiq's, but the task of a tick is done here and now instead of being sent: a message may be lost, a row is not."""

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        """Ask for the run of the tick that has just been."""
        found = self.broker.find_task(task.task_name)
        if found is not None:
            await found.original_func()


async def keep_schedules(
    broker: AsyncBroker, ticks: Ticks, *, look_seconds: float = LOOK_SECONDS, grace_seconds: float = GRACE_SECONDS
) -> None:
    """Do what the schedules of the broker's tasks say, those missed before the start first, until cancelled."""
    source = LabelScheduleSource(broker)
    await source.startup()
    loop = SchedulerLoop(Scheduler(broker, [source]))
    async with asyncio.TaskGroup() as group:
        group.create_task(_look(ticks, look_seconds, grace_seconds))
        # The tick of this very minute is among those that the first look finds.
        group.create_task(loop.run(skip_first_run=True, update_interval=timedelta(hours=1)))


async def _look(ticks: Ticks, look_seconds: float, grace_seconds: float) -> None:
    started = asyncio.get_running_loop().time()
    while True:
        await ticks.look()
        if asyncio.get_running_loop().time() - started >= grace_seconds:
            await ticks.report_overdue()
        await asyncio.sleep(look_seconds)
