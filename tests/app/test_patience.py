"""Slow clients against uvicorn as the product runs it: each is given its time and no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.patience import BODY_IS_HERE, Patience, PatientConfig
from app.web.body import BodyError, RequestBody
from app.web.problems import problem_of
from app.web.replies import DiscardBounds, send_reply
from tests.fixtures.servers.ports import free_port
from tests.fixtures.wire import Connection, connected

_HEAD = b"GET / HTTP/1.1\r\nHost: satchel\r\n"
_POST = b"POST / HTTP/1.1\r\nHost: satchel\r\n"
_SECONDS = 0.3  # of patience
_PATIENT_SECONDS = 3.0  # for clients that must not be given up, though this process may stand still for a moment
_MANY_SECONDS = 30.0  # until something has happened that takes less than one


async def _application(seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/large":
        await Response(b"x" * 50_000_000)(scope, receive, send)
        return
    if scope["path"] == "/here":
        await Response(str(scope.get(BODY_IS_HERE, False)))(scope, receive, send)
        return
    body = RequestBody(scope, receive, idle_seconds=seconds, min_bytes_per_second=100)
    if scope["path"] == "/echo":
        await asyncio.sleep(_SECONDS)  # for what the client sends meanwhile
    try:
        content = await body.read(1_000_000)
        response = Response(content if scope["path"] == "/echo" else b"read")
    except BodyError as error:
        response = problem_of(error).response()
    await send_reply(send, body, response, DiscardBounds(seconds=seconds))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that has little patience."""
    async with _serving(_SECONDS) as url:
        yield url


@pytest.fixture
async def patient_url() -> AsyncIterator[str]:
    """One that has more."""
    async with _serving(_PATIENT_SECONDS) as url:
        yield url


@asynccontextmanager
async def _serving(seconds: float) -> AsyncIterator[str]:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await _application(seconds, scope, receive, send)

    port = free_port()
    config = PatientConfig(
        application,
        Patience(head_seconds=seconds, response_seconds=seconds),
        host="127.0.0.1",
        port=port,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=max(1, round(2 * seconds)),
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(_MANY_SECONDS):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    async with asyncio.timeout(_MANY_SECONDS):
        while server.server_state.connections:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    server.should_exit = True
    await task


async def _rest(connection: Connection, seconds: float = _MANY_SECONDS) -> bytes:
    """Everything up to the end of the connection."""
    async with asyncio.timeout(seconds):
        return await connection.rest()


@pytest.mark.parametrize(
    "sent, status",
    [
        (b"", None),
        (b"GET /", 408),
        (_HEAD, 408),
        (b"\r\n", 408),
        (_HEAD + b"X-Long: " + b"x" * 70_000, 431),
        (_HEAD + b"\r\n", 200),
        (_HEAD + b"\r\n" + b"GE", 200),
        (_POST + b"Content-Length: 100\r\n\r\n", 408),
        (_POST + b'Content-Length: 100\r\n\r\n{"query"', 408),
        (_POST + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"query"\r\n', 408),
        (b"NONSENSE\r\n\r\n", 400),
    ],
    ids=[
        "nothing",
        "half a line",
        "half a head",
        "an empty line",
        "a head without end",
        "a request and silence",
        "a request and a half",
        "no body",
        "half a body",
        "half a chunked body",
        "nonsense",
    ],
)
async def test_whoever_falls_silent_is_let_go(url: str, sent: bytes, status: int | None) -> None:
    async with connected(url) as connection:
        await connection.send(sent)

        answer = await _rest(connection)

    assert (int(answer.split()[1]) if answer else None) == status


@pytest.mark.parametrize(
    "sent, is_here",
    [(b"\r\n", "True"), (b"Content-Length: 4\r\n\r\ndata", "True"), (b"Content-Length: 5\r\n\r\ndata", "False")],
    ids=["none", "all of it", "a part"],
)
async def test_the_server_says_whether_a_body_is_here(url: str, sent: bytes, is_here: str) -> None:
    async with connected(url) as connection:
        await connection.send(b"POST /here HTTP/1.1\r\nHost: satchel\r\nConnection: close\r\n" + sent)

        answer = await _rest(connection)

    assert answer.endswith(is_here.encode())


async def _trickle(connection: Connection, data: bytes, every: float) -> None:
    for byte in data:
        await connection.send(bytes([byte]))
        await asyncio.sleep(every)


@pytest.mark.parametrize(
    "first, then",
    [
        (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n" * 100),
        (b"", b"\r\n" * 400),
        (_POST + b"Content-Length: 90000\r\n\r\n", b" " * 800),
    ],
    ids=["a head", "empty lines", "a body"],
)
async def test_a_byte_now_and_then_is_not_enough(url: str, first: bytes, then: bytes) -> None:
    async with connected(url) as connection:
        await connection.send(first)
        trickling = asyncio.create_task(_trickle(connection, then, 0.05))
        answer = await _rest(connection)
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)

    assert int(answer.split()[1]) == 408


async def test_a_body_at_its_pace_is_read_to_its_end_however_long_it_takes(patient_url: str) -> None:
    async with connected(patient_url) as connection:
        await connection.send(_POST + b"Content-Length: 12000\r\nConnection: close\r\n\r\n")
        for _ in range(12):  # 2,500 bytes a second, for longer than a body may stand still
            await connection.send(b"x" * 1000)
            await asyncio.sleep(0.4)
        answer = await _rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"read")


@pytest.mark.parametrize(
    "pieces", [[b"one"], [b"one", b"two", b"three"], [b"x" * 60_000, b"y" * 60_000, b"z" * 60_000]]
)
async def test_a_body_is_the_same_in_one_piece_and_in_several_that_wait_together(url: str, pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    async with connected(url) as connection:
        await connection.send(b"POST /echo HTTP/1.1\r\nHost: satchel\r\nConnection: close\r\n")
        await connection.send(b"Content-Length: %d\r\n\r\n" % len(body))
        for piece in pieces:
            await connection.send(piece)
            await asyncio.sleep(0.02)
        answer = await _rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
async def test_an_answer_that_nobody_takes_is_broken_off(url: str, closing: bytes) -> None:
    async with connected(url, limit=1024) as connection:
        await connection.send(b"GET /large HTTP/1.1\r\nHost: satchel\r\n" + closing + b"\r\n")
        await asyncio.sleep(5 * _SECONDS)  # nothing is read meanwhile

        answer = await _rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert len(answer) < 50_000_000


async def test_an_answer_that_is_taken_slowly_arrives_whole(patient_url: str) -> None:
    received = 0
    async with connected(patient_url, limit=1024) as connection:
        await connection.send(b"GET /large HTTP/1.1\r\nHost: satchel\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(_MANY_SECONDS):
            while data := await connection.some(2_000_000):
                received += len(data)
                await asyncio.sleep(0.02)

    assert received > 50_000_000


async def test_many_requests_on_one_connection_take_as_long_as_they_like_together(patient_url: str) -> None:
    async with connected(patient_url) as connection:
        for _ in range(8):
            await connection.send(_HEAD + b"\r\n")
            assert b"read" in await connection.some(10_000)
            await asyncio.sleep(_PATIENT_SECONDS / 6)
