"""What GraphQL is asked about a generated school, and the answers that the model gives: each of them whole, errors too."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schema.ids import global_id
from tests.schema.people.generated_schools import GHOST, Names
from tests.schema.people.permission_model import FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, Table

Path = tuple[str | int, ...]

_NODES = "(first: 100) { nodes { uuid } }"
_USER = f"""uuid avatar {{ uuid }} email limits {{ maxFileSizeBytes }} quota {{ __typename }}
limitOverride {{ maxFileSizeBytes }} limitHistory {{ __typename }} memberships {{ role group {{ uuid }} }}
classes{_NODES} files(filter: {{status: null}}) {{ nodes {{ uuid }} }}"""
_GROUP = f"""uuid avatar {{ uuid }} parent {{ uuid }} children{_NODES} classes{_NODES}
members {{ nodes {{ role user {{ uuid }} }} }} roleLimits {{ role maxFileSizeBytes }} limitHistory {{ __typename }}"""
_CLASS = f"uuid avatar {{ uuid }} group {{ uuid }} members {{ nodes {{ role user {{ uuid }} }} }} assignments{_NODES}"
_FILE = "uuid status uploadedBy { uuid } signedUrl { __typename }"
_ASSIGNMENT = f"uuid class {{ uuid }} attachments {{ file {{ {_FILE} }} }}"
_PRIVATE = ["email", "limits", "quota", "limitOverride", "limitHistory", "memberships", "classes", "files"]


@dataclass
class Question:
    """A root field, and the answer that it must get. The paths of `errors` begin below the root field."""

    query: str
    value: Any
    errors: dict[Path, str] = field(default_factory=dict)


def _refused(query: str, code: str) -> Question:
    return Question(query, None, {(): code})


def _nodes(names: Any) -> dict[str, Any]:
    return {"nodes": _sorted({"uuid": name} for name in names)}


def _sorted(values: Any) -> list[Any]:
    return sorted(values, key=repr)


def _one(name: str | None) -> dict[str, str] | None:
    return None if name is None else {"uuid": name}


class Viewer:
    """Everything that one person, or nobody in particular, can ask about a school."""

    def __init__(self, table: Table, names: Names, actor: str | None) -> None:
        self._table = table
        self._names = names
        self._anonymous = table.is_nobody(actor)
        self._actor = actor or ""

    def questions(self) -> list[Question]:
        """All of them."""
        if not self._anonymous:
            return list(self._all())
        return [_refused(question.query, UNAUTHENTICATED) for question in self._all()]

    def _all(self) -> Iterator[Question]:
        table = self._table
        yield Question("me { uuid }", _one(self._actor))
        for kind, names, selection in (
            ("user", table.users, _USER),
            ("group", table.parents, _GROUP),
            ("class", table.classes, _CLASS),
            ("assignment", table.assignments, _ASSIGNMENT),
            ("file", table.files, _FILE),
        ):
            for name in [*names, GHOST]:
                yield from self._found(kind, name, selection)
        yield from self._lists()

    def _found(self, kind: str, name: str, selection: str) -> Iterator[Question]:
        """By its own root field, and by `node`, which also finds files that are not ACTIVE."""
        direct = f'{kind}(id: "{self._names[name]}") {{ {selection} }}'
        type_name = kind.capitalize()
        node = f'node(id: "{global_id(type_name, self._names[name])}") {{ ... on {type_name} {{ {selection} }} }}'
        if not self._table.sees(self._actor, name):
            yield _refused(direct, NOT_FOUND)
            yield _refused(node, NOT_FOUND)
            return
        value, errors = self._shown(kind, name)
        if kind == "file" and self._table.files[name].status != "ACTIVE":
            yield _refused(direct, NOT_FOUND)
        else:
            yield Question(direct, value, errors)
        yield Question(node, value, errors)

    def _shown(self, kind: str, name: str) -> tuple[dict[str, Any], dict[Path, str]]:
        match kind:
            case "user":
                return self._user(name)
            case "group":
                return self._group(name)
            case "class":
                return self._class(name), {}
            case "assignment":
                return self._assignment(name), {}
        return self._file(name), {}

    def _user(self, name: str) -> tuple[dict[str, Any], dict[Path, str]]:
        table = self._table
        shown: dict[str, Any] = {"uuid": name, "avatar": self._avatar(name)}
        if not table.sees_private(self._actor, name):
            return shown | dict.fromkeys(_PRIVATE), {(private,): FORBIDDEN for private in _PRIVATE}
        groups = [group for group in table.groups_of(name) if table.sees(self._actor, group)]
        classes = [held for user, held in table.class_roles if user == name and table.sees(self._actor, held)]
        override = table.overrides.get(name)
        return shown | {
            "email": f"{name}@example.org",
            "limits": {"maxFileSizeBytes": table.max_file_size(name)},
            "quota": {"__typename": "Quota"},
            "limitOverride": None if override is None else {"maxFileSizeBytes": override},
            "limitHistory": {"__typename": "LimitChangeConnection"},
            "memberships": _sorted({"role": table.roles[name, group], "group": {"uuid": group}} for group in groups),
            "classes": _nodes(classes),
            "files": _nodes(file for file, facts in table.files.items() if facts.owner == name),
        }, {}

    def _group(self, name: str) -> tuple[dict[str, Any], dict[Path, str]]:
        table = self._table
        classes = [held for held, group in table.classes.items() if group == name and table.sees(self._actor, held)]
        shown: dict[str, Any] = {
            "uuid": name,
            "avatar": self._avatar(name),
            "parent": _one(table.parents[name]),
            "children": _nodes(child for child, parent in table.parents.items() if parent == name),
            "classes": _nodes(classes),
        }
        private = ["members", "roleLimits", "limitHistory"]
        if not table.is_subtree_admin(self._actor, name):
            return shown | dict.fromkeys(private), {(one,): FORBIDDEN for one in private}
        members = [(user, role) for (user, group), role in table.roles.items() if group == name]
        limits = [(role, size) for (group, role), size in table.role_limits.items() if group == name]
        return shown | {
            "members": {"nodes": _sorted({"role": role, "user": {"uuid": user}} for user, role in members)},
            "roleLimits": _sorted({"role": role, "maxFileSizeBytes": size} for role, size in limits),
            "limitHistory": {"__typename": "LimitChangeConnection"},
        }, {}

    def _class(self, name: str) -> dict[str, Any]:
        table = self._table
        members = [(user, role) for (user, held), role in table.class_roles.items() if held == name]
        return {
            "uuid": name,
            "avatar": self._avatar(name),
            "group": _one(table.classes[name]),
            "members": {"nodes": _sorted({"role": role, "user": {"uuid": user}} for user, role in members)},
            "assignments": _nodes(assignment for assignment, held in table.assignments.items() if held == name),
        }

    def _assignment(self, name: str) -> dict[str, Any]:
        files = [file for file in self._table.attached.get(name, []) if self._table.files[file].status == "ACTIVE"]
        return {
            "uuid": name,
            "class": _one(self._table.assignments[name]),
            "attachments": _sorted({"file": self._file(file)} for file in files),
        }

    def _file(self, name: str) -> dict[str, Any]:
        """A file with its URL: for who reads it only."""
        facts = self._table.files[name]
        return {
            "uuid": name,
            "status": facts.status,
            "uploadedBy": _one(facts.owner),
            "signedUrl": {"__typename": "SignedUrl"} if facts.status == "ACTIVE" else None,
        }

    def _avatar(self, subject: str) -> dict[str, str] | None:
        """Shown while its file is ACTIVE, to those who read it."""
        file = self._table.avatars.get(subject)
        shown = file is not None and self._table.files[file].status == "ACTIVE" and self._table.reads(self._actor, file)
        return _one(file) if shown else None

    def _lists(self) -> Iterator[Question]:
        yield from self._lists_of_files()
        yield from self._lists_of_users()
        table, actor = self._table, self._actor
        roots = [name for name, parent in table.parents.items() if parent is None]
        seen = [name for name in roots if actor in table.system_admins or name in table.trees_of(actor)]
        yield Question(f"groups{_NODES}", _nodes(seen))
        for name in [*table.parents, GHOST]:
            query = f'groups(parentId: "{self._names[name]}") {{ nodes {{ uuid }} }}'
            if table.sees(actor, name):
                yield Question(query, _nodes(child for child, parent in table.parents.items() if parent == name))
            else:
                yield _refused(query, NOT_FOUND)

    def _lists_of_files(self) -> Iterator[Question]:
        """No filter reaches beyond what is one's own, or in the groups that one administers."""
        table, actor = self._table, self._actor
        own = [name for name, facts in table.files.items() if facts.owner == actor]
        managed = [
            name
            for name, facts in table.files.items()
            if actor in table.system_admins or (facts.group and table.is_subtree_admin(actor, facts.group))
        ]
        for scope, files in (("OWN", own), ("MANAGED", managed)):
            shown = _sorted(self._file(name) for name in files)
            query = f"files(first: 100, filter: {{scope: {scope}, status: null%s}}) {{ nodes {{ {_FILE} }} }}"
            yield Question(query % "", {"nodes": shown})
            for group in table.parents:
                inside = [name for name in files if table.files[name].group == group]
                yield self._filtered(scope, f'groupId: "{self._names[group]}"', inside)
            for user in table.users:
                theirs = [name for name in files if table.files[name].owner == user]
                yield self._filtered(scope, f'uploadedById: "{self._names[user]}"', theirs)
            for assignment in table.assignments:
                about = [name for name in files if (table.files[name].entity or ("", ""))[1] == assignment]
                yield self._filtered(scope, f'entityId: "{self._names[assignment]}"', about)

    def _filtered(self, scope: str, condition: str, files: list[str]) -> Question:
        query = f"files(first: 100, filter: {{scope: {scope}, {condition}}}) {{ nodes {{ uuid }} }}"
        return Question(query, _nodes(name for name in files if self._table.files[name].status == "ACTIVE"))

    def _lists_of_users(self) -> Iterator[Question]:
        """All for system admins, for group admins their subtree, for nobody else."""
        table, actor = self._table, self._actor
        below = [name for name in table.parents if table.is_subtree_admin(actor, name)]
        query = "users(first: 100%s) { nodes { uuid email } }"
        if actor in table.system_admins:
            yield Question(query % "", _people(table.users))
        elif below:
            yield Question(query % "", _people(user for user in table.users if set(below) & set(table.groups_of(user))))
        else:
            yield _refused(query % "", FORBIDDEN)
        for name in [*table.parents, GHOST]:
            asked = query % f', groupId: "{self._names[name]}"'
            if name in below:
                inside = [u for u in table.users if any(name in table.line(group) for group in table.groups_of(u))]
                yield Question(asked, _people(inside))
            else:
                yield _refused(asked, FORBIDDEN if table.sees(actor, name) else NOT_FOUND)


def _people(users: Any) -> dict[str, Any]:
    return {"nodes": _sorted({"uuid": user, "email": f"{user}@example.org"} for user in users)}
