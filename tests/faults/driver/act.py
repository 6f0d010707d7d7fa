"""One scenario on its deployment: what it is given, and what came of it."""

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.faults.driver.client import Client
from tests.faults.driver.crowd import Crowd, Habits
from tests.faults.driver.evidence import gather
from tests.faults.driver.fleet import Member
from tests.faults.driver.invariants import violations
from tests.faults.driver.journal import Journal, Outcome
from tests.faults.driver.settling import settle
from tests.faults.driver.watch import Sampler
from tests.faults.driver.world import Needs, World
from tests.fixtures.site import Person

_MIB = 1024 * 1024
_LONGEST_SECONDS = 1500.0


@dataclass
class Act:
    """`rounds` is how much of it is wanted. What a scenario finds wrong itself goes to the journal."""

    world: World
    chance: random.Random
    rounds: int
    journal: Journal = field(default_factory=Journal)
    faults: int = 0  # that no proxy has counted
    kills: int = 0  # of processes that are not the fleet's
    swept: bool = False
    client: Client = field(init=False)
    _starting: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.client = Client(self.journal)

    async def people(self, number: int, *, quota: int = 64 * _MIB) -> list[Person]:
        """New users."""
        return [await self.world.person(quota=quota) for _ in range(number)]

    async def crowd(self, people: int = 6, *, quota: int = 4 * _MIB, habits: Habits | None = None) -> Crowd:
        """Clients of all servers in the names of new users, whose quotas are a matter of care."""
        everyone = await self.people(people, quota=quota)
        return Crowd(self.client, self.world.apis, everyone, self.chance, habits or Habits())

    async def replace(self, member: Member) -> None:
        """SIGKILL, and another process in its place, which is not waited for."""
        await member.start()  # the last one may be on its way yet
        await member.kill()
        self.revive(member)

    def revive(self, member: Member) -> None:
        """Have a process start there, and go on."""
        task = asyncio.create_task(member.start())
        self._starting.add(task)
        task.add_done_callback(self._is_back)

    async def everyone_is_back(self) -> None:
        """Wait for those that are starting."""
        await asyncio.gather(*self._starting, return_exceptions=True)

    def _is_back(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        error = None if task.cancelled() else task.exception()
        self.expect(error is None, f"a process did not start: {error}")

    async def pause(self, shortest: float, longest: float) -> None:
        """Let things go on for a while. Seconds."""
        await asyncio.sleep(self.chance.uniform(shortest, longest))

    def expect(self, holds: bool, otherwise: str) -> None:
        """What a scenario knows beyond the invariants."""
        if not holds:
            self.journal.findings.append(otherwise)


Run = Callable[[Act], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """What goes wrong, on which deployment, and how many rounds of it each plan has; none where it is left out."""

    name: str
    run: Run
    short: int
    full: int
    least: int = 0
    needs: Needs = field(default_factory=Needs)


@dataclass
class Result:
    """A line of the table."""

    scenario: str
    seconds: float = 0.0
    operations: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    kills: int = 0
    faults: int = 0
    samples: int = 0
    violations: Sequence[str] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    descriptors: dict[str, int] = field(default_factory=dict)  # of each process, at rest


async def perform(scenario: Scenario, act: Act) -> Result:
    """Play a scenario, let its deployment settle, and judge. One that cannot be played to its end is a violation."""
    kills = act.world.fleet.kills
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            return await _perform(scenario, act)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other scenarios shall be played
        return replace(failed(scenario, error), kills=act.world.fleet.kills - kills)


def failed(scenario: Scenario, error: Exception) -> Result:
    """The line of a scenario that could not be played to its end."""
    told = "".join(traceback.format_exception(error))
    return Result(scenario.name, violations=[f"it could not be played to its end: {told}"])


async def _perform(scenario: Scenario, act: Act) -> Result:
    world = act.world
    began, kills, faults = time.monotonic(), world.fleet.kills, world.faults
    sampler = Sampler(world.database_url)
    async with act.client.http:
        async with sampler.watching():
            await scenario.run(act)
            await act.everyone_is_back()
            await settle(world, act.client)
            await _read_some(act)
        found = await gather(world, act.journal, sampler, swept=act.swept)
    tally = act.journal.tally()
    return Result(
        scenario.name,
        seconds=time.monotonic() - began,
        operations=len(act.journal.operations),
        ok=tally[Outcome.OK],
        failed=tally[Outcome.FAILED],
        unknown=tally[Outcome.UNKNOWN],
        kills=world.fleet.kills - kills + act.kills,
        faults=world.faults - faults + act.faults,
        samples=sampler.samples,
        violations=violations(found),
        reasons=dict(act.journal.codes()),
        descriptors={process.name: process.descriptors for process in found.processes},
    )


async def _read_some(act: Act) -> None:
    """As clients do, over the wire: the first and the last of what was acknowledged."""
    people = {person.user.id: person for person in act.world.people}
    uploads = [upload for upload in act.journal.uploads if upload.file_id]
    for upload in uploads[:5] + uploads[5:][-5:]:
        await act.client.read(act.world.apis[0].base_url, people[upload.owner], upload)
