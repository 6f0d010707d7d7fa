"""SIGTERM with uploads in flight: those that go on are finished and told, those that do not are given up in order."""

import asyncio
import hashlib

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.fleet import Member
from tests.faults.driver.journal import Kind, Outcome
from tests.faults.driver.settling import until
from tests.fixtures.site import Person
from tests.fixtures.wire import connected, framing

_UPLOADS = 6
_SIZE = 300_000


async def _run(act: Act) -> None:
    for number in range(act.rounds):
        api = act.world.apis[number % len(act.world.apis)]
        (person,) = await act.people(1)
        stopping = asyncio.Event()
        uploads = [asyncio.create_task(_upload(act, api, person, stopping)) for _ in range(_UPLOADS)]

        async def all_reserved(person: Person = person) -> bool:
            rows = await act.world.fetch(
                "SELECT 1 FROM files WHERE owner_id = $1 AND status = 'PENDING'", person.user.id
            )
            return len(rows) == _UPLOADS

        act.expect(await until(all_reserved), "uploads did not begin")
        ending = asyncio.create_task(api.terminate())

        async def told_to_stop(api: Member = api) -> bool:
            return "Shutting down" in api.log()

        await until(told_to_stop)
        act.faults += 1
        stopping.set()
        await asyncio.gather(*uploads)
        await ending
        await api.start()


async def _upload(act: Act, api: Member, person: Person, stopping: asyncio.Event) -> None:
    """Half of it before the server is told to stop, the rest after that."""
    content = content_of(_SIZE, act.chance)
    name = f"file-{len(act.journal.operations)}.bin"
    operation = act.journal.begin(Kind.UPLOAD, person.user.id, name=name)
    operation.size, operation.sha256 = len(content), hashlib.sha256(content).hexdigest()
    before, after = framing(name)
    try:
        async with connected(api.base_url) as connection:
            await connection.head(person.token, length=len(before) + len(content) + len(after))
            await connection.send(before + content[: _SIZE // 2])
            await stopping.wait()
            await connection.send(content[_SIZE // 2 :] + after)
            reply = await connection.reply()
    except (OSError, asyncio.IncompleteReadError) as error:
        operation.end(Outcome.UNKNOWN, type(error).__name__)
    else:
        operation.end(Outcome.OK if reply.code is None else Outcome.UNKNOWN, reply.code)
        if reply.code is None:
            operation.file_id = reply.body["data"]["uploadFile"]["file"]["id"]
    act.expect(operation.outcome is Outcome.OK, f"an upload in flight at SIGTERM was not finished: {operation.code}")


SCENARIO = Scenario("SIGTERM with uploads in flight", _run, short=2, full=10)
