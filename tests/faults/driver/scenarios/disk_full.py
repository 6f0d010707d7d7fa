"""The disk is full: uploads are refused as long as it is, nothing of them stays, and what is deleted makes room again."""

import asyncio

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.crowd import Habits
from tests.faults.driver.fleet import Size
from tests.faults.driver.journal import Kind, Outcome
from tests.faults.driver.world import Needs

_MIB = 1024 * 1024
_CLIENTS = 4
_HABITS = Habits(
    weights={Kind.UPLOAD: 60, Kind.READ: 5, Kind.DELETE: 25, Kind.PURGE: 15, Kind.EMPTY: 3, Kind.RESTORE: 2},
    largest=3 * _MIB,
    in_parts=0,
)


async def _run(act: Act) -> None:
    crowd = await act.crowd(people=3, quota=64 * _MIB, habits=_HABITS)
    for _ in range(act.rounds):
        await crowd.do(60, _CLIENTS)
        await act.client.run_job(crowd.address(), act.world.admin, "EXPIRED_UPLOAD_CLEANUP")
    full = [one for one in act.journal.uploads if one.code == "STORAGE_UNAVAILABLE"]
    act.faults += len(full)
    act.expect(bool(full), "the disk was never full")
    for upload in act.journal.uploads:
        if upload.outcome is Outcome.OK:
            owner = next(person for person in crowd.people if person.user.id == upload.owner)
            await act.client.change(crowd.address(), owner, Kind.DELETE, upload.file_id)
    for person in crowd.people:
        await act.client.change(crowd.address(), person, Kind.EMPTY)
    await asyncio.gather(*(api.ready() for api in act.world.apis))
    last = await act.client.upload(crowd.people[0], content_of(_MIB, act.chance), crowd.address())
    act.expect(last.outcome is Outcome.OK, f"there is room again, and an upload was told {last.code}")


SCENARIO = Scenario(
    "disk full", _run, short=1, full=8, needs=Needs(Size(apis=2, workers=1, schedulers=1), disk=8 * _MIB)
)
