import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from app.errors import BadUserInput, PayloadTooLarge
from app.web.body import BodyTimedOut, ClientDisconnected, RequestBody
from app.web.multipart import FormLimits, MultipartError, MultipartForm
from tests.app.web.multipart_bodies import (
    CONTENT_TYPE,
    Wire,
    body_of,
    closing,
    mapping,
    open_form,
    operations,
    part,
    read,
    read_all,
    split,
)

KIB = 1024


async def exhaust(chunks: AsyncIterator[bytes]) -> None:
    """Iterate to the end, or to the error."""
    async for _ in chunks:
        pass


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000, 1_000_000])
async def test_a_file_arrives_whole_whatever_the_chunks(size: int) -> None:
    data = bytes(range(256)) * 8 + b"\r\n--\r\n----satchel\r"
    form = await open_form(split(body_of(data), size))
    stream = form.files["0"]
    assert form.operations["variables"] == {"file": stream}
    assert form.variables_with_files == {"file"}
    assert (stream.file_name, stream.content_type) == ("0.bin", "text/plain")
    assert await read(stream) == data


@pytest.mark.parametrize("size", [1, 50, 100_000])
async def test_several_files_arrive_in_the_order_of_the_body(size: int) -> None:
    form = await open_form(split(body_of(b"one", b"", b"three" * 100), size))
    assert await read_all(form) == [("0.bin", b"one"), ("1.bin", b""), ("2.bin", b"three" * 100)]
    assert form.operations["variables"] == {"files": list(form.files.values())}


async def test_files_may_come_in_another_order_than_in_map_and_go_where_map_says() -> None:
    body = (
        part("operations", operations(2))
        + part("map", mapping(2))
        + part("1", "second", file_name="b")
        + part("0", "first", file_name="a")
        + closing()
    )
    form = await open_form(body)
    first, second = form.files["0"], form.files["1"]
    assert form.operations["variables"] == {"files": [first, second]}
    assert await read(second) == b"second"
    assert await read(first) == b"first"


async def test_files_lie_in_objects_and_lists_of_the_variables() -> None:
    query = b'{"query": "q", "variables": {"input": {"files": [null, null], "name": "n"}, "keep": 1}}'
    body = (
        part("operations", query)
        + part("map", '{"a": ["variables.input.files.1"]}')
        + part("a", "x", file_name="x")
        + closing()
    )
    form = await open_form(body)
    stream = form.files["a"]
    assert form.operations["variables"] == {"input": {"files": [None, stream], "name": "n"}, "keep": 1}
    assert form.variables_with_files == {"input"}


async def test_nothing_is_asked_of_the_server_before_somebody_wants_it() -> None:
    wire = Wire(split(body_of(b"x" * 200_000), 1000))
    form = await MultipartForm.open(wire.body(), CONTENT_TYPE)
    assert wire.asked == 1
    chunks = aiter(form.files["0"])
    await anext(chunks)
    assert wire.asked == 1
    await anext(chunks)
    assert wire.asked == 2
    await asyncio.sleep(0)
    assert wire.asked == 2


async def test_a_large_file_passes_through_without_being_held() -> None:
    size, count = 64 * KIB, 256

    class Endless(Wire):
        async def receive(self) -> dict[str, object]:
            self.asked += 1
            if self.asked == 1:
                body = part("operations", operations()) + part("map", mapping()) + part("0", "", file_name="big")[:-2]
            else:
                body = bytes(size) if self.asked <= count + 1 else b"\r\n" + closing()
            return {"type": "http.request", "body": body, "more_body": self.asked < count + 2}

    form = await MultipartForm.open(Endless([]).body(length=None), CONTENT_TYPE)
    tracemalloc.start()
    try:
        received = 0
        async for chunk in form.files["0"]:
            received += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == size * count
    assert peak < 6 * size


async def test_the_last_file_does_not_end_before_the_request_does() -> None:
    body = body_of(b"data", tail=b"")
    wire = Wire([body, b"\r", b"\n", b""])
    form = await MultipartForm.open(wire.body(), CONTENT_TYPE)
    chunks = aiter(form.files["0"])
    assert await anext(chunks) == b"data"
    assert wire.asked == 1
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    assert wire.asked == 4


