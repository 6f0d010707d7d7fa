"""Everybody does everything at once: the invariants hold, and no client ever meets a deadlock (R2, R6)."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.fixtures.ledger import assert_ledger_is_true
from tests.fixtures.server import AppServer
from tests.fixtures.site import Person, Site
from tests.fixtures.wire import upload

pytestmark = [pytest.mark.requirement("R2"), pytest.mark.requirement("R6")]

PEOPLE = 20
CLIENTS = 16
QUOTA = 125_000
LARGEST = 40_000

_MUTATIONS = {
    "deleteFile": "mutation ($id: ID!) { deleteFile(input: {id: $id}) { file { id } } }",
    "restoreFile": "mutation ($id: ID!) { restoreFile(input: {id: $id}) { file { id } } }",
    "purgeFile": "mutation ($id: ID!) { purgeFile(input: {id: $id}) { fileId } }",
    "emptyTrash": "mutation { emptyTrash { filesPurged } }",
}
_WEIGHTS = {"upload": 45, "deleteFile": 30, "restoreFile": 15, "purgeFile": 9, "emptyTrash": 1}
# Everything that may go wrong when others are quicker, and nothing else.
_EXPECTED = {None, "QUOTA_EXCEEDED", "CONFLICT", "NOT_FOUND"}


class Crowd:
    """Clients that pick what to do from one seeded source, so that a run can be told again."""

    def __init__(self, servers: list[AppServer], people: list[Person], seed: int, operations: int) -> None:
        self._servers = servers
        self._people = people
        self._random = random.Random(seed)
        # Drawn beforehand, so that everything happens in whatever order the answers come.
        self._kinds = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=operations)
        self._files: dict[str, list[str]] = {person.token: [] for person in people}
        self.outcomes: Counter[tuple[str, str | None]] = Counter()

    async def work(self, client: httpx.AsyncClient) -> None:
        while self._kinds:
            what = self._kinds.pop()
            person = self._random.choice(self._people)
            server = self._random.choice(self._servers)
            if what == "upload":
                size = self._random.randrange(LARGEST)
                # Chance by itself begins as programs do now and then.
                content = (b"\0" + self._random.randbytes(size))[:size]
                reply = await upload(server.base_url, person.token, content, name="work.bin")
                if reply.code is None:
                    self._files[person.token].append(reply.body["data"]["uploadFile"]["file"]["id"])
                self.outcomes[what, reply.code] += 1
            else:
                self.outcomes[what, await self._mutate(client, server, person, what)] += 1

    async def _mutate(self, client: httpx.AsyncClient, server: AppServer, person: Person, what: str) -> str | None:
        known = self._files[person.token]
        variables: dict[str, Any] = {}
        if what != "emptyTrash":
            if not known:
                return "NOT_FOUND"
            variables["id"] = self._random.choice(known)
        response = await client.post(
            server.graphql_url,
            json={"query": _MUTATIONS[what], "variables": variables},
            headers={"Authorization": f"Bearer {person.token}"},
        )
        errors = response.json().get("errors")
        return errors[0]["extensions"]["code"] if errors else None


@asynccontextmanager
async def plain_client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(timeout=60, limits=limits, verify=False) as client:  # noqa: S501 - loopback, without TLS
        yield client


async def crowd_on(site: Site, servers: list[AppServer], *, operations: int) -> None:
    people = [await site.person(quota=QUOTA) for _ in range(PEOPLE)]
    crowd = Crowd(servers, people, seed=20261129, operations=operations)
    async with plain_client() as client:
        await asyncio.gather(*(crowd.work(client) for _ in range(CLIENTS)))
    unexpected = {outcome: count for outcome, count in crowd.outcomes.items() if outcome[1] not in _EXPECTED}
    assert unexpected == {}
    for what in _WEIGHTS:
        assert crowd.outcomes[what, None] > 0, crowd.outcomes
    assert crowd.outcomes["upload", "QUOTA_EXCEEDED"] > 0, crowd.outcomes
    await assert_ledger_is_true(site.database)
    used = await site.database.fetch("SELECT MAX(used_bytes) AS most FROM user_storage")
    assert 0 < used[0]["most"] <= QUOTA
    await site.sweep()


async def test_many_clients_on_one_machine(site: Site) -> None:
    await crowd_on(site, [await site.start()], operations=400)


async def test_many_clients_of_two_servers_on_one_database_and_bucket(s3_site: Site) -> None:
    await crowd_on(s3_site, [await s3_site.start(), await s3_site.start()], operations=400)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_five_thousand_operations(s3_site: Site) -> None:
    await crowd_on(s3_site, [await s3_site.start(), await s3_site.start()], operations=5_000)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_five_thousand_operations_on_one_machine(site: Site) -> None:
    await crowd_on(site, [await site.start()], operations=5_000)
