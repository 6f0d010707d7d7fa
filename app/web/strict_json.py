"""JSON from strangers (RFC 8259), read without the leniencies of either parser."""

import json
from collections.abc import Iterable

import orjson

from app.web.body import BodyError

MAX_DEPTH = 64


class InvalidJson(BodyError):
    """The text is not JSON as this service takes it."""


def loads(text: bytes, what: str, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of a JSON text in UTF-8. `what` names the text in error messages.

    Raises InvalidJson for everything that RFC 8259 leaves to luck: other encodings and a byte order mark, NaN and infinite
    numbers, lone surrogates, a key that stands twice in one object; and for nesting beyond `max_depth`.
    Integers are exact, whatever their size.
    """
    try:
        # Each parser alone lets something through: orjson rounds large integers and forgets doubled keys, the standard
        # library takes NaN and lone surrogates. What passes both is JSON, and orjson's part costs a fifth of the other's.
        value: object = orjson.loads(text)
        if not _is_all_of(value, text):
            value = _DECODER.decode(text.decode())
    except _DoubledKey as error:
        raise InvalidJson(f"{what} holds the key {error.key!r} twice in one object.") from None
    except (ValueError, RecursionError):
        raise InvalidJson(f"{what} is not valid JSON in UTF-8.") from None
    # Counting brackets is quick and says "shallow" nearly always; only texts with many of them are measured.
    if text.count(b"{") + text.count(b"[") > max_depth and _deeper_than(value, max_depth):
        raise InvalidJson(f"{what} is nested more than {max_depth} levels deep.")
    return value


def _is_all_of(value: object, text: bytes) -> bool:
    """Whether the text says nothing that the value has lost: no key twice, and no number that was rounded.

    True for what JavaScript's clients send, which is spelled as orjson spells it.
    """
    try:
        return orjson.dumps(value) == text
    except TypeError:  # nested deeper than orjson writes
        return False


class _DoubledKey(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key[:100]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DoubledKey(key)
            seen.add(key)
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _deeper_than(value: object, limit: int) -> bool:
    level: Iterable[object] = [value]
    for _ in range(limit + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return True
