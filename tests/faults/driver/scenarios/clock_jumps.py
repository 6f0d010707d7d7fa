"""Clocks that jump, forth and back: nothing is purged before its time, and service goes on."""

from datetime import timedelta

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.settling import run_to_end
from tests.faults.driver.world import RETENTION_DAYS

_CLIENTS = 4
_JUMPS = (timedelta(hours=1), timedelta(days=RETENTION_DAYS - 2), timedelta(hours=-3), timedelta(0))
_TRASH = "SELECT COUNT(*) AS files FROM files WHERE status = 'SOFT_DELETED'"


async def _run(act: Act) -> None:
    world = act.world
    crowd = await act.crowd()
    for _ in range(act.rounds):
        async with crowd.busy(_CLIENTS):
            for jump in _JUMPS:
                world.set_clock(jump.total_seconds())
                act.faults += 1
                await act.pause(0.3, 0.8)
                status = await run_to_end(world, act.client, "ORPHANED_FILE_CLEANUP")
                act.expect(status == "SUCCEEDED", f"after a jump of {jump} the cleanup ended as {status}")
        world.set_clock(0)
    # Nobody deletes any more: what lies in the trash stays there, until its time has come.
    kept = (await world.fetch(_TRASH))[0]["files"]
    world.set_clock(timedelta(days=RETENTION_DAYS - 1).total_seconds())
    await run_to_end(world, act.client, "ORPHANED_FILE_CLEANUP")
    act.expect(
        (await world.fetch(_TRASH))[0]["files"] == kept, "a jump to the day before its time took files from the trash"
    )
    world.set_clock(0)


SCENARIO = Scenario("clocks that jump", _run, short=1, full=6)
