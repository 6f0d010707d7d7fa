"""SIGKILL of the web process at every step of an upload. Each step is reached for certain: the upload is held there."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.fleet import Member
from tests.faults.driver.journal import Kind, Operation, Outcome
from tests.faults.driver.settling import until
from tests.faults.http import Request
from tests.faults.postgres import Moment
from tests.faults.proxy import Exchange, Hung
from tests.fixtures.site import Person
from tests.fixtures.wire import connected, framing

_SMALL = 200_000
_LARGE = 9 * 1024 * 1024  # goes to S3 in parts


@dataclass(frozen=True)
class Held:
    """A request that is held: before the server has heard of it, or after it has done what it was asked."""

    after: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def happen(self, exchange: Exchange) -> None:
        if self.after:
            await exchange.ask()
            _, body = await exchange.answer()
            async for _ in body:
                pass
        self.reached.set()
        await asyncio.Event().wait() if not self.after else await exchange.client[0].read(1)
        raise Hung


@dataclass
class Attempt:
    """An upload on its way to a server."""

    act: Act
    api: Member
    person: Person

    async def send(self, size: int, *, share: float, until_: Callable[[], Awaitable[bool]]) -> Operation:
        """Send this share of a file (1 is all of the request), and kill the server when it has come that far."""
        content = content_of(size, self.act.chance)
        name = f"file-{len(self.act.journal.operations)}.bin"
        operation = self.act.journal.begin(Kind.UPLOAD, self.person.user.id, name=name)
        operation.size, operation.sha256 = size, hashlib.sha256(content).hexdigest()
        before, after = framing(name)
        body = before + content + after
        async with connected(self.api.base_url) as connection:
            await connection.head(self.person.token, length=len(body))
            sent = len(body) if share == 1 else len(before) + int(size * share)
            sending = asyncio.create_task(connection.send(body[:sent]))
            reached = await until(until_)
            await self.api.kill()
            await asyncio.gather(sending, return_exceptions=True)
        self.act.expect(reached, f"the upload {name} did not come as far as it should")
        operation.end(Outcome.UNKNOWN if share == 1 else Outcome.FAILED, "KILLED")
        return operation

    async def is_reserved(self) -> bool:
        """Whether the row is there."""
        rows = await self.act.world.fetch(
            "SELECT 1 FROM files WHERE owner_id = $1 AND status = 'PENDING'", self.person.user.id
        )
        return bool(rows)

    async def held_in_store(self, size: int, fits: Callable[[Request], bool], *, after: bool) -> None:
        """Killed while the store's answer is waited for."""
        held = Held(after)
        self.act.world.s3.inject(held, when=fits, times=1)
        await self.send(size, share=1, until_=_seen(held.reached))
        self.act.world.s3.heal()

    async def held_in_database(self, words: str, moment: Moment) -> None:
        """Killed while the database's answer to a statement is waited for."""
        rule = self.act.world.postgres.interrupt(lambda sql: words in sql, moment, silent=True, times=1)
        await self.send(_SMALL, share=1, until_=_seen(rule.reached))
        self.act.world.postgres.heal()


def _seen(event: asyncio.Event) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return event.is_set()

    return look


async def _connected(attempt: Attempt) -> None:
    async def at_once() -> bool:
        return True

    await attempt.send(_SMALL, share=0, until_=at_once)


async def _reserved(attempt: Attempt) -> None:
    await attempt.send(_SMALL, share=0, until_=attempt.is_reserved)


async def _in_mid_stream(attempt: Attempt) -> None:
    await attempt.send(_SMALL, share=0.5, until_=attempt.is_reserved)


async def _with_a_part_stored(attempt: Attempt) -> None:
    seen = attempt.act.world.s3.seen
    already = len(seen)

    async def sent() -> bool:
        return any("partNumber" in request.query for request in seen[already:])

    await attempt.send(_LARGE, share=0.97, until_=sent)


async def _settled_and_told(attempt: Attempt) -> None:
    content = content_of(_SMALL, attempt.act.chance)
    await attempt.act.client.upload(attempt.person, content, attempt.api.base_url)
    await attempt.api.kill()


def _is_put(request: Request) -> bool:
    return request.method == "PUT" and "partNumber" not in request.query


def _is_beginning(request: Request) -> bool:
    return request.method == "POST" and "uploads" in request.query


def _is_completion(request: Request) -> bool:
    return request.method == "POST" and "uploadId" in request.query


_SETTLING = "status = 'ACTIVE', size_bytes"

STEPS: Mapping[str, Callable[[Attempt], Awaitable[None]]] = {
    "connected": _connected,
    "reservation on its way": lambda one: one.held_in_database("INSERT INTO files", Moment.BEFORE),
    "reservation committed": lambda one: one.held_in_database("INSERT INTO files", Moment.AFTER),
    "reserved": _reserved,
    "in mid-stream": _in_mid_stream,
    "a part stored": _with_a_part_stored,
    "object on its way": lambda one: one.held_in_store(_SMALL, _is_put, after=False),
    "object stored": lambda one: one.held_in_store(_SMALL, _is_put, after=True),
    "parts begun": lambda one: one.held_in_store(_LARGE, _is_beginning, after=True),
    "completion on its way": lambda one: one.held_in_store(_LARGE, _is_completion, after=False),
    "completed": lambda one: one.held_in_store(_LARGE, _is_completion, after=True),
    "settling on its way": lambda one: one.held_in_database(_SETTLING, Moment.BEFORE),
    "settled": lambda one: one.held_in_database(_SETTLING, Moment.AFTER),
    "told": _settled_and_told,
}


async def _run(act: Act) -> None:
    number = 0
    for _ in range(act.rounds):
        for step in STEPS.values():
            (person,) = await act.people(1)
            # While one server starts again, the next step is taken on another one.
            api = act.world.apis[number % len(act.world.apis)]
            number += 1
            await api.start()
            await step(Attempt(act, api, person))
            act.revive(api)


SCENARIO = Scenario("kills at every step of an upload", _run, short=1, full=10)
