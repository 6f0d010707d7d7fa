"""The list of files: one keyset query, whatever the order and the filters (R5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.errors import BadUserInput
from app.models import EntityType, File, FileStatus
from app.permissions import Standing
from app.services import keyset
from app.services.keyset import MOMENT, NUMBER, TEXT, Conditions, Listing, containing
from app.services.names import fold_name
from app.services.paging import Page
from app.services.standing import administered_by


class FileScope(StrEnum):
    """Whose files: one's own, or everything one may administer."""

    OWN = "OWN"
    MANAGED = "MANAGED"


class FileOrder(StrEnum):
    """The orders of the list; ties are broken by id, in the same direction."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    NAME_ASC = "NAME_ASC"
    SIZE_DESC = "SIZE_DESC"


_MAX_CHARACTERS = 255  # of names, in bytes; types are shorter


@dataclass(frozen=True, slots=True)
class FileFilter:
    """What to list. None is "any"; every given condition must hold."""

    status: FileStatus | None = FileStatus.ACTIVE
    scope: FileScope = FileScope.OWN
    entity_type: EntityType | None = None
    entity_id: UUID | None = None
    group_id: UUID | None = None
    uploaded_by_id: UUID | None = None
    name_contains: str | None = None
    mime_type: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


_SORTS = {
    FileOrder.CREATED_AT_DESC: ("created_at", MOMENT, False),
    FileOrder.CREATED_AT_ASC: ("created_at", MOMENT, True),
    FileOrder.NAME_ASC: ("name_folded", TEXT, True),
    FileOrder.SIZE_DESC: ("size_bytes", NUMBER, False),
}


async def read_page(
    database: Database,
    principal: Principal,
    standing: Standing,
    wanted: FileFilter,
    order: FileOrder,
    first: int,
    after: str | None,
) -> Page[File]:
    """A page of what `principal` may see of `wanted`. Raises BadUserInput for a bad cursor or page size."""
    conditions = Conditions()
    if wanted.scope is FileScope.OWN:
        conditions.where("owner_id = {0}", principal.user_id)
    elif not principal.is_system_admin:
        conditions.where_in("group_id", sorted(standing.administered))
    _filter(conditions, wanted)
    return await keyset.read_page(database, _listing(conditions, order), File, first, after)


async def read_owners_pages(
    database: Database,
    principal: Principal,
    owner_ids: Sequence[UUID],
    wanted: FileFilter,
    order: FileOrder,
    first: int,
    after: str | None,
) -> dict[UUID, Page[File]]:
    """The same page of the files of each owner; that `principal` may see those lists is for the caller to know.

    With the scope OWN everything that is the owner's, with MANAGED what of it `principal` administers. Raises BadUserInput
    as `read_page`.
    """
    conditions, prelude = Conditions(), ""
    if wanted.scope is FileScope.MANAGED and not principal.is_system_admin:
        prelude = administered_by(conditions.value(principal.user_id))
        conditions.where("group_id IN (SELECT id FROM administered)")
    _filter(conditions, wanted)
    listing = _listing(conditions, order, parent="owner_id", prelude=prelude)
    return await keyset.read_pages(database, listing, File, owner_ids, first, after)


def _listing(conditions: Conditions, order: FileOrder, parent: str | None = None, prelude: str = "") -> Listing:
    column, key, ascending = _SORTS[order]
    return Listing(
        name=order,
        source="files",
        id="id",
        sort=column,
        key=key,
        ascending=ascending,
        parent=parent,
        prelude=prelude,
        conditions=conditions,
    )


def _filter(conditions: Conditions, wanted: FileFilter) -> None:
    _refuse_unstorable(wanted.name_contains, "nameContains")
    _refuse_unstorable(wanted.mime_type, "mimeType")
    for column, value in (
        ("status", wanted.status),
        ("entity_type", wanted.entity_type),
        ("entity_id", wanted.entity_id),
        ("group_id", wanted.group_id),
        ("owner_id", wanted.uploaded_by_id),
        ("mime_type", wanted.mime_type),
    ):
        if value is not None:
            conditions.where(column + " = {0}", value)
    if wanted.created_after is not None:
        conditions.where("created_at > {0}", wanted.created_after)
    if wanted.created_before is not None:
        conditions.where("created_at < {0}", wanted.created_before)
    if wanted.name_contains:
        conditions.where("name_folded LIKE {0} ESCAPE '\\'", containing(fold_name(wanted.name_contains)))


def _refuse_unstorable(text: str | None, field: str) -> None:
    """PostgreSQL knows neither NUL nor half a surrogate pair, SQLite no pattern of more than 50,000 bytes, and no file carries any of
    it. Raises BadUserInput.
    """
    if text is not None and len(text) > _MAX_CHARACTERS:
        raise BadUserInput(f"No name or type is longer than {_MAX_CHARACTERS} characters.", field=field)
    if text is not None and any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        raise BadUserInput("No name or type holds these characters.", field=field)