async def test_an_earlier_file_ends_when_the_next_one_begins() -> None:
    first = part("operations", operations(2)) + part("map", mapping(2)) + part("0", "one", file_name="a")
    wire = Wire([first, part("1", "two", file_name="b") + closing()])
    form = await MultipartForm.open(wire.body(), CONTENT_TYPE)
    assert await read(form.files["0"]) == b"one"
    assert form.files["1"].arrived
    assert form.files["1"].file_name == "b"


async def test_a_file_is_skipped_when_a_later_one_is_asked_for_and_cannot_be_read_any_more() -> None:
    form = await open_form(split(body_of(b"a" * 5000, b"b" * 10, b"c"), 100))
    started = aiter(form.files["0"])
    await anext(started)
    assert await read(form.files["1"]) == b"b" * 10
    with pytest.raises(BadUserInput, match="a later one has begun"):
        await anext(started)
    assert await read(form.files["2"]) == b"c"
    with pytest.raises(BadUserInput, match="a later one has begun"):
        await form.files["0"].begin()
    assert form.failure is None


async def test_a_skipped_file_cannot_be_read_from_its_middle_after_a_cancellation() -> None:
    gate = asyncio.Event()

    class Slow(Wire):
        async def receive(self) -> dict[str, object]:
            if self.asked == 2:
                await gate.wait()
            return dict(await super().receive())

    form = await MultipartForm.open(Slow(split(body_of(b"a" * 5000, b"b"), 1000)).body(), CONTENT_TYPE)
    chunks = aiter(form.files["0"])
    await anext(chunks)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(form.files["1"].begin(), 0.01)
    gate.set()
    with pytest.raises(BadUserInput):
        await anext(chunks)
    assert await read(form.files["1"]) == b"b"


async def test_a_cancelled_read_loses_nothing() -> None:
    slow = {3, 7}

    class Slow(Wire):
        async def receive(self) -> dict[str, object]:
            if self.asked in slow:
                slow.remove(self.asked)
                await asyncio.sleep(60)
            return dict(await super().receive())

    data = bytes(range(256)) * 4
    form = await MultipartForm.open(Slow(split(body_of(data), 150)).body(length=None), CONTENT_TYPE)
    chunks = aiter(form.files["0"])
    received, cancelled = b"", 0
    while True:
        try:
            received += await asyncio.wait_for(anext(chunks), 0.005)
        except TimeoutError:
            cancelled += 1
        except StopAsyncIteration:
            break
    assert received == data
    assert cancelled == 2


async def test_a_file_can_be_iterated_once() -> None:
    form = await open_form(body_of(b"data"))
    assert await read(form.files["0"]) == b"data"
    with pytest.raises(BadUserInput, match="used once"):
        aiter(form.files["0"])


async def test_a_reader_may_stop_and_go_on_with_the_same_iterator() -> None:
    form = await open_form(split(body_of(b"x" * 3000), 500))
    chunks = aiter(form.files["0"])
    head = await anext(chunks)
    rest = [chunk async for chunk in chunks]
    assert len(head) + sum(map(len, rest)) == 3000
    assert [chunk async for chunk in chunks] == []


async def test_two_readers_at_once_are_refused() -> None:
    class Network(Wire):
        async def receive(self) -> dict[str, object]:
            await asyncio.sleep(0)
            return dict(await super().receive())

    form = await MultipartForm.open(Network(split(body_of(b"a" * 4000, b"b" * 4000), 400)).body(), CONTENT_TYPE)
    results = await asyncio.gather(*map(read, form.files.values()), return_exceptions=True)
    assert any(isinstance(result, BadUserInput) for result in results)
    assert not any(isinstance(result, bytes) and len(result) != 4000 for result in results)


async def test_attributes_of_a_file_that_has_not_arrived_are_an_error_of_the_caller() -> None:
    form = await open_form(split(body_of(b"a" * 4000, b"b"), 400))
    later = form.files["1"]
    assert not later.arrived
    with pytest.raises(RuntimeError, match="begin"):
        _ = later.file_name
    await later.begin()
    assert later.file_name == "1.bin"


@pytest.mark.parametrize("cut", [1, 5, 30, 100, 2000])
@pytest.mark.parametrize("size", [100, 100_000])
async def test_a_body_that_is_cut_short_never_ends_its_file(cut: int, size: int) -> None:
    form = await open_form(split(body_of(b"x" * 5000, tail=b"")[:-cut], size))
    with pytest.raises(MultipartError):
        await read(form.files["0"])
    assert isinstance(form.failure, MultipartError)


