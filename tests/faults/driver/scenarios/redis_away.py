"""Redis refuses, is silent, is killed and comes back empty: jobs are done nevertheless, and clients notice nothing."""

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.journal import Outcome
from tests.faults.driver.settling import run_to_end

_CLIENTS = 4


async def _run(act: Act) -> None:
    world = act.world
    crowd = await act.crowd()
    async with crowd.busy(_CLIENTS):
        for number in range(act.rounds):
            act.faults += 1
            if number % 3 == 0:
                await world.redis.go_down()
            elif number % 3 == 1:
                world.redis.fall_silent()
            else:
                await world.servers.restart_redis(seconds=0.5)
            status = await run_to_end(world, act.client, "EXPIRED_UPLOAD_CLEANUP")
            act.expect(status == "SUCCEEDED", f"without Redis a run ended as {status}")
            await world.heal()
            await act.pause(0.2, 1)
    unsure = [f"{one.kind} {one.code}" for one in act.journal.operations if one.outcome is Outcome.UNKNOWN]
    act.expect(not unsure, f"without Redis clients were told that something went wrong: {unsure}")


SCENARIO = Scenario("Redis away and back", _run, short=3, full=15)
