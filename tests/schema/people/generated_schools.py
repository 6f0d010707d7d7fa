"""School systems and mutations made by chance, and their rows in a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar
from uuid import UUID, uuid4

from app.db import Database
from app.models import (
    Assignment,
    Attachment,
    Class,
    ClassMember,
    ClassRole,
    EntityType,
    File,
    FileStatus,
    Group,
    LimitChange,
    MemberRole,
    Membership,
    RoleLimit,
    User,
    UserLimit,
    UserStorage,
)
from tests.factories import (
    make_assignment,
    make_attachment,
    make_class,
    make_class_member,
    make_file,
    make_group,
    make_membership,
    make_role_limit,
    make_user,
    make_user_limit,
)
from tests.schema.people.permission_model import FILE_MUTATIONS, Act, FileFacts, Table

T = TypeVar("T")

ROLES = ["GROUP_ADMIN", "TEACHER", "STUDENT"]
CLASS_ROLES = ["TEACHER", "STUDENT"]
GHOST = "ghost"  # the name of what is not there
_MIB = 1024 * 1024
_STATES = ["ACTIVE", "ACTIVE", "ACTIVE", "SOFT_DELETED", "PENDING", "PURGING"]
_SETTLED = {"ACTIVE", "SOFT_DELETED"}
_SIZES = [_MIB, 50 * _MIB, 100 * _MIB, 200 * _MIB]
# Of every mutation what its input names: the object, something else, a role.
_INPUTS: dict[str, tuple[str, str, list[str]]] = {
    **dict.fromkeys(FILE_MUTATIONS, ("file", "", [])),
    "setUserAvatar": ("user", "file", []),
    "setGroupAvatar": ("group", "file", []),
    "setClassAvatar": ("class", "file", []),
    "removeUserAvatar": ("user", "", []),
    "removeGroupAvatar": ("group", "", []),
    "removeClassAvatar": ("class", "", []),
    "addAssignmentAttachment": ("assignment", "file", []),
    "removeAssignmentAttachment": ("assignment", "file", []),
    "setGroupMember": ("group", "user", ROLES),
    "setClassMember": ("class", "user", CLASS_ROLES),
    "setUserLimits": ("user", "", []),
    "setGroupRoleLimits": ("group", "", ROLES),
    "createClass": ("group", "", []),
    "createAssignment": ("class", "", []),
}
# Every table that a school system has rows in: those that refer to others come first.
_TABLES = [
    model._meta.db_table
    for model in (
        *(Attachment, Assignment, ClassMember, Class, LimitChange, RoleLimit, UserLimit, Membership),
        *(File, Group, UserStorage, User),
    )
]


def make_table(chance: Random) -> Table:
    """Two trees of up to three levels, with everything in them that the table of permissions speaks of."""
    parents: dict[str, str | None] = {}
    for tree in ("d0", "d1"):
        parents[tree] = None
        for school in range(chance.randint(0, 2)):
            parents[f"{tree}s{school}"] = tree
            parents.update({f"{tree}s{school}p{n}": f"{tree}s{school}" for n in range(chance.randint(0, 2))})
    users = [f"u{number}" for number in range(chance.randint(5, 7))]
    table = Table(users, parents)
    places = [(user, group) for user in users for group in parents]
    table.roles = {place: chance.choice(ROLES) for place in _some(chance, places, 5, 11)}
    table.system_admins = set(_some(chance, users, 0, 1))
    table.deactivated = set(_some(chance, users, 0, 1)) - table.system_admins
    sized = [(group, role) for group in parents for role in ROLES]
    table.role_limits = {place: chance.choice(_SIZES) for place in _some(chance, sized, 2, 6)}
    table.overrides = {user: chance.choice(_SIZES) for user in _some(chance, users, 0, 1)}
    _add_classes(chance, table)
    _add_files(chance, table)
    return table


def _some(chance: Random, among: Iterable[T], least: int, most: int) -> list[T]:
    known = list(among)
    return chance.sample(known, min(len(known), chance.randint(least, most)))


def _add_classes(chance: Random, table: Table) -> None:
    for number in range(chance.randint(1, 3)):
        name, group = f"c{number}", chance.choice(list(table.parents))
        table.classes[name] = group
        near = [user for user in table.users if table.line(group)[-1] in table.trees_of(user)]
        table.class_roles.update({(user, name): chance.choice(CLASS_ROLES) for user in _some(chance, near, 1, 4)})
        table.assignments.update({f"a{number}{n}": name for n in range(chance.randint(1, 2))})


def _add_files(chance: Random, table: Table) -> None:
    subjects = [*table.users, *table.parents, *table.classes]
    for number in range(chance.randint(6, 10)):
        table.files[f"f{number}"] = FileFacts(
            owner=chance.choice(table.users),
            group=chance.choice([None, chance.choice(list(table.parents))]),
            status=chance.choice(_STATES),
            picture=chance.random() < 0.5,
            entity=_entity(chance, table, subjects),
        )
    settled = [name for name, one in table.files.items() if one.status in _SETTLED]
    if settled:
        table.avatars = {subject: chance.choice(settled) for subject in _some(chance, subjects, 1, 4)}
        table.attached = {assignment: _some(chance, settled, 0, 2) for assignment in table.assignments}


def _entity(chance: Random, table: Table, subjects: list[str]) -> tuple[str, str] | None:
    """What a file was uploaded for opens it to nobody by itself, but for a submission: it is the most frequent here."""
    kind = chance.choice(["SUBMISSION_FILE", "SUBMISSION_FILE", "ASSIGNMENT_ATTACHMENT", "AVATAR", None])
    if kind is None:
        return None
    return kind, chance.choice(subjects if kind == "AVATAR" else list(table.assignments))


def make_turns(chance: Random, table: Table, *, acts: int) -> list[tuple[str | None, list[Act]]]:
    """Everybody in some order, and what each of them tries to do."""
    order = _some(chance, [None, *table.users], len(table.users) + 1, len(table.users) + 1)
    return [(actor, [_act(chance, table) for _ in range(acts)]) for actor in order]


def _act(chance: Random, table: Table) -> Act:
    mutation = chance.choice(list(_INPUTS))
    target, other, roles = _INPUTS[mutation]
    return Act(
        mutation,
        _name(chance, table, target),
        _name(chance, table, other) if other else "",
        chance.choice(roles) if roles else "",
        chance.choice(_SIZES) if mutation in {"setUserLimits", "setGroupRoleLimits"} else 0,
    )


def _name(chance: Random, table: Table, kind: str) -> str:
    names: dict[str, Iterable[str]] = {
        "user": table.users,
        "group": table.parents,
        "class": table.classes,
        "assignment": table.assignments,
        "file": table.files,
    }
    return GHOST if chance.random() < 0.05 else chance.choice(list(names[kind]))


@dataclass
class Names:
    """The id of each named object, and back."""

    ids: dict[str, UUID]

    def __getitem__(self, name: str) -> UUID:
        return self.ids[name]

    def add(self, name: str, identifier: str) -> None:
        """One more object."""
        self.ids[name] = UUID(identifier)

    def back(self, value: Any) -> Any:
        """An answer with names in place of ids, and its lists in an order that depends on nothing."""
        return _renamed(value, {str(identifier): name for name, identifier in self.ids.items()})


def _renamed(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_renamed(inner, known) for inner in value), key=repr)
    return known.get(value, value) if isinstance(value, str) else value


async def clear(database: Database) -> None:
    """Leave no row of a school system."""
    for loop in ("users SET avatar_id", "groups SET avatar_id", "classes SET avatar_id", "groups SET parent_id"):
        await database.execute(f"UPDATE {loop} = NULL")
    for name in _TABLES:
        await database.execute(f"DELETE FROM {name}")


async def write(table: Table) -> Names:
    """Make the rows."""
    ids = {GHOST: uuid4()}
    users = {name: await make_user(name=name, email=f"{name}@example.org") for name in table.users}
    groups: dict[str, Group] = {}
    for name, parent in table.parents.items():
        groups[name] = await make_group(groups[parent] if parent else None, name=name)
    classes = {name: await make_class(groups[group], name=name) for name, group in table.classes.items()}
    assignments = {name: await make_assignment(classes[held]) for name, held in table.assignments.items()}
    for rows in (users, groups, classes, assignments):
        ids.update({name: row.id for name, row in rows.items()})
    for (user, group), role in table.roles.items():
        await make_membership(users[user], groups[group], MemberRole(role))
    for (user, held), role in table.class_roles.items():
        await make_class_member(users[user], classes[held], ClassRole(role))
    for (group, role), size in table.role_limits.items():
        await make_role_limit(groups[group], MemberRole(role), max_file_size_bytes=size)
    for user, size in table.overrides.items():
        await make_user_limit(users[user], max_file_size_bytes=size)
    files = {name: await _write_file(facts, users, groups, ids) for name, facts in table.files.items()}
    ids.update({name: row.id for name, row in files.items()})
    for subject, file in table.avatars.items():
        row = users.get(subject) or groups.get(subject) or classes[subject]
        await type(row).filter(id=row.id).update(avatar_id=files[file].id)
    for assignment, attached in table.attached.items():
        for file in attached:
            await make_attachment(assignments[assignment], files[file])
    return Names(ids)


async def _write_file(facts: FileFacts, users: dict[str, User], groups: dict[str, Group], ids: dict[str, UUID]) -> File:
    kind, entity = facts.entity or (None, "")
    return await make_file(
        users[facts.owner],
        group=groups[facts.group] if facts.group else None,
        status=FileStatus(facts.status),
        mime_type="image/png" if facts.picture else "text/plain",
        entity_type=kind and EntityType(kind),
        entity_id=ids[entity] if entity else None,
        location="memory",
    )