@pytest.mark.parametrize(
    "tail",
    [
        b"x",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\r\nx",
        b" ",
        b"\0",
        b"\r\nepilogue",
        closing(),
        b"\r\n" + part("2", "", file_name="c"),
    ],
)
@pytest.mark.parametrize("size", [1, 40, 100_000])
async def test_whatever_follows_the_closing_delimiter_fails_the_last_file(tail: bytes, size: int) -> None:
    form = await open_form(split(body_of(b"first", b"second", tail=b"") + tail, size))
    assert await read(form.files["0"]) == b"first"
    with pytest.raises(MultipartError):
        await read(form.files["1"])
    assert isinstance(form.failure, MultipartError)


async def test_an_epilogue_is_refused_before_it_has_all_arrived() -> None:
    wire = Wire([body_of(b"data"), *[b"x" * 1000] * 50])
    form = await MultipartForm.open(wire.body(), CONTENT_TYPE)
    with pytest.raises(MultipartError, match="follows the closing boundary"):
        await read(form.files["0"])
    assert wire.asked == 2


@pytest.mark.parametrize("size", [1, 40, 100_000])
@pytest.mark.parametrize("name", ["1", "0", "map", "operations", "other"])
async def test_a_part_more_fails_the_last_file(name: str, size: int) -> None:
    body = body_of(b"data", tail=b"")[: -len(closing(b""))] + part(name, "more", file_name="more") + closing()
    form = await open_form(split(body, size))
    with pytest.raises(MultipartError):
        await read(form.files["0"])


@pytest.mark.parametrize("size", [1, 40, 100_000])
async def test_a_missing_file_fails_the_last_one_that_came(size: int) -> None:
    body = part("operations", operations(2)) + part("map", mapping(2)) + part("0", "one", file_name="a") + closing()
    form = await open_form(split(body, size))
    with pytest.raises(MultipartError, match="does not hold"):
        await read(form.files["0"])
    with pytest.raises(MultipartError, match="does not hold"):
        await form.files["1"].begin()


async def test_an_error_in_the_body_is_final() -> None:
    form = await open_form(split(body_of(b"x" * 500)[:-60], 100))
    chunks = aiter(form.files["0"])
    for _ in range(3):
        with pytest.raises(MultipartError, match="closing boundary"):
            await exhaust(chunks)


async def test_a_client_that_hangs_up_is_told_apart_from_a_bad_body() -> None:
    wire = Wire(split(body_of(b"x" * 5000), 1000)[:3], hang_up=True)
    form = await MultipartForm.open(wire.body(length=6000), CONTENT_TYPE)
    chunks = aiter(form.files["0"])
    for _ in range(2):
        with pytest.raises(ClientDisconnected):
            await exhaust(chunks)
    assert isinstance(form.failure, ClientDisconnected)


async def test_a_client_that_hangs_up_behind_its_last_byte_has_not_finished() -> None:
    wire = Wire([body_of(b"data")], hang_up=True)
    form = await MultipartForm.open(wire.body(length=6000), CONTENT_TYPE)
    with pytest.raises(ClientDisconnected):
        await read(form.files["0"])


async def test_a_client_that_falls_silent_is_given_up() -> None:
    async def silence() -> dict[str, object]:
        if first:
            return {"type": "http.request", "body": first.pop(), "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError

    first = [body_of(b"data" * 100)[:-50]]
    scope = {"http_version": "1.1", "headers": [(b"content-length", b"1000")]}
    form = await MultipartForm.open(RequestBody(scope, silence, idle_seconds=0.02), CONTENT_TYPE)
    with pytest.raises(BadUserInput, match=r"Nothing arrived for 0\.02 seconds") as caught:
        await read(form.files["0"])
    assert isinstance(caught.value, BodyTimedOut)
    assert caught.value.status == 408


@pytest.mark.parametrize("field, limits", [("operations", FormLimits(50, 100)), ("map", FormLimits(1000, 10))])
@pytest.mark.parametrize("size", [10, 100_000])
async def test_fields_are_bounded(field: str, limits: FormLimits, size: int) -> None:
    body = part("operations", operations()) + part("map", mapping()) + part("0", "x", file_name="a") + closing()
    with pytest.raises(PayloadTooLarge) as caught:
        await open_form(split(body, size), limits=limits)
    assert caught.value.limit_bytes == getattr(limits, f"{field}_bytes")
