"""A response's head and its first bytes leave together."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.one_write import OneWrite
from app.patience import Patience, PatientConfig, PatientProtocol

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorder(asyncio.Transport):
    """A connection that remembers what was written, one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read."""

    resume_reading = pause_reading


async def test_the_head_waits_for_what_follows() -> None:
    recorder = Recorder()
    response = OneWrite(recorder, asyncio.get_running_loop())
    for data in (HEAD, b"body", b"more"):
        response.write(data)
    await asyncio.sleep(0)
    assert recorder.written == [HEAD + b"body", b"more"]


async def test_a_head_that_nothing_follows_leaves_in_the_next_turn() -> None:
    recorder = Recorder()
    response = OneWrite(recorder, asyncio.get_running_loop())
    response.write(HEAD)
    assert recorder.written == []
    await asyncio.sleep(0)
    response.write(b"late")
    assert recorder.written == [HEAD, b"late"]


async def test_what_is_long_is_not_copied() -> None:
    recorder = Recorder()
    response = OneWrite(recorder, asyncio.get_running_loop())
    response.write(HEAD)
    response.write(bytes(100_000))
    assert recorder.written == [HEAD, bytes(100_000)]


async def test_closing_comes_behind_what_was_written() -> None:
    recorder = Recorder()
    response = OneWrite(recorder, asyncio.get_running_loop())
    response.write(HEAD)
    response.close()
    await asyncio.sleep(0)
    assert (recorder.written, recorder.closed, response.is_closing()) == ([HEAD], True, True)


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    recorder = Recorder()
    OneWrite(recorder, asyncio.get_running_loop()).write(HEAD)
    recorder.close()
    await asyncio.sleep(0)
    assert recorder.written == []


@pytest.mark.parametrize("requests", [1, 2], ids=["one", "two at once"])
@pytest.mark.parametrize("method, body", [(b"GET", b"body"), (b"HEAD", b"")])
async def test_the_server_answers_each_request_in_one_write(requests: int, method: bytes, body: bytes) -> None:
    async def application(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body"})

    config = PatientConfig(application, Patience(), log_config=None, lifespan="off", date_header=False)
    config.load()
    recorder = Recorder()
    protocol = PatientProtocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(recorder)
    protocol.data_received((method + b" / HTTP/1.1\r\nHost: satchel\r\n\r\n") * requests)
    for _ in range(10):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    assert recorder.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n" + body] * requests
