"""Cursors: opaque, bound to their order, and harmless whatever they hold."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadUserInput
from app.services.paging import decode_cursor, encode_cursor, page_size

pytestmark = pytest.mark.requirement("R5")


@given(key=st.text() | st.integers(min_value=0, max_value=2**53), identifier=st.uuids())
def test_a_cursor_carries_its_key(key: str | int, identifier: object) -> None:
    cursor = encode_cursor("NAME_ASC", key, str(identifier))
    assert decode_cursor(cursor, "NAME_ASC", 2) == [key, str(identifier)]


def test_a_cursor_of_another_order_is_refused() -> None:
    with pytest.raises(BadUserInput):
        decode_cursor(encode_cursor("NAME_ASC", "a", "b"), "SIZE_DESC", 2)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "====",
        "bnVsbA",
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.b64encode(b'["A"]').decode(),
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(BadUserInput):
        decode_cursor(cursor, "A", 2)


@pytest.mark.parametrize("first, size", [(1, 1), (50, 50), (100, 100), (10_000, 100)])
def test_a_page_is_capped(first: int, size: int) -> None:
    assert page_size(first) == size


@pytest.mark.parametrize("first", [0, -1])
def test_an_empty_page_is_refused(first: int) -> None:
    with pytest.raises(BadUserInput):
        page_size(first)
