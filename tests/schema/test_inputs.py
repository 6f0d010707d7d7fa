"""Every input is what Strawberry makes of the same values by itself."""

import subprocess
import sys
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryObjectDefinition

from schema.inputs import make_inputs_by_plan
from schema.schema import SatchelSchema
from tests.schema.things import Colour


@strawberry.input
class Inner:
    """An input within others."""

    number: int
    note: str | None  # nullable, and without a default


@strawberry.input
class Outer:
    """What no input of the product has yet."""

    class_: str = strawberry.field(name="class")
    inner: Inner
    perhaps: Inner | None = None
    several: list[Inner | None] = strawberry.field(default_factory=list)
    nested_words: list[list[str]] | None = None
    colour: Colour | None = Colour.RED


@strawberry.type
class Query:
    """What takes it."""

    @strawberry.field
    def taken(self, outer: Outer) -> str:
        """What was taken."""
        return repr(outer)


_SMALL = strawberry.Schema(Query)
make_inputs_by_plan(_SMALL._schema)
_SCHEMAS: dict[str, strawberry.Schema] = {"Satchel": SatchelSchema(), "small": _SMALL}
_KINDS = {
    f"{schema}.{name}": kind
    for schema, made in _SCHEMAS.items()
    for name, kind in made._schema.type_map.items()
    if isinstance(kind, GraphQLInputObjectType)
}
_DEFINITIONS: dict[str, StrawberryObjectDefinition] = {
    name: kind.extensions["strawberry-definition"] for name, kind in _KINDS.items()
}


def _values(kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    """What the executor makes of the values that clients may send: the types of scalars are not looked at any more."""
    if isinstance(kind, GraphQLNonNull):
        return _values_present(kind.of_type)
    return st.none() | _values_present(kind)


def _values_present(kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    if isinstance(kind, GraphQLList):
        return st.lists(_values(kind.of_type), max_size=2)
    if isinstance(kind, GraphQLInputObjectType):
        required = {name for name, field in kind.fields.items() if is_required_input_field(field)}
        fields = {name: _values(field.type) for name, field in kind.fields.items()}
        return st.fixed_dictionaries(
            {name: values for name, values in fields.items() if name in required},
            optional={name: values for name, values in fields.items() if name not in required},
        )
    return st.sampled_from(["text", 1, True, ("a", 1)])


def _made(name: str, sent: Any) -> Any:
    schema = _SCHEMAS[name.partition(".")[0]]
    registry = schema.schema_converter.scalar_registry
    return convert_argument(sent, _DEFINITIONS[name].origin, registry, schema.config, path=("input",))


@pytest.mark.parametrize("name", _KINDS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_inputs_are_made_alike(name: str, data: st.DataObject) -> None:
    sent = data.draw(_values_present(_KINDS[name]))
    made = _made(name, sent)
    with pytest.MonkeyPatch.context() as without:
        for definition in _DEFINITIONS.values():
            without.setattr(definition, "from_input", None)
        expected = _made(name, sent)

    assert type(made) is type(expected)
    assert repr(made) == repr(expected)
    assert made == expected


def test_every_input_is_made_by_plan() -> None:
    assert [name for name, definition in _DEFINITIONS.items() if definition.from_input is None] == []


def test_without_plans_inputs_are_strawberrys_own() -> None:
    code = (
        "from schema.schema import SatchelSchema\n"
        "schema = SatchelSchema(plans=False)\n"
        "print(schema.get_type_by_name('UploadFileInput').from_input)"
    )
    # In a process of its own, since the types are one for all schemas of a process.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert run.stdout == "None\n"


async def test_an_input_comes_to_its_resolver_whole() -> None:
    sent = {"class": "c", "inner": {"number": 1}, "several": [None, {"number": 2, "note": "n"}], "colour": "BLUE"}
    result = await _SMALL.execute("query ($outer: Outer!) { taken(outer: $outer) }", {"outer": sent})

    assert result.errors is None
    several = [None, Inner(number=2, note="n")]
    expected = Outer(class_="c", inner=Inner(number=1, note=None), several=several, colour=Colour.BLUE)
    assert result.data == {"taken": repr(expected)}


def test_a_list_is_the_inputs_own() -> None:
    words = [["a"]]

    made = _made("small.Outer", {"class": "c", "inner": {"number": 1}, "nestedWords": words})

    assert made.nested_words == words
    assert made.nested_words is not words  # which may be a default that other requests get too
