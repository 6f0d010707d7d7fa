"""Two server processes, a worker, PostgreSQL and Redis: events are seen in whichever process they happen and are watched."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.auth import Tokens
from app.clock import SystemClock
from app.models import File, User
from tests.factories import make_user
from tests.fixtures.deployment import SECRET, Deployment
from tests.fixtures.node import Node, NodeScript
from tests.fixtures.server import AppServer, Serve

RENAMERS = 10  # files that are renamed side by side
_PATIENCE = 120

_UPLOAD = "mutation ($file: Upload!) { uploadFile(input: {file: $file}) { file { id uuid } } }"
_RENAME = "mutation ($id: ID!, $name: String!) { renameFile(input: {id: $id, name: $name}) { file { id } } }"
_DELETE = "mutation ($id: ID!) { deleteFile(input: {id: $id}) { file { id } } }"
_CLEAN_UP = "mutation { runJob(input: {job: ORPHANED_FILE_CLEANUP}) { jobRun { id } } }"


class Caller:
    """Somebody who sends requests to one process."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def graphql(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        return _data(await self._client.post("/graphql", json={"query": query, "variables": variables}))

    async def upload(self, name: str) -> dict[str, str]:
        """A small file's id and uuid."""
        operations = f'{{"query": "{_UPLOAD}", "variables": {{"file": null}}}}'
        fields = {"operations": operations, "map": '{"0": ["variables.file"]}'}
        answer = await self._client.post("/graphql", data=fields, files={"0": (name, name.encode())})
        file: dict[str, str] = _data(answer)["uploadFile"]["file"]
        return file


def _data(response: httpx.Response) -> Any:
    answer = response.json()
    assert "errors" not in answer, answer
    return answer["data"]


