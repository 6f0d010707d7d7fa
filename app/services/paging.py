"""Keyset paging: a cursor is the sort key of a row and not a position, so rows that come and go move no one's place."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson

from app.errors import BadUserInput

T = TypeVar("T")

MAX_PAGE = 100
_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # RFC 4648, section 5


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page. `cursor_at` gives the cursor of the item at an index, made then: most clients want the last one, or none."""

    items: list[T]
    cursor_at: Callable[[int], str]
    has_next: bool
    has_previous: bool

    @property
    def cursors(self) -> list[str]:
        """One for each item."""
        return [self.cursor_at(index) for index in range(len(self.items))]


def encode_cursor(order: str, *key: Any) -> str:
    """An opaque cursor for a row with this sort key in this order."""
    encoded = binascii.b2a_base64(orjson.dumps([order, *key]), newline=False)
    return encoded.translate(_URL_SAFE, b"=").decode("ascii")


def decode_cursor(cursor: str, order: str, length: int) -> list[Any]:
    """The sort key of a cursor. Raises BadUserInput for anything that `encode_cursor` did not make for this order."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        decoded = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError) as error:
        raise BadUserInput("This is not a cursor of this list.", field="after") from error
    if not isinstance(decoded, list) or len(decoded) != length + 1 or decoded[0] != order:
        raise BadUserInput("This cursor belongs to another list or order.", field="after")
    return decoded[1:]


def moment_key(value: Any) -> datetime:
    """The moment in a cursor, as `isoformat` wrote it, in UTC. Raises ValueError or TypeError for what it did not write."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment that is outside of the calendar in UTC") from error


def page_size(first: int) -> int:
    """`first` within its bounds: capped at 100. Raises BadUserInput below 1."""
    if first < 1:
        raise BadUserInput("Ask for at least one item.", field="first")
    return min(first, MAX_PAGE)
