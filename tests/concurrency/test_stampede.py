"""Many uploads at once of one user with room for a few: exactly those that fit succeed (R2)."""

import asyncio

import pytest

from app.db import Database
from app.models import User
from tests.fixtures.ledger import recorded
from tests.fixtures.server import AppServer
from tests.fixtures.site import Site
from tests.fixtures.wire import upload

pytestmark = pytest.mark.requirement("R2")

SIZE = 100_000
ROOM = 10
ATTEMPTS = 50


class Sampler:
    """Looks at the ledger 50 times a second, as any other client of the database could."""

    def __init__(self, database: Database, user: User, quota: int) -> None:
        self._database = database
        self._user = user
        self._quota = quota
        self.samples = 0
        self.violations: list[int] = []

    async def run(self) -> None:
        while True:
            used, _ = await recorded(self._database, self._user.id)
            self.samples += 1
            if used > self._quota:
                self.violations.append(used)
            await asyncio.sleep(0.02)


async def stampede(site: Site, servers: list[AppServer], *, told: bool) -> int:
    """One round: how many got in. Asserts that the ledger held at every instant that was seen."""
    quota = SIZE * ROOM + 50
    person = await site.person(quota=quota)
    sampler = Sampler(site.database, person.user, quota)
    watching = asyncio.create_task(sampler.run())
    replies = await asyncio.gather(
        *(
            upload(servers[number % len(servers)].base_url, person.token, bytes(SIZE), told=told)
            for number in range(ATTEMPTS)
        )
    )
    watching.cancel()
    codes = [reply.code for reply in replies]
    assert set(codes) <= {None, "QUOTA_EXCEEDED"}
    won = codes.count(None)
    assert await recorded(site.database, person.user.id) == (won * SIZE, 0)
    assert sampler.samples > 0
    assert sampler.violations == []
    return won


async def test_exactly_as_many_succeed_as_fit(site: Site) -> None:
    server = await site.start()
    for _ in range(2):
        assert await stampede(site, [server], told=True) == ROOM
    await site.sweep()


async def test_uploads_of_unknown_length_never_pass_the_quota_either(site: Site) -> None:
    server = await site.start()
    # Each holds more than it needs for a while, so fewer may win than would fit; never more.
    assert 1 <= await stampede(site, [server], told=False) <= ROOM
    await site.sweep()


async def test_exactly_as_many_succeed_as_fit_over_two_servers_on_one_database_and_bucket(s3_site: Site) -> None:
    servers = [await s3_site.start(), await s3_site.start()]
    for _ in range(2):
        assert await stampede(s3_site, servers, told=True) == ROOM
    await s3_site.sweep()


@pytest.mark.long
async def test_twenty_stampedes_over_two_servers(s3_site: Site) -> None:
    servers = [await s3_site.start(), await s3_site.start()]
    assert [await stampede(s3_site, servers, told=True) for _ in range(20)] == [ROOM] * 20
    await s3_site.sweep()


@pytest.mark.long
async def test_twenty_stampedes_on_one_machine(site: Site) -> None:
    server = await site.start()
    assert [await stampede(site, [server], told=True) for _ in range(20)] == [ROOM] * 20
    await site.sweep()
