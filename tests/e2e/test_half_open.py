"""A crowd that holds connections and says nothing, or next to nothing, beside clients who work."""

import asyncio
import resource
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.fixtures.server import Serve
from tests.fixtures.wire import Connection, connected

_HALF_HEADS = [b"", b"POST /graphql HT", b"POST /graphql HTTP/1.1\r\nHost: satchel\r\nX-Slow: "]
_SLOW = b"POST /graphql HTTP/1.1\r\nHost: satchel\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
_SLACK_SECONDS = 20.0  # a busy machine's; without a time-out, a connection would live as long as the test
_WORKERS = 4


@dataclass
class _Crowd:
    """What came of everybody."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    lives: list[float] = field(default_factory=list)  # of the crowd's connections, in seconds
    answers: int = 0
    failures: list[str] = field(default_factory=list)

    async def hold(self, url: str, head: bytes, *, slowly: bool) -> None:
        """Hold one connection after the other."""
        while not self.stop.is_set():
            began = time.monotonic()
            async with connected(url) as connection:
                await connection.send(head)
                trickling = asyncio.create_task(_trickle(connection) if slowly else asyncio.sleep(0))
                await connection.rest()
                trickling.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await trickling
            self.lives.append(time.monotonic() - began)

    async def work(self, url: str) -> None:
        """Ask one question after the other."""
        async with httpx.AsyncClient(timeout=30, verify=False) as client:  # noqa: S501 - nothing here is TLS
            while not self.stop.is_set():
                try:
                    response = await client.post(f"{url}/graphql", json={"query": "{ __typename }"})
                    self.answers += 1
                    if response.json() != {"data": {"__typename": "Query"}}:
                        self.failures.append(response.text)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))


async def _trickle(connection: Connection) -> None:
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.25)


@pytest.mark.parametrize(
    "silent, slow, seconds, patience",
    [
        pytest.param(200, 40, 8.0, 5, id="short"),
        pytest.param(1000, 200, 60.0, 15, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_others_are_served_while_a_crowd_holds_connections(
    serve: Serve, silent: int, slow: int, seconds: float, patience: int
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await serve(
        {"REQUEST_HEAD_SECONDS": str(patience), "REQUEST_IDLE_SECONDS": str(patience), "RATE_LIMITS": "false"}
    )
    crowd, url = _Crowd(), server.base_url
    holding: list[Coroutine[Any, Any, None]] = [
        crowd.hold(url, _HALF_HEADS[number % len(_HALF_HEADS)], slowly=False) for number in range(silent)
    ]
    holding += [crowd.hold(url, _SLOW, slowly=True) for _ in range(slow)]
    tasks = [asyncio.create_task(work) for work in [*holding, *(crowd.work(url) for _ in range(_WORKERS))]]

    await asyncio.sleep(seconds)
    crowd.stop.set()
    await asyncio.gather(*tasks)

    assert len(crowd.lives) >= silent + slow
    assert max(crowd.lives) < patience + _SLACK_SECONDS
    assert crowd.answers > seconds
    assert len(crowd.failures) <= crowd.answers / 1000, crowd.failures[:5]
