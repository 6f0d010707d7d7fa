"""The forms in which names and addresses are compared, ordered and searched, alike on every database."""

import unicodedata


def fold_name(name: str) -> str:
    """Without the difference of upper and lower case, in NFC."""
    return unicodedata.normalize("NFC", name.casefold())


def fold_email(email: str) -> str:
    """One form for every spelling of an address."""
    return fold_name(unicodedata.normalize("NFC", email.strip()))
