"""Loading what permissions are decided by: one query for a principal, one for all the objects of a list, however deep the
trees are.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.db.sql import placeholders, uuid_of
from app.models import ClassRole, MemberRole
from app.permissions import NOWHERE, Place, Standing


def _administered(start: str) -> str:
    return f"""
WITH RECURSIVE administered (id) AS (
    {start}
    UNION
    SELECT child.id FROM groups AS child JOIN administered AS parent ON child.parent_id = parent.id
)"""  # noqa: S608 - SQL of our own making


def administered_by(user: str) -> str:
    """A WITH clause for the ids of all groups in the subtrees that a user administers. `user` is a placeholder."""
    return _administered(f"SELECT group_id FROM memberships WHERE user_id = {user} AND role = 'GROUP_ADMIN'")  # noqa: S608 - a placeholder


def subtree_of(group: str) -> str:
    """The same for a group and all groups below it."""
    return _administered(f"SELECT id FROM groups WHERE id = {group}")  # noqa: S608 - a placeholder


# Down from every group that the user administers, and up from every group that the user is in; `UNION` ends where paths meet.
_STANDING = f"""{administered_by("$1")}, line (id, parent_id) AS (
    SELECT groups.id, groups.parent_id FROM groups JOIN memberships ON memberships.group_id = groups.id
    WHERE memberships.user_id = $1
    UNION
    SELECT groups.id, groups.parent_id FROM groups JOIN line ON groups.id = line.parent_id
)
SELECT 'administered' AS kind, id, NULL AS role FROM administered
UNION ALL
SELECT 'root', id, NULL FROM line WHERE parent_id IS NULL
UNION ALL
SELECT 'member', group_id, role FROM memberships WHERE user_id = $1
UNION ALL
SELECT 'class', school_class_id, role FROM class_members WHERE user_id = $1
"""  # noqa: S608 - SQL of our own making

_ABOVE = """
WITH RECURSIVE line (start, steps, id, parent_id) AS (
    SELECT id, 0, id, parent_id FROM groups WHERE id IN ({})
    UNION
    SELECT line.start, line.steps + 1, groups.id, groups.parent_id FROM groups JOIN line ON groups.id = line.parent_id
)
SELECT start, steps, id FROM line ORDER BY steps
"""


async def load_standing(database: Database, principal: Principal) -> Standing:
    """What `principal` is to groups and classes at this moment."""
    roles, classes, administered, roots = {}, {}, set(), set()
    for row in await database.fetch(_STANDING, principal.user_id):
        identifier = uuid_of(row["id"])
        match row["kind"]:
            case "administered":
                administered.add(identifier)
            case "root":
                roots.add(identifier)
            case "member":
                roles[identifier] = MemberRole(row["role"])
            case "class":
                classes[identifier] = ClassRole(row["role"])
    return Standing(roles=roles, administered=frozenset(administered), classes=classes, roots=frozenset(roots))


async def user_places(database: Database, user_ids: Sequence[UUID]) -> dict[UUID, Place]:
    """Where users stand; NOWHERE for those without memberships, and for those who do not exist."""
    start = "SELECT user_id, group_id FROM memberships WHERE user_id IN ({})"
    return await _places(database, start, user_ids)


async def group_places(database: Database, group_ids: Sequence[UUID]) -> dict[UUID, Place]:
    """Where groups stand; NOWHERE for those that do not exist."""
    return await _places(database, "SELECT id, id FROM groups WHERE id IN ({})", group_ids)


async def group_place(database: Database, group_id: UUID) -> Place:
    """Where one group stands."""
    return (await group_places(database, [group_id]))[group_id]


async def user_place(database: Database, user_id: UUID) -> Place:
    """Where one user stands."""
    return (await user_places(database, [user_id]))[user_id]


async def groups_above(database: Database, group_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Of each group those above it, the nearest first; of a group that does not exist nothing."""
    lines: dict[UUID, list[UUID]] = {}
    for row in await database.fetch(_ABOVE.format(placeholders(1, len(group_ids))), *group_ids):
        above = lines.setdefault(uuid_of(row["start"]), [])
        if row["steps"]:
            above.append(uuid_of(row["id"]))
    return lines


async def _places(database: Database, start: str, identifiers: Sequence[UUID]) -> dict[UUID, Place]:
    """`start` gives pairs of an object and a group that it is in."""
    if not identifiers:
        return {}
    rows = await database.fetch(
        f"""
WITH RECURSIVE held (object_id, group_id) AS ({start.format(placeholders(1, len(identifiers)))}
), line (object_id, first_id, id, parent_id) AS (
    SELECT held.object_id, groups.id, groups.id, groups.parent_id FROM held JOIN groups ON groups.id = held.group_id
    UNION
    SELECT line.object_id, line.first_id, groups.id, groups.parent_id FROM line JOIN groups ON groups.id = line.parent_id
)
SELECT object_id, first_id, id AS root_id FROM line WHERE parent_id IS NULL
""",  # noqa: S608 - placeholders only
        *identifiers,
    )
    groups: defaultdict[UUID, set[UUID]] = defaultdict(set)
    roots: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        identifier = uuid_of(row["object_id"])
        groups[identifier].add(uuid_of(row["first_id"]))
        roots[identifier].add(uuid_of(row["root_id"]))
    return {
        identifier: Place(frozenset(groups[identifier]), frozenset(roots[identifier]))
        if identifier in roots
        else NOWHERE
        for identifier in identifiers
    }
