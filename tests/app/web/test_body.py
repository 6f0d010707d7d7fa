import asyncio

import pytest
from starlette.types import Message, Scope

from app.errors import BadUserInput, PayloadTooLarge
from app.patience import BODY_IS_HERE
from app.web.body import BodyTimedOut, ClientDisconnected, RequestBody
from tests.app.web.multipart_bodies import Wire


async def never() -> Message:
    """A client that says nothing."""
    await asyncio.sleep(60)
    raise AssertionError


def body_with(*headers: tuple[bytes, bytes], http_version: str = "1.1") -> RequestBody:
    """A body of which only the head has arrived."""
    scope: Scope = {"type": "http", "http_version": http_version, "headers": list(headers)}
    return RequestBody(scope, never, idle_seconds=0.01)


async def test_chunks_come_as_they_are_and_empty_ones_not_at_all() -> None:
    body = Wire([b"", b"a", b"", b"bc"]).body()
    assert [await body.next_chunk() for _ in range(4)] == [b"a", b"bc", b"", b""]
    assert (body.received, body.complete) == (3, True)


@pytest.mark.parametrize(
    "headers, length, complete",
    [
        ([], None, True),
        ([(b"content-length", b"0")], 0, True),
        ([(b"content-length", b"5")], 5, False),
        ([(b"transfer-encoding", b"chunked")], None, False),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"5")], None, False),
        ([(b"content-length", b"nonsense")], None, True),
    ],
)
def test_the_head_tells_whether_there_is_a_body(
    headers: list[tuple[bytes, bytes]], length: int | None, complete: bool
) -> None:
    body = body_with(*headers)
    assert (body.length, body.complete) == (length, complete)


async def test_a_request_without_a_body_is_not_waited_for() -> None:
    assert await body_with().next_chunk() == b""


def test_http_2_may_have_a_body_without_saying_so() -> None:
    assert not body_with(http_version="2").complete


async def test_a_client_waits_for_permission_until_it_has_sent_something() -> None:
    assert not body_with((b"content-length", b"5")).awaits_permission
    assert body_with((b"content-length", b"5"), (b"expect", b"100-continue")).awaits_permission
    assert not body_with((b"content-length", b"0"), (b"expect", b"100-continue")).awaits_permission
    body = Wire([b"a", b"b"], headers=[(b"expect", b"100-Continue")]).body()
    assert body.awaits_permission
    await body.next_chunk()
    assert not body.awaits_permission


@pytest.mark.parametrize("is_here", [True, False])
async def test_only_a_body_that_is_not_here_is_watched_while_it_comes(is_here: bool) -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"data", "more_body": False}

    headers = [(b"content-length", b"4")]
    scope: Scope = {"type": "http", "http_version": "1.1", "headers": headers, BODY_IS_HERE: is_here}
    body = RequestBody(scope, receive, idle_seconds=0.01)

    if is_here:
        assert await body.read(10) == b"data"
    else:
        with pytest.raises(BodyTimedOut):
            await body.read(10)


async def test_a_second_reader_is_refused_and_the_first_one_unharmed() -> None:
    gate = asyncio.Event()

    async def receive() -> Message:
        await gate.wait()
        return {"type": "http.request", "body": b"data", "more_body": False}

    body = RequestBody({"http_version": "1.1", "headers": [(b"content-length", b"4")]}, receive)
    first = asyncio.create_task(body.next_chunk())
    await asyncio.sleep(0)
    with pytest.raises(BadUserInput, match="one after the other"):
        await body.next_chunk()
    gate.set()
    assert await first == b"data"


async def test_a_client_that_is_gone_stays_gone() -> None:
    wire = Wire([b"a"], hang_up=True)
    body = wire.body(length=5)
    assert await body.next_chunk() == b"a"
    for _ in range(2):
        with pytest.raises(ClientDisconnected):
            await body.next_chunk()
    assert wire.asked == 2


async def test_a_silent_client_is_given_up_for_good() -> None:
    body = body_with((b"content-length", b"5"))
    for _ in range(2):
        with pytest.raises(BodyTimedOut, match=r"Nothing arrived for 0\.01 seconds"):
            await body.next_chunk()


class TestRead:
    async def test_the_whole_body_is_put_together(self) -> None:
        assert await Wire([b"ab", b"c"]).body().read(3) == b"abc"

    async def test_a_length_over_the_limit_is_refused_unread(self) -> None:
        wire = Wire([b"abcd"])
        with pytest.raises(PayloadTooLarge) as caught:
            await wire.body().read(3)
        assert caught.value.limit_bytes == 3
        assert wire.asked == 0

    async def test_bytes_over_the_limit_are_refused_when_they_come(self) -> None:
        wire = Wire([b"ab", b"cd", b"ef"])
        with pytest.raises(PayloadTooLarge):
            await wire.body(length=None).read(3)
        assert wire.asked == 2


class TestDiscard:
    async def test_the_rest_is_read_to_its_end(self) -> None:
        body = Wire([b"ab", b"cd", b"ef"]).body()
        await body.next_chunk()
        await body.discard(limit_bytes=100, seconds=1)
        assert (body.received, body.complete) == (6, True)

    async def test_so_many_bytes_are_enough(self) -> None:
        wire = Wire([b"ab"] * 10)
        body = wire.body()
        await body.next_chunk()
        await body.discard(limit_bytes=5, seconds=1)
        assert (body.received, body.complete) == (8, False)

    async def test_so_much_time_is_enough(self) -> None:
        scope: Scope = {"http_version": "1.1", "headers": [(b"content-length", b"5")]}
        await asyncio.wait_for(RequestBody(scope, never, idle_seconds=60).discard(limit_bytes=5, seconds=0.01), 5)

    async def test_a_client_that_is_gone_or_silent_is_no_error(self) -> None:
        await Wire([b"a"], hang_up=True).body(length=5).discard(limit_bytes=5, seconds=1)
        await body_with((b"content-length", b"5")).discard(limit_bytes=5, seconds=1)
