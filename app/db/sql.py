"""Small differences between the two SQL dialects, in one place.

Statements are written with `$1` placeholders. Moments go in and come out as aware datetimes, ids as UUIDs; SQLite keeps
both as text, in the form that Tortoise writes, so that rows compare alike whoever wrote them.
"""

import re
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

_PLACEHOLDER = re.compile(r"\$(\d+)")


@lru_cache(maxsize=512)
def for_sqlite(statement: str) -> str:
    """`$1` is a named parameter to SQLite; `?1` is the numbered one."""
    return _PLACEHOLDER.sub(r"?\1", statement)


def sqlite_value(value: Any) -> Any:
    """One argument in the form in which SQLite stores it."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(sep=" ")
        case Enum():
            return value.value
        case list():
            return orjson.dumps([sqlite_value(each) for each in value]).decode()  # it has no arrays, but reads JSON
        case _:
            return value


def postgres_value(value: Any) -> Any:
    """One argument in the form in which asyncpg takes it."""
    return value.value if isinstance(value, Enum) else value


def uuid_of(value: Any) -> UUID:
    """An id column of a raw row."""
    return value if isinstance(value, UUID) else UUID(str(value))


def moment_of(value: Any) -> datetime | None:
    """A moment column of a raw row, in UTC."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value)).astimezone(UTC)


def now_plus(dialect: str, seconds_placeholder: str) -> str:
    """SQL for "so many seconds from now" on the database's clock, the one that all processes share."""
    if dialect == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', {seconds_placeholder} || ' seconds')"
    return f"clock_timestamp() + make_interval(secs => {seconds_placeholder}::float8)"


def placeholders(first: int, count: int) -> str:
    """`$first, …` for an IN list of `count` values."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def among(dialect: str, placeholder: str) -> str:
    """SQL for "is one of the ids in this list": one value, and so one statement, however many they are."""
    if dialect == "sqlite":
        return f"IN (SELECT value FROM json_each({placeholder}))"  # noqa: S608 - a placeholder
    return f"= ANY(CAST({placeholder} AS UUID[]))"