@dataclass
class Cluster:
    """A deployment, and what people need to use it."""

    deployment: Deployment
    serve: Serve
    tokens: Tokens = field(default_factory=lambda: Tokens(SECRET.encode(), clock=SystemClock(), expires_seconds=3600))

    async def start(self, port: int | None = None) -> AppServer:
        """One more server process; on the port of an earlier one, that one's successor."""
        values = {name.upper(): value for name, value in self.deployment.values.items()}
        return await self.serve(values, port=port)

    def token(self, user: User) -> str:
        """A token that every process takes."""
        return self.tokens.issue(user.id, 0).token

    @asynccontextmanager
    async def calling(self, server: AppServer, user: User) -> AsyncIterator[Caller]:
        """A user who uses that process."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        async with httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=60) as client:
            yield Caller(client)


@dataclass
class Watcher:
    """A script that watches, and what it has seen."""

    script: NodeScript
    token: str
    seen: list[str] = field(default_factory=list)

    async def next(self) -> str:
        """The type and the name of the next event."""
        while (said := await self.script.says(_PATIENCE)) == {"wants": "token"}:
            await self.script.tell(self.token)
        return f"{said['type']} {said['name']}"

    async def see(self, count: int) -> None:
        """Take so many events down."""
        while len(self.seen) < count:
            self.seen.append(await self.next())

    async def has_seen(self, count: int) -> None:
        """Wait until so many have been taken down."""
        async with asyncio.timeout(_PATIENCE):
            while len(self.seen) < count:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(node: Node, token: str, urls: Mapping[str, Sequence[AppServer]]) -> AsyncIterator[list[Watcher]]:
    """These scripts, each with the servers that it turns to, one after the other."""
    async with AsyncExitStack() as stack:
        scripts = [
            node.running(name, token=token, urls=[server.graphql_url for server in servers])
            for name, servers in urls.items()
        ]
        yield [Watcher(await stack.enter_async_context(script), token) for script in scripts]


async def all_are_watching(watchers: Sequence[Watcher], caller: Caller, file_id: str) -> None:
    """Rename a file until everybody has seen it; afterwards there is nothing that anybody has not seen."""
    first = [asyncio.create_task(watcher.next()) for watcher in watchers]
    knocks = 0
    while not all(task.done() for task in first):
        await caller.graphql(_RENAME, id=file_id, name=f"knock {knocks}.txt")
        await asyncio.wait(first, timeout=0.1)
        knocks += 1
    await caller.graphql(_RENAME, id=file_id, name="begin.txt")
    for watcher in watchers:
        while await watcher.next() != "RENAMED begin.txt":
            pass


@pytest.fixture
def cluster(deployment: Deployment, serve: Serve) -> Cluster:
    """PostgreSQL and Redis, and no process yet."""
    return Cluster(deployment, serve)


async def test_an_upload_elsewhere_and_a_cleanup_in_a_worker_are_seen(node: Node, cluster: Cluster) -> None:
    owner, admin = await make_user(), await make_user(is_system_admin=True)
    first, second, _ = await asyncio.gather(cluster.start(), cluster.start(), cluster.deployment.start("worker"))
    scripts = {"websocket.js": [second], "sse.js": [second]}
    async with (
        cluster.calling(first, owner) as caller,
        cluster.calling(first, admin) as operator,
        watching(node, cluster.token(owner), scripts) as watchers,
    ):
        await all_are_watching(watchers, caller, (await caller.upload("door.txt"))["id"])

        file = await caller.upload("essay.txt")
        await caller.graphql(_DELETE, id=file["id"])
        await File.filter(id=file["uuid"]).update(deleted_at=datetime.now(UTC) - timedelta(days=31))
        await operator.graphql(_CLEAN_UP)

        expected = ["UPLOADED essay.txt", "DELETED essay.txt", "PURGED essay.txt"]
        for watcher in watchers:
            assert [await watcher.next() for _ in expected] == expected


@pytest.mark.parametrize("events", [300, pytest.param(1_000, marks=pytest.mark.long)])
async def test_who_watches_a_process_that_is_killed_misses_nothing_and_sees_nothing_twice(
    node: Node, cluster: Cluster, events: int
) -> None:
    owner = await make_user()
    first, second = await asyncio.gather(cluster.start(), cluster.start())
    # One goes on at the other process, one waits for the successor.
    scripts = {"websocket.js": [second, first], "sse.js": [second]}
    async with (
        cluster.calling(first, owner) as caller,
        watching(node, cluster.token(owner), scripts) as watchers,
    ):
        files = [await caller.upload(f"{number}.txt") for number in range(RENAMERS)]
        await all_are_watching(watchers, caller, files[0]["id"])

        async def rename(turns: range) -> None:
            async def each(number: int) -> None:
                for turn in turns:
                    await caller.graphql(_RENAME, id=files[number]["id"], name=f"{number} {turn:03}.txt")

            await asyncio.gather(*map(each, range(RENAMERS)))

        async def replace(server: AppServer, end: Callable[[], Awaitable[int]], *, after: int) -> AppServer:
            await watchers[1].has_seen(after)
            await end()
            return await cluster.start(server.port)

        turns = events // RENAMERS
        async with asyncio.TaskGroup() as group:
            for watcher in watchers:
                group.create_task(watcher.see(events))
            _, successor = await asyncio.gather(
                rename(range(turns // 2)), replace(second, second.kill, after=events // 5)
            )
            await asyncio.gather(
                rename(range(turns // 2, turns)), replace(successor, successor.terminate, after=events * 3 // 4)
            )

        await caller.graphql(_RENAME, id=files[0]["id"], name="end.txt")
        expected = [f"RENAMED {file} {turn:03}.txt" for file in range(RENAMERS) for turn in range(turns)]
        for watcher in watchers:
            assert await watcher.next() == "RENAMED end.txt"
            assert sorted(watcher.seen) == expected
            assert sorted(watcher.seen, key=lambda event: event.split()[1]) == expected, "each file's in its order"
