"""Storage keys (R12): `{group uuid | "system"}/{yyyy}/{mm}/{file uuid}{.ext}`, the same in every backend.

A key holds no user text but a sanitised extension, and only plain ASCII, so it is a safe path and a safe URL part as it
stands. Every call that takes a key goes through `check_key`: what it lets through cannot lead out of a root.
"""

import re
from datetime import UTC, datetime
from uuid import UUID

from app.storage.errors import InvalidKey

SYSTEM = "system"
MAX_EXTENSION = 16

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_EXTENSION = re.compile(rf"[A-Za-z0-9]{{1,{MAX_EXTENSION}}}")

# One pattern per level, for the walks that read a store level by level; a whole key is the four of them.
LEVELS = (
    re.compile(rf"(?:{_UUID}|{SYSTEM})"),
    re.compile(r"[0-9]{4}"),
    re.compile(r"(?:0[1-9]|1[0-2])"),
    re.compile(rf"{_UUID}(?:\.[a-z0-9]{{1,{MAX_EXTENSION}}})?"),
)
_KEY = re.compile("/".join(level.pattern for level in LEVELS))
_CHARACTERS = re.compile(r"[a-z0-9./-]*")


def make_key(group_id: UUID | None, created_at: datetime, file_id: UUID, name: str) -> str:
    """The key of a file: made once, when its row is made, and never changed.

    `created_at` must be aware; its month is taken in UTC. Of `name` only the extension is used: see `extension_of`.
    """
    if created_at.tzinfo is None:
        raise ValueError("created_at must be aware")
    moment = created_at.astimezone(UTC)
    return f"{group_id or SYSTEM}/{moment.year:04d}/{moment.month:02d}/{file_id}{extension_of(name)}"


def extension_of(name: str) -> str:
    """The extension of a file name with its dot, in lower case, or nothing.

    What follows the last dot is an extension only when it is 1 to 16 ASCII letters and digits and something stands before
    the dot. Anything else is left out rather than mended: a mended one would be free text of the user.
    """
    stem, _, extension = name.rpartition(".")
    return f".{extension.lower()}" if stem and _EXTENSION.fullmatch(extension) else ""


def check_key(key: str) -> str:
    """The same key. Raises `InvalidKey` for any text that `make_key` could not have made: path tricks, other cases, more."""
    if not is_key(key):
        raise InvalidKey(key)
    return key


def is_key(text: str) -> bool:
    """Whether `check_key` lets it through."""
    return _KEY.fullmatch(text) is not None


def may_begin_key(text: str) -> bool:
    """Whether there may be keys that begin so, as far as its characters tell."""
    return _CHARACTERS.fullmatch(text) is not None
