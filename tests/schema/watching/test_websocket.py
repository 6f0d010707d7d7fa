"""graphql-transport-ws: connections, what does not belong into them, and how they end."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from schema.ports import ViewLimits
from tests.fixtures.app import Satchel
from tests.fixtures.watching import PROTOCOL, subscribed, watch, watching
from tests.schema.view_server import running_view

NAMES = "subscription { fileEvents { name } }"
ME = "{ me { uuid } }"


def url_of(satchel: Satchel) -> str:
    return f"{satchel.client.base_url}/graphql"


@pytest.mark.parametrize("payload", ["authorization", "Authorization", "token", "header"])
async def test_the_token_may_come_in_several_ways(embedded: Satchel, payload: str) -> None:
    token = embedded.people["student"].token
    headers = {"Authorization": f"Bearer {token}"} if payload == "header" else {}
    value = token if payload == "token" else f"Bearer {token}"
    async with watching(url_of(embedded), headers=headers, init=False) as watcher:
        await watcher.send({"type": "connection_init", "payload": {} if payload == "header" else {payload: value}})
        assert await watcher.receive() == {"type": "connection_ack"}
        await watcher.subscribe(ME)
        assert await watcher.next() == {"me": {"uuid": str(embedded.user("student").id)}}
        await watcher.complete()


async def test_a_token_that_is_none_is_refused(embedded: Satchel) -> None:
    async with watching(url_of(embedded), init=False) as watcher:
        await watcher.send({"type": "connection_init", "payload": {"token": "forged"}})
        assert await watcher.closed() == 4403


async def test_who_brings_no_token_may_still_log_in(embedded: Satchel) -> None:
    login = 'mutation { login(input: {email: "nobody@example.org", password: "wrong, is it not"}) { token } }'
    async with watch(embedded, None) as watcher:
        await watcher.subscribe(login)
        message = await watcher.receive()
        assert message["payload"]["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "credentials"}
        await watcher.complete()


async def test_queries_and_mutations_work_and_files_do_not(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe("query A { me { uuid } } query B { me { uuid } }")
        assert (await watcher.error())["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await watcher.subscribe("{ nonsense }")
        assert (await watcher.error())["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await watcher.subscribe("{")
        assert (await watcher.error())["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
        await watcher.subscribe("")
        assert (await watcher.error())["extensions"] == {"code": "BAD_USER_INPUT", "field": "query"}
        upload = "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }"
        for value in ("text", None, {"name": "x"}):
            await watcher.subscribe(upload, {"f": value})
            assert (await watcher.error())["extensions"]["code"] == "BAD_USER_INPUT"
        await watcher.subscribe("mutation { logout { userId } }")
        assert (await watcher.next())["logout"]


async def test_an_operation_ends_when_the_client_has_enough(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await watcher.send({"type": "complete", "id": "1"})
        await subscribed(embedded, 0)
        await watcher.subscribe(NAMES)  # its id is free again
        await subscribed(embedded)
        await embedded.file(name="essay.txt")
        assert await watcher.next() == {"fileEvents": {"name": "essay.txt"}}
    await subscribed(embedded, 0)
    assert embedded.runtime.seats.subscriptions == 0


BEFORE, AFTER = False, True
_NO_MESSAGES: list[tuple[bool, str | bytes, int]] = [
    (BEFORE, "[]", 4400),
    (BEFORE, "5", 4400),
    (BEFORE, "null", 4400),
    (BEFORE, '"x"', 4400),
    (BEFORE, "{}", 4400),
    (BEFORE, "{", 4400),
    (BEFORE, "", 4400),
    (BEFORE, b"{}", 4400),
    (BEFORE, '{"type": 5}', 4400),
    (BEFORE, '{"type": "nonsense"}', 4400),
    (BEFORE, '{"type": "connection_init", "payload": []}', 4400),
    (BEFORE, "[" * 100_000, 4400),
    (BEFORE, '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { uuid } }"}}', 4401),
    (AFTER, '{"type": "connection_init"}', 4429),
    (AFTER, '{"type": "subscribe"}', 4400),
    (AFTER, '{"type": "subscribe", "id": 5, "payload": {"query": "{ me { uuid } }"}}', 4400),
    (AFTER, '{"type": "subscribe", "id": "", "payload": {"query": "{ me { uuid } }"}}', 4400),
    (AFTER, '{"type": "subscribe", "id": [], "payload": {"query": "{ me { uuid } }"}}', 4400),
    (AFTER, '{"type": "subscribe", "id": "1", "payload": []}', 4400),
    (AFTER, '{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
    (AFTER, '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}', 4400),
    (AFTER, '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": 1}}', 4400),
    (AFTER, '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": {}}}', 4400),
    (AFTER, '{"type": "complete"}', 4400),
    (AFTER, '{"type": "complete", "id": []}', 4400),
    (AFTER, '{"type": "ping", "payload": "' + "x" * (1024 * 1024) + '"}', 1009),
]


async def test_a_frame_that_is_no_message_ends_the_connection_and_nothing_else(
    embedded: Satchel, capfd: pytest.CaptureFixture[str]
) -> None:
    token = embedded.people["student"].token
    async with watch(embedded, "student") as bystander:
        for init, frame, code in _NO_MESSAGES:
            async with watching(url_of(embedded), token, init=init) as watcher:
                await watcher.send(frame)
                assert (frame[:100], await watcher.closed()) == (frame[:100], code)
        await bystander.send({"type": "ping"})
        assert await bystander.receive() == {"type": "pong"}
    assert "Traceback" not in "".join(capfd.readouterr())


async def test_an_id_in_use_ends_the_connection(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await watcher.subscribe(NAMES)
        assert await watcher.closed() == 4409


@pytest.mark.parametrize(
    "app_settings", [{"max_operations_per_socket": 2, "max_subscriptions_per_user": 3, "max_sockets_per_user": 2}]
)
async def test_nobody_has_more_open_than_one_may(embedded: Satchel) -> None:
    async with watch(embedded, "student") as first, watch(embedded, "student") as second:
        for number in "12":
            await first.subscribe(NAMES, id=number)
        await first.subscribe(NAMES, id="3")
        assert (await first.error(id="3"))["extensions"]["code"] == "RATE_LIMITED"
        await subscribed(embedded, 2)
        await second.subscribe(NAMES, id="3")
        await subscribed(embedded, 3)
        await second.subscribe(NAMES, id="4")
        error = await second.error(id="4")
        assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 1}
        assert "3 subscriptions" in error["message"]
        async with watching(url_of(embedded), init=False) as third:
            await third.send({"type": "connection_init", "payload": {"token": embedded.people["student"].token}})
            assert await third.closed() == 4429
        async with watch(embedded, "teacher") as other:  # has places of their own
            await other.subscribe(NAMES)
            await subscribed(embedded, 4)
        await second.send({"type": "complete", "id": "3"})
        await subscribed(embedded, 2)
        await second.subscribe(NAMES, id="4")
        await subscribed(embedded, 3)
    await subscribed(embedded, 0)
    async with watch(embedded, "student"):
        pass


def test_who_does_not_say_who_they_are_is_shown_out() -> None:
    async def wait(url: str) -> int:
        async with watching(url, init=False) as watcher:
            return await watcher.closed()

    with running_view(limits=ViewLimits(init_seconds=0.05)) as server:
        assert asyncio.run(wait(server.url)) == 4408


def test_who_has_no_token_is_asked_to_come_back_with_one() -> None:
    async def wait(url: str) -> int:
        async with watching(url) as watcher:
            return await watcher.closed()

    with running_view(limits=ViewLimits(stranger_seconds=0.05)) as server:
        assert asyncio.run(wait(server.url)) == 4403


async def test_a_user_who_was_shut_out_runs_nothing_more(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await embedded.graphql("mutation { logout { userId } }", by="student")
        await watcher.subscribe(ME)
        assert await watcher.closed() == 4401


async def test_a_token_that_expires_closes_the_connection(embedded: Satchel) -> None:
    embedded.clock.advance(seconds=86_400 - 1)
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        embedded.clock.advance(seconds=2)
        # The session looks at the clock when the token ends by the clock that it began with: in a second.
        assert await watcher.closed() == 4403
    await subscribed(embedded, 0)


@pytest.mark.parametrize(
    "app_settings", [{"cors_origins": "https://School.example/", "public_url": "https://files.example:8443/base"}]
)
@pytest.mark.parametrize(
    "origin, allowed",
    [
        ("https://school.example", True),
        ("https://files.example:8443", True),  # our own page, behind a proxy that hands on another host
        ("https://files.example", False),
        ("https://evil.example", False),
        (None, True),
    ],
)
async def test_pages_of_foreign_origins_are_shown_out(embedded: Satchel, origin: str | None, allowed: bool) -> None:
    address = url_of(embedded).replace("http", "ws", 1)
    known = Origin(origin) if origin else None
    if allowed:
        async with connect(address, subprotocols=[PROTOCOL], origin=known, proxy=None) as socket:
            assert socket.subprotocol == PROTOCOL
        return
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, subprotocols=[PROTOCOL], origin=known, proxy=None):
            pass
    assert refused.value.response.status_code == 403
