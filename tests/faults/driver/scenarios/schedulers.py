"""Duplicate schedulers, killed and started at every tick: each tick has one run, and none is left out."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.settling import until

_TICK = timedelta(minutes=10)  # of the expiry job


async def _run(act: Act) -> None:
    world, schedulers = act.world, act.world.fleet.schedulers
    began = datetime.now(UTC)
    for number in range(1, act.rounds + 1):
        await asyncio.gather(*(scheduler.kill() for scheduler in schedulers))
        ahead = number * _TICK
        world.set_clock(ahead.total_seconds())
        tick = _tick_of(began + ahead)
        # Both look for what they have missed in the moment of their start.
        await asyncio.gather(*(scheduler.start() for scheduler in schedulers))

        async def has_run(tick: datetime = tick) -> bool:
            rows = await world.fetch(
                "SELECT 1 FROM job_runs WHERE job = 'expired_upload_cleanup' AND tick >= $1 AND status = 'SUCCEEDED'",
                tick,
            )
            return bool(rows)

        act.expect(await until(has_run), f"the tick of {tick} has had no run")
    world.set_clock(0)


def _tick_of(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)


SCENARIO = Scenario("duplicate schedulers", _run, short=3, full=50)
