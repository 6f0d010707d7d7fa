"""The schema as a whole: what must move together, and how operations are run."""

from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLObjectType
from strawberry.types.execution import PreExecutionError

from app import models
from app.services.file_list import FileOrder, FileScope
from app.services.limits import LimitSource
from schema.enums import ErrorCode, publish
from schema.fields import ReadAnew
from schema.nodes import FINDERS
from schema.printing import PATH, printed
from schema.schema import SatchelSchema


@pytest.fixture(scope="module")
def schema() -> SatchelSchema:
    return SatchelSchema()


def _type(schema: SatchelSchema, name: str) -> Any:
    return schema._schema.type_map[name]


def test_the_checked_in_text_is_the_printed_schema() -> None:
    assert PATH.read_text(encoding="utf-8") == printed()


def test_schemas_have_their_types_in_common_and_nothing_else() -> None:
    open_, closed = SatchelSchema(), SatchelSchema(introspection=False)
    assert open_._schema is closed._schema
    for own in ("documents", "operations", "subscriptions"):
        assert getattr(open_, own) is not getattr(closed, own)
    query = "{ __schema { queryType { name } } }"
    assert open_.documents.prepare(query).errors == ()
    assert closed.documents.prepare(query).errors != ()


def test_node_finds_every_type_that_is_a_node(schema: SatchelSchema) -> None:
    nodes = {
        name
        for name, kind in schema._schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and any(interface.name == "Node" for interface in kind.interfaces)
    }

    assert set(FINDERS) == nodes


def test_every_root_field_can_fail_alone(schema: SatchelSchema) -> None:
    required = [
        f"{root}.{name}"
        for root in ("Query", "Mutation")
        for name, field in _type(schema, root).fields.items()
        if str(field.type).endswith("!")
    ]

    assert required == []


def test_every_mutation_reads_anew(schema: SatchelSchema) -> None:
    definition = schema.get_type_by_name("Mutation")
    assert isinstance(definition, strawberry.types.base.StrawberryObjectDefinition)

    stale = [
        field.name
        for field in definition.fields
        if not any(isinstance(extension, ReadAnew) for extension in field.extensions)
    ]
    assert stale == []


@pytest.mark.parametrize(
    "enum",
    [
        models.GroupType,
        models.MemberRole,
        models.FileStatus,
        models.EntityType,
        LimitSource,
        FileScope,
        FileOrder,
        ErrorCode,
    ],
)
def test_enums_show_the_names_of_their_members(schema: SatchelSchema, enum: type[Enum]) -> None:
    shown = _type(schema, enum.__name__)

    assert isinstance(shown, GraphQLEnumType)
    assert list(shown.values) == [member.name for member in enum]


def test_an_enum_value_without_a_description_is_not_published() -> None:
    class Light(Enum):
        RED = "red"
        GREEN = "green"

    with pytest.raises(KeyError):
        publish(Light, "A light.", {Light.RED: "Stop."})


def test_null_defaults_are_not_shown_and_others_are() -> None:
    text = printed()

    assert "= null" not in text
    assert "first: Int = 50" in text
    assert "status: FileStatus = ACTIVE" in text


@pytest.mark.parametrize(
    "query, variables, code",
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("{ file(id: {}) { id } }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { me { id } } query B { me { id } }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: ID!) { file(id: $id) { id } }", None, "BAD_USER_INPUT"),
        ("query ($id: ID!) { file(id: $id) { id } }", {"id": None}, "BAD_USER_INPUT"),
        ("query ($id: ID!) { file(id: $id) { id } }", {"id": 1.5}, "BAD_USER_INPUT"),
        ("query ($n: Int) { files(first: $n) { nodes { id } } }", {"n": 2**31}, "BAD_USER_INPUT"),
        ("query ($s: FileStatus) { files(filter: {status: $s}) { nodes { id } } }", {"s": "LOST"}, "BAD_USER_INPUT"),
        (
            "query ($t: DateTime) { files(filter: {createdAfter: $t}) { nodes { id } } }",
            {"t": "soon"},
            "BAD_USER_INPUT",
        ),
        ('{ files(filter: {createdAfter: "soon"}) { nodes { id } } }', None, "BAD_USER_INPUT"),
        ("mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", {"f": "x"}, "BAD_USER_INPUT"),
        ("mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", {"f": None}, "BAD_USER_INPUT"),
        ('mutation { uploadFile(input: {file: "x"}) { file { id } } }', None, "BAD_USER_INPUT"),
        ("{ " + "me { " * 30 + "id" + "}" * 31, None, "QUERY_TOO_COMPLEX"),
    ],
    ids=[str(number) for number in range(15)],
)
@pytest.mark.parametrize("run", ["execute", "stream"])
async def test_a_request_that_cannot_run_is_told_why_in_one_of_the_codes(
    schema: SatchelSchema, run: str, query: str, variables: dict[str, Any] | None, code: str
) -> None:
    if run == "execute":
        result: Any = await schema.execute(query, variables)
    else:
        (result,) = [each async for each in await schema.stream(query, variables)]

    assert result.data is None
    assert {error.extensions["code"] for error in result.errors} == {code}


async def test_a_runtime_null_for_a_required_argument_is_bad_user_input(schema: SatchelSchema) -> None:
    result = await schema.execute('query ($id: ID = "x") { file(id: $id) { id } }', {"id": None})

    assert result.data == {"file": None}
    assert [error.extensions for error in result.errors or []] == [{"code": "BAD_USER_INPUT"}]


async def test_a_document_that_is_refused_is_a_request_error(schema: SatchelSchema) -> None:
    assert isinstance(await schema.execute("{ nothing }"), PreExecutionError)


async def test_introspection_works_as_deep_as_tools_ask(schema: SatchelSchema) -> None:
    assert schema.introspect()["__schema"]["queryType"]["name"] == "Query"
    of_type = "kind name "
    for _ in range(9):
        of_type = f"kind name ofType {{ {of_type} }}"
    query = f"{{ __schema {{ types {{ fields {{ args {{ type {{ {of_type} }} }} }} }} }} }}"

    result = await schema.execute(query)

    assert result.errors is None
