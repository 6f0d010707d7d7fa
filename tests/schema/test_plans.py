"""Plans answer what the executor answers, to the last error, whatever is asked and whatever the objects hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from inspect import isawaitable
from typing import Any, cast

import pytest
import strawberry
from graphql import GraphQLSchema, execute, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.services.paging import Page
from schema.pagination import Connection, Node
from schema.plans import PlanningExecutor
from schema.scalars import JSON, SCALARS, BigInt


@strawberry.enum
class Colour(StrEnum):
    """Values that are not their names."""

    RED = "#f00"
    BLUE = "#00f"


@strawberry.type
class Leaf:
    """A type without interfaces."""

    text: str
    maybe: str | None


@strawberry.type
class Thing(Node):
    """A type with an interface, and some fields that a plan must leave alone."""

    name: str
    count: int
    share: float | None
    good: bool
    colour: Colour
    size: BigInt
    extra: JSON | None
    at: datetime
    leaf: Leaf
    other: Leaf | None
    words: list[str]
    leaves: list[Leaf | None] | None
    nested: list[list[int]]

    @strawberry.field
    def twice(self, times: int = 2) -> str:
        """A resolver with an argument."""
        return self.name * times

    @strawberry.field
    def loud(self) -> str:
        """A resolver that is given nothing, and fails for names that are none."""
        return self.name.upper()

    @strawberry.field
    def twins(self) -> list[Leaf]:
        """The same with objects."""
        return [self.leaf, self.leaf]

    @strawberry.field
    async def late(self) -> str:
        """A promise."""
        return self.name

    @strawberry.field
    def viewer(self, info: strawberry.Info[Any, None]) -> int:
        """A resolver that is given more than its object."""
        return len(info.context)


@strawberry.type
class Query:
    """What is asked for stands in the context."""

    @strawberry.field
    async def things(self, info: strawberry.Info[Any, None]) -> Connection[Thing] | None:
        """A page."""
        page = Page(items=info.context, cursor_at=str, has_next=True, has_previous=False)
        return Connection[Thing].of(page, lambda thing: thing)

    @strawberry.field
    def thing(self, info: strawberry.Info[Any, None]) -> Thing | None:
        """The first one."""
        return cast("Thing", info.context[0])

    @strawberry.field
    def node(self, info: strawberry.Info[Any, None]) -> Node | None:
        """The first one, by its interface."""
        return cast("Node", info.context[0])


_MADE = strawberry.Schema(Query, types=[Thing], config=StrawberryConfig(scalar_map=SCALARS))
_SCHEMA: GraphQLSchema = _MADE._schema
_USUAL = Thing(
    id=strawberry.ID("T1"),
    name="a name",
    count=3,
    share=None,
    good=True,
    colour=Colour.BLUE,
    size=2**40,
    extra=JSON({"a": [1]}),
    at=datetime(2026, 1, 2, 3, 4, 5, 678, UTC),
    leaf=Leaf(text="green", maybe=None),
    other=None,
    words=["a", "b"],
    leaves=[Leaf(text="x", maybe="y"), None],
    nested=[[1, 2], []],
)
_STRANGE: list[Any] = [
    None,
    ValueError("told by an attribute"),
    object(),
    "text",
    "RED",
    -1,
    2**70,
    1.5,
    True,
    float("nan"),
    ("a", "b"),
    [None],
    ["a", 1],
    [[None]],
    {"a": 1},
    Colour.RED,
    Leaf(text="", maybe=None),
    Leaf(text=cast("str", None), maybe=None),
    [Leaf(text=cast("str", 1.5), maybe=cast("str", object()))],
    _USUAL,
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    datetime(1, 1, 1),  # noqa: DTZ001 - a moment without a zone is what is strange about it
]
_NAMES = [name for name in _USUAL.__dict__ if name != "twice"]
_THINGS = st.lists(
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_STRANGE), max_size=2), min_size=1, max_size=3
)


async def _answer(
    executor: type[StrawberryGraphQLCoreExecutionContext], document: str, things: list[Thing]
) -> tuple[str, list[Any]]:
    """The whole answer: data with its order and its types, and errors with their places."""

    outcome = execute(
        _SCHEMA, parse(document), context_value=things, executor_class=executor, operation_extensions=None
    )
    result = await outcome if isawaitable(outcome) else outcome
    return repr(result.data), [error.formatted for error in result.errors or ()]


async def _both(document: str, changes: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    things = [replace(_USUAL, **change) for change in changes]
    planned = await _answer(PlanningExecutor, document, things)
    assert planned == await _answer(StrawberryGraphQLCoreExecutionContext, document, things)
    return planned


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=queries(_MADE.as_str(), custom_scalars={}), changes=_THINGS)
async def test_random_documents_over_strange_objects_are_answered_alike(
    document: str, changes: list[dict[str, Any]]
) -> None:
    await _both(document, changes)


_ALL = (
    "id name count share good colour size extra at words nested __typename leaf { text maybe } other { text } leaves { maybe }"
    " loud twins { text }"
)


async def test_the_type_of_what_is_not_there_is_told_alike() -> None:
    for strange in _STRANGE:
        await _both("{ things { nodes { leaf { __typename } other { __typename } } } }", [{}, {"leaf": strange}])


@pytest.mark.parametrize("name", _NAMES)
async def test_one_strange_value_is_told_alike(name: str) -> None:
    for strange in _STRANGE:
        await _both(f"{{ things {{ nodes {{ {_ALL} }} }} }}", [{}, {name: strange}])


@pytest.mark.parametrize(
    "document",
    [
        f"{{ things {{ nodes {{ {_ALL} }} pageInfo {{ hasNextPage endCursor }} edges {{ cursor node {{ {_ALL} twice }} }} }} }}",
        f"{{ a: thing {{ {_ALL} b: name name }} node {{ __typename id ... on Thing {{ {_ALL} }} }} }}",
        "query ($yes: Boolean = true) { thing { id name @skip(if: $yes) count @include(if: $yes) ...F } } fragment F on Thing { name leaf { maybe } }",
        "{ thing { leaf { text } leaf { maybe } leaves { __typename } } }",
        "{ thing { twice(times: 3) name } }",
        "{ thing { late viewer loud } }",
    ],
    ids=["everything", "interface", "directives", "merged", "resolver", "promise"],
)
async def test_documents_of_every_kind_are_answered_alike(document: str) -> None:
    _, errors = await _both(document, [{}, {"name": "other", "other": Leaf(text="o", maybe="p")}])

    assert errors == []


async def test_plain_objects_are_not_the_executors_work() -> None:
    worked: list[str] = []

    class Watched(PlanningExecutor):
        def execute_field(self, parent_type: Any, *rest: Any) -> Any:
            worked.append(parent_type.name)
            return super().execute_field(parent_type, *rest)

    asked = f"nodes {{ {_ALL} }} pageInfo {{ hasNextPage }} edges {{ cursor node {{ id }} }}"
    await _answer(Watched, f"{{ things {{ {asked} }} }}", [_USUAL] * 3)

    assert worked == ["Query"]
