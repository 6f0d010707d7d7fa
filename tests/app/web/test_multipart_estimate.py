"""What is known of a file's size before its bytes are read: exact where it can be, never too much, None where it is shared."""

import pytest

from app.web.multipart import MultipartError, MultipartForm
from tests.app.web.multipart_bodies import CONTENT_TYPE, Wire, body_of, open_form, read, split


@pytest.mark.parametrize("size", [1, 50, 1000, 1_000_000])
@pytest.mark.parametrize("tail", [b"", b"\r\n"])
async def test_the_estimate_is_exact_for_a_small_file(size: int, tail: bytes) -> None:
    form = await open_form(split(body_of(b"x\r\n-" * 1000, tail=tail), size))
    assert form.files["0"].size_estimate == 4000
    assert await read(form.files["0"]) == b"x\r\n-" * 1000


async def test_the_estimate_is_exact_for_files_that_are_here_already() -> None:
    form = await open_form(body_of(b"x" * 1234, b"y" * 77))
    assert form.files["0"].size_estimate == 1234
    await form.files["1"].begin()
    assert form.files["1"].size_estimate == 77


@pytest.mark.parametrize("size", [1, 17, 150, 999, 65_536])
@pytest.mark.parametrize("data", [b"x", b"\r", b"\r\n", b"\r\n--"])
async def test_the_estimate_of_a_large_one_is_close_to_the_truth_and_never_above_it(size: int, data: bytes) -> None:
    content = data * (200_000 // len(data))
    form = await open_form(split(body_of(content), size))
    estimate = form.files["0"].size_estimate
    assert estimate is not None
    assert len(content) - 80 <= estimate <= len(content)


async def test_the_estimate_is_exact_in_the_middle_of_a_large_file_of_most_clients() -> None:
    for tail, less in [(b"\r\n", 0), (b"", 2)]:
        form = await open_form(split(body_of(b"x" * 200_000, tail=tail), 1000))
        assert form.files["0"].size_estimate == 200_000 - less


async def test_there_is_no_estimate_for_a_file_in_front_of_others() -> None:
    form = await open_form(split(body_of(b"x" * 5000, b"y" * 3000), 1000))
    assert form.files["0"].size_estimate is None
    await form.files["1"].begin()
    assert form.files["1"].size_estimate == 3000


async def test_there_is_no_estimate_without_a_length() -> None:
    for chunks in ([body_of(b"x")], split(body_of(b"x" * 5000), 1000)):
        form = await open_form(chunks, length=None)
        assert form.files["0"].size_estimate is None


async def test_a_lying_length_makes_neither_the_estimate_negative_nor_the_server_greedy() -> None:
    wire = Wire(split(body_of(b"x" * 200_000), 1000))
    form = await MultipartForm.open(wire.body(length=10), CONTENT_TYPE)
    estimate = form.files["0"].size_estimate
    assert estimate is not None
    assert estimate >= 0
    assert wire.asked == 1


async def test_what_is_wrong_with_a_body_that_was_read_ahead_is_told_to_who_reads_it() -> None:
    form = await open_form(split(body_of(b"x" * 500)[:-10], 100))
    assert form.files["0"].size_estimate is not None
    with pytest.raises(MultipartError):
        await read(form.files["0"])
