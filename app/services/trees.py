"""The shape of the trees of groups: what holds while many change it at once, and what follows from a change.

The lock on the shape comes before all other locks: shared for those who rely on it, exclusive for those who change it. So
who is in which tree stays true until the end of the unit that asked.
"""

from collections.abc import Iterable
from uuid import UUID

from app.db import Database
from app.db.sql import placeholders
from app.models import GroupType

_SHAPE = 0x7245E5  # the number of the advisory lock; "trees", as far as hexadecimal can spell it

_ABOVE = """
WITH RECURSIVE line (id, parent_id) AS (
    SELECT id, parent_id FROM groups WHERE id = $1
    UNION
    SELECT groups.id, groups.parent_id FROM groups JOIN line ON groups.id = line.parent_id
)
SELECT 1 AS found FROM line WHERE id = $2
"""

# Where a user leaves a group, the classes of it and of the groups below it; but of none of which the user is a member too.
_LEFT_CLASSES = """
WITH RECURSIVE below (id) AS (
    SELECT id FROM groups WHERE id = $1
    UNION ALL
    SELECT groups.id FROM groups JOIN below ON groups.parent_id = below.id
    WHERE NOT EXISTS (SELECT 1 FROM memberships WHERE memberships.group_id = groups.id AND memberships.user_id = $2)
)
DELETE FROM class_members WHERE user_id = $2 AND school_class_id IN (
    SELECT classes.id FROM classes JOIN below ON below.id = classes.group_id
)
"""


async def hold_shape(database: Database) -> None:
    """Inside a unit: no group moves or goes until its end."""
    await _lock(database, "pg_advisory_xact_lock_shared")


async def change_shape(database: Database) -> None:
    """Inside a unit: nobody else changes the shape, or relies on it, until its end."""
    await _lock(database, "pg_advisory_xact_lock")


def is_below(child: GroupType, parent: GroupType) -> bool:
    """Whether a group of the type `child` may stand below one of the type `parent`: district > school > department."""
    levels = list(GroupType)
    return levels.index(child) > levels.index(parent)


async def is_above(database: Database, group_id: UUID, lower_id: UUID) -> bool:
    """Whether the group is `lower_id` or above it."""
    return bool(await database.fetch(_ABOVE, lower_id, group_id))


async def leave_classes(database: Database, group_id: UUID, user_id: UUID) -> None:
    """Take a user who has left the group out of its classes and those below it (R19)."""
    await database.execute(_LEFT_CLASSES, group_id, user_id)


async def leave_lost_classes(database: Database, roots: Iterable[UUID], user_id: UUID | None = None) -> None:
    """Take a user, or everybody, out of those classes of the trees in which they are no member of any group any more."""
    values: list[UUID] = sorted(roots)
    if not values:
        return
    wanted = placeholders(1, len(values))
    one = ""
    if user_id is not None:
        values.append(user_id)
        one = f"member.user_id = ${len(values)} AND"
    await database.execute(
        f"""
WITH RECURSIVE trees (id, root_id) AS (
    SELECT id, id FROM groups WHERE id IN ({wanted}) AND parent_id IS NULL
    UNION ALL
    SELECT groups.id, trees.root_id FROM groups JOIN trees ON groups.parent_id = trees.id
)
DELETE FROM class_members WHERE id IN (
    SELECT member.id FROM class_members AS member JOIN classes ON classes.id = member.school_class_id
        JOIN trees ON trees.id = classes.group_id
    WHERE {one} NOT EXISTS (
        SELECT 1 FROM memberships JOIN trees AS home ON home.id = memberships.group_id
        WHERE memberships.user_id = member.user_id AND home.root_id = trees.root_id
    )
)
""",  # noqa: S608 - placeholders only
        *values,
    )


async def _lock(database: Database, function: str) -> None:
    if database.dialect == "postgres":
        # On SQLite a unit has the whole database to itself anyway.
        await database.fetch(f"SELECT {function}($1)", _SHAPE)
