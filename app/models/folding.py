"""The form in which names are compared, ordered and searched, alike on every database."""

import unicodedata


def fold_name(name: str) -> str:
    """Without the difference of upper and lower case, in NFC."""
    return unicodedata.normalize("NFC", name.casefold())
