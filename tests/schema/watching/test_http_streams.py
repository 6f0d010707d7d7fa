"""Subscriptions over HTTP: graphql-sse's distinct connections, and multipart subscriptions. What is not asked for stays JSON."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from schema.ports import ViewLimits
from schema.streaming import BEAT_SECONDS, MultipartMixed, preferred_format
from tests.fixtures.app import Satchel
from tests.fixtures.watching import PATIENCE, subscribed
from tests.schema.view_server import running_view

SSE = "text/event-stream"
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json'
NAMES = "subscription { fileEvents { name } }"


class Streamed:
    """A response that goes on."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._texts = response.aiter_text()
        self._waiting = ""

    async def until(self, end: str) -> str:
        """What comes next, up to and with `end`."""
        async with asyncio.timeout(PATIENCE):
            while end not in self._waiting:
                self._waiting += await anext(self._texts)
        found, self._waiting = self._waiting.split(end, 1)
        return found + end

    async def rest(self) -> str:
        """Everything to the end of the response."""
        async with asyncio.timeout(PATIENCE):
            async for text in self._texts:
                self._waiting += text
        return self._waiting


@asynccontextmanager
async def streamed(
    satchel: Satchel, query: str, accept: str, *, by: str | None = "student", method: str = "POST", **more: Any
) -> AsyncGenerator[Streamed, None]:
    content = {"json": {"query": query, **more}} if method == "POST" else {"params": {"query": query}}
    headers = {**satchel.headers(by), "Accept": accept}
    async with satchel.client.stream(method, "/graphql", headers=headers, **content) as response:
        yield Streamed(response)


@pytest.fixture(name="stopped")
async def _stopped(embedded: Satchel) -> AsyncIterator[Satchel]:
    """Nothing is left open at the end."""
    yield embedded
    await subscribed(embedded, 0)


async def test_events_come_as_server_sent_events(stopped: Satchel) -> None:
    async with streamed(stopped, NAMES, SSE) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == SSE
        assert "no-store" in stream.response.headers["cache-control"]
        assert await stream.until("\n\n") == ":\n\n"
        await subscribed(stopped)
        await stopped.file(name="essay\n.txt")
        event = await stream.until("\n\n")
        assert event == 'event: next\ndata: {"data":{"fileEvents":{"name":"essay.txt"}}}\n\n'
        assert "\r" not in event


async def test_a_query_and_a_mutation_over_server_sent_events_end_after_their_result(stopped: Satchel) -> None:
    async with streamed(stopped, "{ me { email } }", SSE) as stream:
        text = await stream.rest()
    data = {"me": {"email": stopped.user("student").email}}
    assert (
        text
        == f":\n\nevent: next\ndata: {json.dumps({'data': data}, separators=(',', ':'))}\n\nevent: complete\ndata:\n\n"
    )
    async with streamed(stopped, "mutation { logout { userId } }", SSE, by="stranger") as stream:
        assert '"logout":{"userId"' in await stream.rest()


@pytest.mark.parametrize("query", ["{ me { email } }", NAMES], ids=["query", "subscription"])
async def test_an_expired_token_is_told_apart_from_none(stopped: Satchel, query: str) -> None:
    stopped.clock.advance(days=2)
    async with streamed(stopped, query, SSE) as stream:
        assert '"reason":"expired"' in await stream.rest()


