"""Range fields against a model that thinks in single bytes, and the frame of multipart bodies (RFC 9110, section 14)."""

import email
import email.policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.ranges import MAX_RANGES, PART_OVERHEAD_BYTES, ByteRange, MultipartRanges, select

pytestmark = pytest.mark.requirement("R4")

sizes = st.integers(min_value=0, max_value=1500)
offsets = st.integers(min_value=0, max_value=2000)
specs = st.one_of(
    st.builds("{}-{}".format, offsets, offsets),
    st.builds("{}-".format, offsets),
    st.builds("-{}".format, offsets),
)
fields = st.lists(specs, min_size=1, max_size=MAX_RANGES).map(lambda parts: "bytes=" + ", ".join(parts))


def model(field: str, size: int) -> list[set[int]] | None:
    """The positions that each element asks for, one set for each; None when the field is invalid. No clever arithmetic."""
    wanted = []
    for element in field.removeprefix("bytes=").split(","):
        first, _, last = element.strip().partition("-")
        if first and last and int(last) < int(first):
            return None
        everything = list(range(size))
        if not first:
            chosen = everything[-int(last) :] if int(last) else []
        else:
            chosen = [place for place in everything if place >= int(first) and (not last or place <= int(last))]
        wanted.append(set(chosen))
    return wanted


@given(field=fields, size=sizes)
@example(field="bytes=0-0, 500-600, 0-", size=1000)
@example(field="bytes=-0", size=10)
@example(field="bytes=-1", size=0)
def test_ranges_hold_what_was_asked_for_and_little_more(field: str, size: int) -> None:
    found = select([field], size)
    wanted = model(field, size)
    if wanted is None:
        assert found is None
        return
    positions = set().union(*wanted)
    if not positions:
        asks_for_the_end_of_nothing = size == 0 and any(
            element.strip().startswith("-") and int(element.strip()[1:]) for element in field[6:].split(",")
        )
        assert found == (None if asks_for_the_end_of_nothing else ())
        return
    assert found is not None
    sent = [set(range(part.start, part.end)) for part in found]
    assert positions <= set().union(*sent)
    # No byte twice, every part begins and ends with a byte that was asked for, and nothing long in between was not.
    assert sum(map(len, sent)) == len(set().union(*sent))
    for part in found:
        assert {part.start, part.end - 1} <= positions
        gap = longest_run(set(range(part.start, part.end)) - positions)
        assert gap <= PART_OVERHEAD_BYTES
    # The order is that of the first element of each part that asked for something in it.
    firsts = [min(number for number, asked in enumerate(wanted) if asked & part) for part in sent]
    assert firsts == sorted(firsts)


def longest_run(positions: set[int]) -> int:
    longest = current = 0
    for position in sorted(positions):
        current = current + 1 if position - 1 in positions else 1
        longest = max(longest, current)
    return longest


@given(text=st.text(alphabet="0123456789-=, \tbytes;.+", max_size=40) | st.text(max_size=20), size=sizes)
@example(text="bytes=" + "9" * 1000 + "-", size=10)
@example(text="bytes=0-" + "9" * 5000, size=10)
def test_no_field_breaks_the_parser_or_leaves_the_file(text: str, size: int) -> None:
    for field in (text, f"bytes={text}"):
        for part in select([field], size) or ():
            assert 0 <= part.start < part.end <= size


@pytest.mark.parametrize(
    "field",
    [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-2-3",
        "bytes=5-2",
        "bytes=0-1, 5-2",
        "bytes=+1-2",
        "bytes= 1 - 2",
        "bytes=１-２",
        "bytes=0x1-2",
        "bytes=1.5-2",
        "bytes 0-1",
        "lines=0-1",
        "=0-1",
        " bytes=0-1",
        "",
    ],
)
def test_a_malformed_range_or_another_unit_is_ignored(field: str) -> None:
    assert select([field], 100) is None


def test_no_range_and_two_range_fields_mean_the_whole_file() -> None:
    assert select([], 100) is None
    assert select(["bytes=0-1", "bytes=2-3"], 100) is None


