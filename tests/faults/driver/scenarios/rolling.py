"""A rolling restart under load: every process in turn is told to stop, and another one takes its place."""

from tests.faults.driver.act import Act, Scenario

_CLIENTS = 6


async def _run(act: Act) -> None:
    crowd = await act.crowd()
    async with crowd.busy(_CLIENTS):
        for _ in range(act.rounds):
            for member in act.world.fleet.members:
                await member.terminate()
                await member.start()
                act.faults += 1
            await act.client.run_job(crowd.address(), act.world.admin, "EXPIRED_UPLOAD_CLEANUP")


SCENARIO = Scenario("rolling restart", _run, short=1, full=4)