@pytest.mark.parametrize(
    "query, by, code",
    [
        ("subscription { fileEvents { nonsense } }", "student", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "student", "GRAPHQL_PARSE_FAILED"),
        (NAMES, None, "UNAUTHENTICATED"),
        ("subscription { alertRaised { cursor } }", "student", "FORBIDDEN"),
        ('subscription { fileEvents(after: "x") { name } }', "student", "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_cannot_run_says_why_and_ends(
    stopped: Satchel, query: str, by: str | None, code: str
) -> None:
    async with streamed(stopped, query, SSE, by=by) as stream:
        events = (await stream.rest()).split("\n\n")
    assert [event.partition("\n")[0] for event in events] == [":", "event: next", "event: complete", ""]
    body = json.loads(events[1].partition("data: ")[2])
    assert [error["extensions"]["code"] for error in body["errors"]] == [code]
    assert "data" not in body

    async with streamed(stopped, query, MULTIPART, by=by) as stream:
        parts = (await stream.rest()).split("--graphql")
    assert parts[-1] == "--\r\n"
    content = json.loads(parts[-2].strip().partition("\r\n\r\n")[2])
    assert content["payload"] is None
    assert [error["extensions"]["code"] for error in content["errors"]] == [code]


async def test_events_come_as_parts_of_a_multipart_response(stopped: Satchel) -> None:
    async with streamed(stopped, NAMES, MULTIPART) as stream:
        assert stream.response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
        assert await stream.until("--graphql") == "--graphql"
        await subscribed(stopped)
        await stopped.file(name="essay.txt")
        # A client takes a part for whole when it sees the delimiter behind it.
        part = await stream.until("\r\n--graphql")
    assert part == (
        "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
        '{"payload":{"data":{"fileEvents":{"name":"essay.txt"}}}}\r\n--graphql'
    )


def test_a_stream_shows_that_it_is_alive() -> None:
    assert BEAT_SECONDS < 20  # proxies hang up after half a minute
    for accept, end, sign in ((SSE, b"\n\n", ":\n\n"), (MULTIPART, b"--graphql", MultipartMixed().beat)):
        with running_view(limits=ViewLimits(beat_seconds=0.01)) as server, server.connect() as connection:
            body = json.dumps({"query": "subscription { silence }"}).encode()
            connection.sendall(server.head("application/json", len(body), f"Accept: {accept}") + body)
            received = b""
            while received.count(end) < 6:
                received += connection.recv(65536)
        assert received.count(sign.encode()) >= 3


async def test_a_stream_can_be_had_by_get_but_for_mutations(stopped: Satchel) -> None:
    async with streamed(stopped, NAMES, SSE, method="GET") as stream:
        await subscribed(stopped)
        await stopped.file(name="essay.txt")
        assert "essay.txt" in await stream.until('"}}}')
    async with streamed(stopped, "mutation { logout { userId } }", SSE, method="GET") as stream:
        assert stream.response.status_code == 405
    assert (await stopped.graphql("{ me { uuid } }", by="student")).ok()


async def test_a_token_that_is_revoked_ends_the_stream(stopped: Satchel) -> None:
    async with streamed(stopped, NAMES, SSE) as stream:
        await subscribed(stopped)
        await stopped.graphql("mutation { logout { userId } }", by="student")
        text = await stream.rest()
    assert text.count('"code":"UNAUTHENTICATED"') == 1
    assert text.endswith("event: complete\ndata:\n\n")


@pytest.mark.parametrize(
    "accept",
    [
        "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
        "application/json, text/event-stream",
        "application/json, text/event-stream;q=0.5",
        "multipart/mixed;deferSpec=20220824, application/json",
        "*/*",
        "text/html, */*;q=0.1",
        "text/event-stream;q=0",
        "",
    ],
)
async def test_who_does_not_prefer_a_stream_gets_json(embedded: Satchel, accept: str) -> None:
    headers = {**embedded.headers("student"), "Accept": accept}
    reply = await embedded.client.post("/graphql", json={"query": "{ me { uuid } }"}, headers=headers)
    assert reply.json() == {"data": {"me": {"uuid": str(embedded.user("student").id)}}}
    refused = await embedded.client.post("/graphql", json={"query": NAMES}, headers=headers)
    assert refused.status_code == 400
    assert "text/event-stream" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "accept, media_type",
    [
        (SSE, SSE),
        ("text/event-stream, multipart/mixed", SSE),
        ("text/event-stream, application/json", SSE),
        ("application/json;q=0.5, text/event-stream", SSE),
        ("TEXT/EVENT-STREAM; charset=utf-8", SSE),
        (MULTIPART, "multipart/mixed"),
        ("multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json", "multipart/mixed"),
        ('multipart/mixed; subscriptionSpec="1.0", application/json', "multipart/mixed"),
    ],
)
def test_who_prefers_a_stream_gets_it(accept: str, media_type: str) -> None:
    form = preferred_format(accept)
    assert form is not None
    assert form.headers["Content-Type"].partition(";")[0] == media_type


async def test_files_never_come_with_a_stream(embedded: Satchel) -> None:
    response = await embedded.client.post(
        "/graphql",
        data={
            "operations": json.dumps(
                {
                    "query": "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { name } } }",
                    "variables": {"f": None},
                }
            ),
            "map": '{"0": ["variables.f"]}',
        },
        files={"0": ("notes.txt", b"hello")},
        headers={**embedded.headers("student"), "Accept": SSE},
    )
    assert response.json() == {"data": {"uploadFile": {"file": {"name": "notes.txt"}}}}


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b"{", b"\xff"])
async def test_a_body_that_is_no_operation_is_refused_in_json(embedded: Satchel, body: bytes) -> None:
    headers = {**embedded.headers("student"), "Accept": SSE, "Content-Type": "application/json"}
    response = await embedded.client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
