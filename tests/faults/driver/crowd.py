"""Many clients who do everything at once, each picking from one seeded source of chance."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tests.faults.driver.client import Client, content_of
from tests.faults.driver.fleet import Member
from tests.faults.driver.journal import Kind, Operation, Outcome
from tests.fixtures.site import Person

_KIB = 1024
_MIB = 1024 * 1024

EVERYTHING: Mapping[Kind, int] = {
    Kind.UPLOAD: 40,
    Kind.READ: 15,
    Kind.DELETE: 20,
    Kind.RESTORE: 12,
    Kind.RENAME: 6,
    Kind.PURGE: 6,
    Kind.EMPTY: 1,
}
UPLOADS: Mapping[Kind, int] = {Kind.UPLOAD: 9, Kind.READ: 1}


@dataclass(frozen=True)
class Habits:
    """What clients like to do. Shares are from 0 to 1; sizes in bytes."""

    weights: Mapping[Kind, int] = field(default_factory=lambda: EVERYTHING)
    largest: int = 64 * _KIB
    in_parts: float = 0.02  # of the uploads are so large that S3 takes them in parts
    keyed: float = 0.3
    chunked: float = 0.2
    aborted: float = 0.03
    pause_seconds: float = 0.01


@dataclass
class Crowd:
    """Clients of some servers, in the names of some people."""

    client: Client
    apis: Sequence[Member]
    people: Sequence[Person]
    chance: random.Random
    habits: Habits = field(default_factory=Habits)
    _files: defaultdict[UUID, list[Operation]] = field(default_factory=lambda: defaultdict(list))

    @asynccontextmanager
    async def busy(self, clients: int) -> AsyncIterator[None]:
        """While the body runs, so many clients work; at its end each of them ends what it is at."""
        over = asyncio.Event()
        working = [asyncio.create_task(self._work(over)) for _ in range(clients)]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*working)

    async def do(self, operations: int, clients: int) -> None:
        """So many operations, in all."""
        slots = asyncio.Semaphore(clients)

        async def one() -> None:
            async with slots:
                await self.act()

        await asyncio.gather(*(one() for _ in range(operations)))

    async def act(self) -> None:
        """One operation of somebody's on something."""
        person = self.chance.choice(self.people)
        (kind,) = self.chance.choices(list(self.habits.weights), list(self.habits.weights.values()))
        known = self._files[person.user.id]
        if kind is Kind.UPLOAD or not known:
            await self._upload(person)
        elif kind is Kind.READ:
            await self.client.read(self.address(), person, self.chance.choice(known))
        elif kind is Kind.EMPTY:
            await self.client.change(self.address(), person, kind)
        else:
            await self.client.change(self.address(), person, kind, self.chance.choice(known).file_id)

    def address(self) -> str:
        """Of one of the servers."""
        return self.chance.choice(self.apis).base_url

    async def _work(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.act()
            await asyncio.sleep(self.habits.pause_seconds)

    async def _upload(self, person: Person) -> None:
        habits, chance = self.habits, self.chance
        large = chance.random() < habits.in_parts
        content = content_of(
            chance.randrange(9 * _MIB, 11 * _MIB) if large else chance.randrange(habits.largest), chance
        )
        if chance.random() < habits.aborted:
            await self.client.abort(self.address(), person, content, chance.random())
            return
        addresses = [api.base_url for api in self.apis]
        chance.shuffle(addresses)
        key = str(UUID(int=chance.getrandbits(128), version=4)) if chance.random() < habits.keyed else None
        told = chance.random() >= habits.chunked
        operation = await self.client.upload(person, content, *addresses, key=key, told=told)
        if operation.outcome is Outcome.OK:
            self._files[person.user.id].append(operation)