@pytest.mark.parametrize(
    "field, expected",
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-100", [(0, 100)]),
        ("bytes=99-", [(99, 100)]),
        ("bytes=-1", [(99, 100)]),
        ("bytes=-1000", [(0, 100)]),
        ("BYTES=1-2", [(1, 3)]),
        ("bytes=,\t0-1 ,, ", [(0, 2)]),
        ("bytes=0-99999999999999999999999999999999", [(0, 100)]),
    ],
)
def test_single_ranges(field: str, expected: list[tuple[int, int]]) -> None:
    assert select([field], 100) == tuple(ByteRange(*pair) for pair in expected)


@pytest.mark.parametrize("field", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999999-"])
def test_a_range_outside_the_file_is_unsatisfiable(field: str) -> None:
    assert select([field], 100) == ()


def test_parts_outside_the_file_are_left_out_when_others_are_in_it() -> None:
    assert select(["bytes=500-600, 1-2, -0"], 100) == (ByteRange(1, 3),)


def test_too_many_ranges_are_ignored() -> None:
    spread = [f"{number * 1000}-{number * 1000}" for number in range(MAX_RANGES + 1)]
    assert select(["bytes=" + ",".join(spread)], 10**6) is None
    found = select(["bytes=" + ",".join(spread[:-1])], 10**6)
    assert found is not None
    assert len(found) == MAX_RANGES


def test_overlapping_ranges_are_sent_once_however_often_they_are_asked_for() -> None:
    assert select(["bytes=" + ",".join(["0-"] * MAX_RANGES)], 10**9) == (ByteRange(0, 10**9),)
    assert select(["bytes=0-,1-,2-,3-"], 10**9) == (ByteRange(0, 10**9),)


def test_the_order_of_the_request_is_kept() -> None:
    assert select(["bytes=5000-5001, 0-1, 9000-9001, 5002-5003"], 10_000) == (
        ByteRange(5000, 5004),
        ByteRange(0, 2),
        ByteRange(9000, 9002),
    )


def test_a_gap_that_is_cheaper_to_send_than_a_part_is_sent() -> None:
    near = f"bytes=0-9,{10 + PART_OVERHEAD_BYTES}-200"
    far = f"bytes=0-9,{11 + PART_OVERHEAD_BYTES}-200"
    assert select([near], 1000) == (ByteRange(0, 201),)
    assert select([far], 1000) == (ByteRange(0, 10), ByteRange(11 + PART_OVERHEAD_BYTES, 201))


@given(content=st.binary(min_size=1, max_size=600), data=st.data())
def test_a_multipart_body_is_read_by_an_independent_parser(content: bytes, data: st.DataObject) -> None:
    starts = st.integers(min_value=0, max_value=len(content) - 1)
    parts = tuple(
        ByteRange(start, data.draw(st.integers(min_value=start + 1, max_value=len(content))))
        for start in data.draw(st.lists(starts, min_size=1, max_size=5))
    )
    frame = MultipartRanges(parts, "text/plain; charset=utf-8", len(content))
    body = b"".join(head + content[part.start : part.end] for head, part in zip(frame.heads, parts, strict=True))
    body += frame.closing
    assert len(body) == frame.length
    head = f"Content-Type: {frame.content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    found = [part for part in message.walk() if not part.is_multipart()]
    assert [part["Content-Range"] for part in found] == [part.content_range(len(content)) for part in parts]
    assert {(part.get_content_type(), part.get_content_charset()) for part in found} == {("text/plain", "utf-8")}
    boundary = message.get_boundary()
    assert boundary is not None
    raw = body.split(f"--{boundary}".encode())[1:-1]
    assert [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in raw] == [
        content[part.start : part.end] for part in parts
    ]


def test_two_responses_have_different_boundaries() -> None:
    first, second = (MultipartRanges((ByteRange(0, 1),), "text/plain", 1).content_type for _ in range(2))
    assert first != second
