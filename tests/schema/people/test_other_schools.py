"""R7: no id, filter or cursor reaches into another school, whatever field takes it; and pupils administer nothing.

The fields are found in the schema: one that is added is tried here without being asked.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_required_input_field,
)

from app.models import ClassRole, Group, GroupType
from schema.ids import global_id
from schema.printing import PATH
from tests.factories import (
    make_assignment,
    make_attachment,
    make_class,
    make_class_member,
    make_file,
    make_group,
    make_membership,
    make_user,
)
from tests.fixtures.app import Satchel
from tests.schema.administration import act, snapshot

SCHEMA: GraphQLSchema = build_schema(PATH.read_text())

# Signing in takes no ids, uploads take files: their groups and entities are tried in tests/schema/files.
_OTHERS = {"login", "logout", "changePassword", "uploadFile", "uploadFiles"}
_KINDS = {
    "userId": "User",
    "uploadedById": "User",
    "groupId": "Group",
    "parentId": "Group",
    "classId": "Class",
    "assignmentId": "Assignment",
    "fileId": "File",
}
_TEXTS = {
    "email": "new@example.org",
    "name": "New",
    "slug": "new",
    "title": "New",
    "password": "long enough, is it not",
}
_FOR_SYSTEM_ADMINS = {
    *("createUser", "updateUser", "setUserPassword", "deleteUser", "reactivateUser"),
    *("setUserLimits", "clearUserLimits", "emptyTrash", "runJob", "acknowledgeAlert"),
    *("setUserAvatar", "removeUserAvatar"),  # but for one's own
}
# People of the same district are whom group admins may enrol.
_FOR_NEIGHBOURS = {("setGroupMember", "userId"), ("setClassMember", "userId")}

Ids = Mapping[str, str]


def _mutations() -> list[tuple[str, GraphQLInputObjectType]]:
    root = SCHEMA.mutation_type
    assert root is not None
    found = []
    for name, field in root.fields.items():
        if name not in _OTHERS:
            kind = get_named_type(field.args["input"].type)
            assert isinstance(kind, GraphQLInputObjectType)
            found.append((name, kind))
    return found


def _kind_of(mutation: str, field: str) -> str:
    """What an id stands for: `id` is of the thing that the mutation is named after."""
    if field != "id":
        return _KINDS[field]
    for kind in ("User", "Group", "Class", "Assignment", "File", "Alert"):
        if kind in mutation:
            return kind
    raise AssertionError(f"what does {mutation} take?")


def _value(field: str, kind: GraphQLNamedType) -> Any:
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return {"String": _TEXTS.get(field, "New"), "BigInt": 1, "Boolean": False, "Int": 1}[kind.name]


def _filled(mutation: str, kind: GraphQLInputObjectType, ids: Ids) -> dict[str, Any]:
    """A whole input, with every id that it takes and all else that it needs."""
    values = {}
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if named.name == "ID":
            values[name] = ids[_kind_of(mutation, name)]
        elif is_required_input_field(field):
            values[name] = _value(name, named)
    return values


def _ids() -> Iterator[tuple[str, str]]:
    for mutation, kind in _mutations():
        for name, field in kind.fields.items():
            if get_named_type(field.type).name == "ID":
                yield mutation, name


async def _objects(school: Satchel, group: Group) -> Ids:
    """One object of every kind in a new department of the group."""
    user, department = await make_user(), await make_group(group, type=GroupType.DEPARTMENT)
    await make_membership(user, department)
    school_class = await make_class(department)
    await make_class_member(user, school_class, ClassRole.TEACHER)
    assignment = await make_assignment(school_class)
    file = await make_file(
        user, group=department, content=b"x", storage=school.runtime.storage, location="memory", mime_type="image/png"
    )
    await make_attachment(assignment, file)
    return {
        "User": global_id("User", user.id),
        "Group": global_id("Group", department.id),
        "Class": global_id("Class", school_class.id),
        "Assignment": global_id("Assignment", assignment.id),
        "File": global_id("File", file.id),
        "Alert": global_id("Alert", uuid4()),
    }


def _input(mutation: str) -> GraphQLInputObjectType:
    return dict(_mutations())[mutation]


@pytest.mark.requirement("R7")
async def test_no_id_in_a_mutation_reaches_into_another_school(school: Satchel) -> None:
    own, near, foreign = [await _objects(school, school.groups[name]) for name in ("north", "south", "elsewhere")]
    before = await snapshot()
    for mutation, field in _ids():
        fields = _filled(mutation, _input(mutation), own)
        for others in (foreign,) if (mutation, field) in _FOR_NEIGHBOURS else (foreign, near):
            reached = fields | {field: others[_kind_of(mutation, field)]}
            answer = await act(school, mutation, by="group_admin", **reached)

            assert answer.data == {mutation: None}, reached
            # People and groups of the same district are seen, and that is all.
            seen = others is near or mutation in _FOR_SYSTEM_ADMINS
            assert answer.codes in ([["NOT_FOUND"], ["FORBIDDEN"]] if seen else [["NOT_FOUND"]]), reached
        assert await snapshot() == before, mutation


@pytest.mark.requirement("R7")
async def test_it_was_that_id_alone_which_stood_in_the_way(school: Satchel) -> None:
    for mutation, kind in _mutations():
        fields = _filled(mutation, kind, await _objects(school, school.groups["north"]))

        answer = await act(school, mutation, by="group_admin", **fields)

        assert "NOT_FOUND" not in answer.codes, mutation


@pytest.mark.requirement("R7")
async def test_a_pupil_administers_nothing(school: Satchel) -> None:
    ids = await _objects(school, school.groups["north"])
    before = await snapshot()
    for mutation, kind in _mutations():
        fields = _filled(mutation, kind, ids)

        answer = await act(school, mutation, by="student", **fields)
        nobody = await act(school, mutation, by=None, **fields)

        assert answer.data == nobody.data == {mutation: None}
        assert answer.codes in (["FORBIDDEN"], ["NOT_FOUND"]), mutation
        assert nobody.codes == ["UNAUTHENTICATED"], mutation
        assert await snapshot() == before, mutation


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["student", "teacher", "group_admin"])
async def test_no_id_in_a_query_reaches_into_another_school(school: Satchel, who: str) -> None:
    foreign = await _objects(school, school.groups["elsewhere"])
    root = SCHEMA.query_type
    assert root is not None
    tried = set()
    for name, field in root.fields.items():
        for argument, value in field.args.items():
            if get_named_type(value.type).name != "ID":
                continue
            kinds = list(foreign) if name == "node" else [_KINDS.get(argument) or name.capitalize()]
            for kind in kinds:
                selection = "{ __typename }"
                query = f"query ($id: {value.type}) {{ {name}({argument}: $id) {selection} }}"
                answer = await school.graphql(query, {"id": foreign[kind]}, by=who)
                assert (answer.data, answer.codes) == ({name: None}, ["NOT_FOUND"]), (name, kind)
                tried.add((name, kind))
    assert {name for name, _ in tried} == {"node", "user", "users", "group", "groups", "class", "assignment", "file"}


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["student", "group_admin"])
async def test_no_filter_of_files_reaches_into_another_school(school: Satchel, who: str) -> None:
    foreign = await _objects(school, school.groups["elsewhere"])
    query = "query ($filter: FileFilter) { files(filter: $filter) { nodes { name } } }"
    filters: list[dict[str, Any]] = [
        {"groupId": foreign["Group"]},
        {"uploadedById": foreign["User"]},
        {"entityId": foreign["Assignment"]},
        {"nameContains": "file", "status": None},
    ]
    for scope in ("OWN", "MANAGED"):
        for wanted in filters:
            answer = await school.graphql(query, {"filter": wanted | {"scope": scope}}, by=who)
            assert answer.ok() == {"files": {"nodes": []}}


@pytest.mark.requirement("R7")
async def test_no_cursor_reaches_into_another_school(school: Satchel) -> None:
    for group in ("north", "elsewhere"):
        await _objects(school, school.groups[group])
    query = """query ($after: String) { users(first: 2, after: $after) {
      edges { cursor node { email } } pageInfo { hasNextPage } } }"""
    everybody = (await school.graphql(query.replace("first: 2", "first: 100"), by="system_admin")).ok()["users"][
        "edges"
    ]
    own = (await school.graphql(query.replace("first: 2", "first: 100"), by="group_admin")).ok()["users"]["edges"]
    mine = {edge["node"]["email"] for edge in own}

    for edge in everybody:
        page = (await school.graphql(query, {"after": edge["cursor"]}, by="group_admin")).ok()["users"]["edges"]
        assert {item["node"]["email"] for item in page} <= mine
        refused = await school.graphql(query, {"after": edge["cursor"]}, by="student")
        assert refused.codes == ["FORBIDDEN"]
