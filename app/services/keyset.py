"""Keyset pages of any list, for many parents at once: whatever a list of objects shows of their own lists costs one query.

Of every parent the ids and sort keys of one page are read by a SELECT with a LIMIT of its own, and the rows of all pages are
joined to them, all in one statement.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from tortoise.models import Model

from app.db import Database
from app.db.sql import moment_of, uuid_of
from app.errors import BadUserInput
from app.services.paging import Page, decode_cursor, encode_cursor, moment_key, page_size

M = TypeVar("M", bound=Model)

_PARENTS = 400  # in one statement; SQLite takes at most 500 SELECTs in one
_MAX_BIGINT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """A kind of sort key: how it gets out of a raw row into a cursor, and out of a cursor into SQL again.

    `parse` raises ValueError or TypeError for what `read` did not make.
    """

    read: Callable[[Any], Any]
    parse: Callable[[Any], Any]
    is_text: bool = False  # compared byte by byte, and so alike on every database


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text")
    value.encode()  # halves of surrogate pairs are no text either
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_BIGINT:
        raise ValueError("not a number")
    return value


def _moment(value: Any) -> str:
    moment = moment_of(value)
    assert moment is not None, "lists are not ordered by moments that may be missing"  # noqa: S101 - a promise of the callers
    return moment.isoformat()


def containing(text: str) -> str:
    """A pattern for LIKE … ESCAPE '\\' that finds `text` anywhere, and nothing else."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


TEXT = Key(str, _text, is_text=True)
NUMBER = Key(int, _number)
MOMENT = Key(_moment, moment_key)


class Conditions:
    """Conditions that must all hold, and their values, numbered as they come."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.clauses: list[str] = []

    def where(self, clause: str, *values: Any) -> None:
        """Add a clause in which `{0}`, `{1}` … stand for the values."""
        self.clauses.append(clause.format(*(self.value(value) for value in values)))

    def where_in(self, column: str, values: Iterable[Any]) -> None:
        """The column is one of the values; never, when there are none."""
        numbered = ", ".join(self.value(value) for value in values)
        self.clauses.append(f"{column} IN ({numbered})" if numbered else "FALSE")

    def value(self, value: Any) -> str:
        """The placeholder of one more value."""
        self.values.append(value)
        return f"${len(self.values)}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as SQL. `name` marks its cursors; ties of `sort` are broken by `id`, in the same direction.

    The values of `prelude`, a WITH clause, are among those of the conditions.
    """

    name: str
    source: str
    id: str
    sort: str
    key: Key
    parent: str | None = None  # the column of the object whose list it is; None: there is one list
    ascending: bool = True
    prelude: str = ""
    conditions: Conditions = field(default_factory=Conditions)


async def read_page(database: Database, listing: Listing, model: type[M], first: int, after: str | None) -> Page[M]:
    """A page of a list without parents. Raises BadUserInput for a bad cursor or page size."""
    return (await _read(database, listing, model, [None], first, after))[None]


async def read_pages(
    database: Database, listing: Listing, model: type[M], parents: Sequence[UUID], first: int, after: str | None
) -> dict[UUID, Page[M]]:
    """The same page of each parent's list. Raises BadUserInput for a bad cursor or page size."""
    pages = await _read(database, listing, model, parents, first, after)
    return {parent: pages[parent] for parent in parents}


async def _read(
    database: Database,
    listing: Listing,
    model: type[M],
    parents: Sequence[UUID | None],
    first: int,
    after: str | None,
) -> dict[UUID | None, Page[M]]:
    size = page_size(first)
    values = list(listing.conditions.values)
    conditions = list(listing.conditions.clauses)
    collation = _collation(database, listing.key)
    if after is not None:
        values += _place(listing, after)
        comparison = ">" if listing.ascending else "<"
        # A row comparison walks an index from the cursor's place: page 10,000 costs what page 1 does.
        conditions.append(
            f"({listing.sort}{collation}, {listing.id}) {comparison} (${len(values) - 1}, ${len(values)})"
        )
    found: defaultdict[UUID | None, list[tuple[M, Mapping[str, Any]]]] = defaultdict(list)
    for start in range(0, len(parents), _PARENTS):
        some = parents[start : start + _PARENTS]
        pages, more = _pages(listing, collation, conditions, some, len(values), size + 1)
        for item, row in await database.load(model, _with_items(pages, listing, collation, model), *values, *more):
            parent = None if listing.parent is None else uuid_of(row["page_parent_id"])
            found[parent].append((item, row))
    return {parent: _page(listing, found[parent], size, after) for parent in parents}


def _pages(
    listing: Listing,
    collation: str,
    conditions: Sequence[str],
    parents: Sequence[UUID | None],
    numbered: int,
    limit: int,
) -> tuple[str, list[Any]]:
    direction = "ASC" if listing.ascending else "DESC"
    selects, values = [], []
    for number, parent in enumerate(parents, start=1):
        where = list(conditions)
        if listing.parent is not None:
            values.append(parent)
            where.insert(0, f"{listing.parent} = ${numbered + len(values)}")
        page = (
            f"SELECT {listing.id} AS page_id, {listing.parent or 'NULL'} AS page_parent_id, {listing.sort} AS page_sort_key"  # noqa: S608 - SQL of our own making, values are bound
            f" FROM {listing.source} WHERE {' AND '.join(where) or 'TRUE'}"
            f" ORDER BY {listing.sort}{collation} {direction}, {listing.id} {direction} LIMIT {limit}"
        )
        selects.append(f"SELECT * FROM ({page}) AS page_{number}")  # noqa: S608 - as above
    return " UNION ALL ".join(selects), values


def _with_items(pages: str, listing: Listing, collation: str, model: type[Model]) -> str:
    """The pages with their rows. The order of a UNION is nobody's promise, so the few rows are put in order once more."""
    direction = "ASC" if listing.ascending else "DESC"
    return (
        f"{listing.prelude} SELECT pages.*, item.* FROM ({pages}) AS pages"  # noqa: S608 - SQL of our own making
        f" JOIN {model._meta.db_table} AS item ON item.{model._meta.db_pk_column} = pages.page_id"
        f" ORDER BY pages.page_sort_key{collation} {direction}, pages.page_id {direction}"
    )


def _collation(database: Database, key: Key) -> str:
    if not key.is_text:
        return ""
    return " COLLATE BINARY" if database.dialect == "sqlite" else ' COLLATE "C"'


def _place(listing: Listing, cursor: str) -> list[Any]:
    key, identifier = decode_cursor(cursor, listing.name, 2)
    try:
        return [listing.key.parse(key), UUID(identifier)]
    except (ValueError, TypeError, AttributeError) as error:
        raise BadUserInput("This is not a cursor of this list.", field="after") from error


def _page(listing: Listing, found: Sequence[tuple[M, Mapping[str, Any]]], size: int, after: str | None) -> Page[M]:
    def cursor_at(index: int) -> str:
        row = found[index][1]
        return encode_cursor(listing.name, listing.key.read(row["page_sort_key"]), str(uuid_of(row["page_id"])))

    return Page(
        items=[item for item, _ in found[:size]],
        cursor_at=cursor_at,
        has_next=len(found) > size,
        has_previous=after is not None,
    )
