"""Names and other texts as people give them: kept as they are, but for what could hurt someone."""

import unicodedata

from app.errors import BadUserInput
from app.models.folding import fold_name

__all__ = ["MAX_LABEL", "MAX_NAME_BYTES", "clean_label", "clean_name", "clean_text", "fold_name"]

MAX_NAME_BYTES = 255
MAX_LABEL = 200  # characters
# Besides controls: marks that turn the reading direction and so hide an extension, and lone surrogates.
_DROPPED_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_DIRECTION_MARKS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff")


def clean_name(raw: str) -> str:
    """The name in NFC without path parts and control characters.

    Raises BadUserInput when nothing is left or when it is longer than 255 bytes of UTF-8.
    """
    name = clean_text(raw.replace("\\", "/").rpartition("/")[2])
    if name.strip(". ") == "":
        raise BadUserInput("The file needs a name.", field="name")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadUserInput(f"The name is longer than {MAX_NAME_BYTES} bytes.", field="name")
    return name


def clean_text(raw: str) -> str:
    """One line of text in NFC, without control characters and white space around it."""
    # What Python calls printable has neither, and nearly every name is: then the characters need not be looked at one by one.
    kept = raw if raw.isprintable() else "".join(filter(_is_kept, raw))
    return unicodedata.normalize("NFC", kept).strip()


def _is_kept(character: str) -> bool:
    return unicodedata.category(character) not in _DROPPED_CATEGORIES and character not in _DIRECTION_MARKS


def clean_label(raw: str, *, field: str = "name") -> str:
    """The name of a person, a group, a class or an assignment, cleaned as `clean_text` does.

    Raises BadUserInput, which names `field`, for a NUL, when nothing is left, and above 200 characters.
    """
    if "\x00" in raw:
        raise BadUserInput("A text has no NUL characters in it.", field=field)
    label = clean_text(raw)
    if not 1 <= len(label) <= MAX_LABEL:
        raise BadUserInput(f"This has between 1 and {MAX_LABEL} characters.", field=field)
    return label
