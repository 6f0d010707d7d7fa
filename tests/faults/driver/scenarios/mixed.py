"""Everybody does everything, jobs run, and every second or so some process is killed."""

from tests.faults.driver.act import Act, Scenario

_CLIENTS = 8
_JOBS = ("EXPIRED_UPLOAD_CLEANUP", "ORPHANED_FILE_CLEANUP", "QUOTA_RECONCILIATION")


async def _run(act: Act) -> None:
    crowd = await act.crowd(8, quota=600_000)
    async with crowd.busy(_CLIENTS):
        for _ in range(act.rounds):
            await act.client.run_job(crowd.address(), act.world.admin, act.chance.choice(_JOBS))
            await act.pause(0.1, 0.8)
            await act.replace(act.chance.choice(act.world.fleet.members))


SCENARIO = Scenario("mixed operations", _run, short=6, full=80, least=2)
