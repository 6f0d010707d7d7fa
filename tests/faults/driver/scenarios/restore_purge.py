"""Restores against purges: people bring back what people and the cleanup are about to be rid of."""

import asyncio

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.journal import Kind, Operation, Outcome
from tests.faults.driver.world import RETENTION_DAYS
from tests.fixtures.site import Person

_FILES = 60
_CLIENTS = 12
_AGE = "UPDATE files SET deleted_at = deleted_at - make_interval(days => $1) WHERE status = 'SOFT_DELETED'"
_KINDS = (Kind.RESTORE, Kind.RESTORE, Kind.PURGE, Kind.DELETE, Kind.READ)


async def _run(act: Act) -> None:
    act.swept = True
    world = act.world
    for number in range(act.rounds):
        (person,) = await act.people(1)
        files = await _in_the_trash(act, person)
        await world.execute(_AGE, RETENTION_DAYS + 1)
        await act.client.run_job(world.apis[0].base_url, world.admin, "ORPHANED_FILE_CLEANUP")
        racing = asyncio.create_task(_race(act, person, files))
        if number % 2:
            await act.pause(0, 0.3)
            await act.replace(act.chance.choice([*world.apis, *world.fleet.workers]))
        await racing


async def _in_the_trash(act: Act, person: Person) -> list[Operation]:
    slots = asyncio.Semaphore(_CLIENTS)

    async def one() -> Operation:
        async with slots:
            upload = await act.client.upload(person, content_of(500, act.chance), _address(act))
            if upload.outcome is Outcome.OK:
                await act.client.change(_address(act), person, Kind.DELETE, upload.file_id)
            return upload

    made = await asyncio.gather(*(one() for _ in range(_FILES)))
    return [upload for upload in made if upload.outcome is Outcome.OK]


async def _race(act: Act, person: Person, files: list[Operation]) -> None:
    slots = asyncio.Semaphore(_CLIENTS)

    async def one(upload: Operation, kind: Kind) -> None:
        async with slots:
            if kind is Kind.READ:
                await act.client.read(_address(act), person, upload)
            else:
                await act.client.change(_address(act), person, kind, upload.file_id)

    wanted = [one(upload, act.chance.choice(_KINDS)) for upload in files for _ in range(3)]
    act.chance.shuffle(wanted)
    emptied = act.client.change(_address(act), person, Kind.EMPTY)
    await asyncio.gather(*wanted[: len(wanted) // 2], emptied, *wanted[len(wanted) // 2 :])


def _address(act: Act) -> str:
    return act.chance.choice(act.world.apis).base_url


SCENARIO = Scenario("restore against purge", _run, short=2, full=16)
