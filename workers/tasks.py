"""The tasks, one service call each: to work on a run, and for every job to ask for its run when it is due."""

from uuid import UUID
from zoneinfo import ZoneInfo

from taskiq import AsyncBroker
from taskiq.kicker import AsyncKicker

from workers.schedule import SCHEDULES, Schedule
from workers.scheduler import Ticks
from workers.worker import Worker

WORK = "work_on_run"


def register_work(broker: AsyncBroker, worker: Worker) -> None:
    """What workers do. There is one task for the runs of all jobs: their rows say which job it is."""

    async def work_on_run(run_id: str) -> None:
        await worker.work(UUID(run_id))

    broker.register_task(work_on_run, task_name=WORK)


def register_jobs(broker: AsyncBroker, ticks: Ticks, zone: ZoneInfo) -> None:
    """What schedulers do: every job of the table is a task, named like it, with its schedule."""
    for schedule in SCHEDULES:
        _register(broker, ticks, schedule, zone)


def _register(broker: AsyncBroker, ticks: Ticks, schedule: Schedule, zone: ZoneInfo) -> None:
    async def ask_for_run() -> None:
        await ticks.ask(schedule)

    broker.register_task(ask_for_run, task_name=schedule.job.value, schedule=[schedule.labels(zone)])


async def send_work(broker: AsyncBroker, run_id: UUID) -> None:
    """Tell some worker to look at this run. Raises whatever the broker's connection raises."""
    kicker: AsyncKicker[[str], None] = AsyncKicker(WORK, broker, {})
    await kicker.kiq(str(run_id))
