"""Plans answer what the executor answers, to the last error, whatever is asked and whatever the objects hold."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from inspect import isawaitable
from typing import Any, cast

import pytest
from graphql import execute, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries

from schema.running import Operations
from tests.schema.things import MADE, SCHEMA, USUAL, Colour, Leaf, answer_of, noting_executor

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
    USUAL,
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    datetime(1, 1, 1),  # noqa: DTZ001 - a moment without a zone is what is strange about it
]
_NAMES = [name for name in USUAL.__dict__ if name != "twice"]
_THINGS = st.lists(
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_STRANGE), max_size=2), min_size=1, max_size=3
)


async def _both(document: str, changes: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """What plans and the executor answer, which is the same, the first time and after other objects than before."""
    planned, plain = Operations(SCHEMA), Operations(SCHEMA, plans=False)
    strange = [replace(USUAL, **change) for change in changes]
    answer = await answer_of(planned, document, strange)
    assert answer == await answer_of(plain, document, strange)
    for things in ([USUAL], strange):
        assert await answer_of(planned, document, things) == await answer_of(plain, document, things)
    return answer


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=queries(MADE.as_str(), custom_scalars={}), changes=_THINGS)
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
    asked = f"nodes {{ {_ALL} }} pageInfo {{ hasNextPage }} edges {{ cursor node {{ id }} }}"
    outcome = execute(
        SCHEMA,
        parse(f"{{ things {{ {asked} }} }}"),
        context_value=[USUAL] * 3,
        executor_class=noting_executor(worked),
        operation_extensions=None,
    )
    result = await outcome if isawaitable(outcome) else outcome

    assert result.errors is None
    assert worked == ["Query"]
