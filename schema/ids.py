"""Global ids (GraphQL Global Object Identification): base64 of `Type:uuid`. Input may also be the bare UUID."""

import base64
import binascii
import re
from uuid import UUID

import strawberry

from app.errors import BadUserInput, NotFound

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST = 128  # characters; an own id has about 70


def global_id(kind: str, identifier: UUID) -> strawberry.ID:
    """The id of an object of the GraphQL type `kind`."""
    return strawberry.ID(base64.b64encode(f"{kind}:{identifier}".encode()).decode())


def parse_global_id(value: str, field: str = "id") -> tuple[str, UUID]:
    """The type and the UUID of a global id. Raises BadUserInput, which names `field`, for anything else."""
    try:
        decoded = base64.b64decode(value[: _LONGEST + 1].encode("ascii"), validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise _malformed(field) from None
    kind, _, text = decoded.partition(":")
    if len(value) > _LONGEST or not kind.isalpha() or not _UUID.fullmatch(text):
        raise _malformed(field)
    return kind, UUID(text)


def uuid_of(value: str, *kinds: str, field: str = "id") -> UUID:
    """The UUID of an id argument that stands for an object of one of `kinds`, whichever of the two forms it has.

    Raises BadUserInput for what is neither form, and NotFound for the id of another type.
    """
    if _UUID.fullmatch(value):
        return UUID(value)
    kind, identifier = parse_global_id(value, field)
    if kind not in kinds:
        raise NotFound(" or ".join(kinds).lower())
    return identifier


def optional_uuid_of(value: str | None, *kinds: str, field: str) -> UUID | None:
    """As `uuid_of`; null stays null."""
    return None if value is None else uuid_of(value, *kinds, field=field)


def _malformed(field: str) -> BadUserInput:
    return BadUserInput("This is neither an id that was given out here nor a UUID.", field=field)
