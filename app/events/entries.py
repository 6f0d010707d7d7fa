"""How messages stand in the stream of Redis.

An entry has the message as JSON in the field `m` and, in `p`, the id of the last entry that its publisher had added before,
as far as it had been confirmed. That tells a reader after a loss whether it has missed something.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import structlog

from app.events.bus import GAP, BadCursor, Draft, Message

OPENED = "bus.opened"  # an entry that says nothing: a stream that is read has at least one
UNREADABLE = "bus.unreadable"
_CURSOR = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_LARGEST = 2**64 - 1

_log = structlog.get_logger("satchel.events")


class EntryId(NamedTuple):
    """Where an entry stands in the stream; ordered as the entries are."""

    milliseconds: int
    sequence: int

    @classmethod
    def of(cls, text: str) -> "EntryId":
        """From a cursor. Raises BadCursor."""
        parts = _CURSOR.fullmatch(text)
        if parts is None or max(found := cls(int(parts[1]), int(parts[2]))) > _LARGEST:
            raise BadCursor
        return found

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


class Entry(NamedTuple):
    """An entry that was read. `previous` is what its publisher had added before; None when that was nothing."""

    id: EntryId
    previous: EntryId | None
    message: Message


def written(draft: Draft) -> bytes:
    """A draft as the field `m`. What cannot be written leaves a gap."""
    try:
        return orjson.dumps([draft.name, draft.at, draft.data])
    except TypeError as error:
        _log.exception("bus.unwritable_message", message=draft.name, error=str(error))
        return orjson.dumps([GAP, draft.at, {}])


def entries_of(answer: Any) -> list[Entry]:
    """The entries as the client gives them: pairs of an id and fields, in bytes."""
    return [_read(raw_id.decode(), fields) for raw_id, fields in answer]


def _read(cursor: str, fields: Mapping[bytes, bytes]) -> Entry:
    try:
        name, at, data = orjson.loads(fields[b"m"])
        previous = EntryId.of(fields[b"p"].decode()) if fields.get(b"p") else None
        message = Message(cursor, name, datetime.fromisoformat(at), data)
    except (BadCursor, KeyError, TypeError, ValueError):
        # Somebody else's, or of a version to come: nothing that is ever shown, but it has its place in the order.
        _log.warning("bus.unreadable_entry", entry=cursor)
        previous, message = None, Message(cursor, UNREADABLE, datetime.now(UTC), {})
    return Entry(EntryId.of(cursor), previous, message)
