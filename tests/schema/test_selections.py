"""What is found out about an operation in one run is right for all the others, and no more of it is kept than may be."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import Any, cast

import pytest
import strawberry
from graphql import GraphQLObjectType, execute, parse
from graphql.execution.collect_fields import CollectedFields

from schema.documents import Documents
from schema.pagination import Node
from schema.running import Operations
from schema.selections import KnownSelections, Selections
from tests.schema.things import SCHEMA, USUAL, Leaf, Place, Thing, answer_of, noting_executor, operation_of


@pytest.mark.parametrize(
    "document",
    [
        "query ($yes: Boolean!) { thing { id name @skip(if: $yes) } }",
        "query ($yes: Boolean!) { thing { id ...F } node { id ...F @include(if: $yes) } } fragment F on Thing { name }",
        "query ($yes: Boolean!) { a: thing @skip(if: $yes) { id } b: thing @include(if: $yes) { id } }",
        "query ($yes: Boolean!, $times: Int = 2) { thing { id ... on Node @skip(if: $yes) { __typename } twice(times: $times) } }",
    ],
    ids=["field", "spread", "root", "inline"],
)
async def test_what_the_variables_leave_of_a_selection_is_found_out_in_each_run(document: str) -> None:
    planned, plain = Operations(SCHEMA), Operations(SCHEMA, plans=False)
    for yes in (True, False, True):
        variables = {"yes": yes}
        answer = await answer_of(planned, document, [USUAL], variables)
        assert answer == await answer_of(plain, document, [USUAL], variables)


async def test_runs_of_one_operation_have_their_own_variables_and_objects() -> None:
    document = "query ($times: Int!) { node { id ... on Thing { name leaf { text } } ... on Place { where } } thing { late twice(times: $times) } }"
    planned, plain = Operations(SCHEMA), Operations(SCHEMA, plans=False)
    place = Place(id=strawberry.ID("P1"), where="there")
    runs: list[tuple[Sequence[Node], int]] = [
        ([USUAL], 1),
        ([place], 2),
        ([replace(USUAL, leaf=cast("Leaf", None))], 3),
        ([replace(USUAL, name="other")], 4),
    ]

    answers = await asyncio.gather(*(answer_of(planned, document, things, {"times": n}) for things, n in runs))

    for (things, times), answer in zip(runs, answers, strict=True):
        assert answer == await answer_of(plain, document, things, {"times": times})


async def test_a_plan_that_failed_in_one_run_is_used_in_the_next_one() -> None:
    worked: list[str] = []
    document, shared = parse("{ thing { name } }"), Selections()
    for name, expected in ((None, ["Query", "Thing"]), ("a name", ["Query"])):
        worked.clear()
        outcome = execute(
            SCHEMA,
            document,
            context_value=[replace(USUAL, name=cast("str", name))],
            executor_class=noting_executor(worked),
            operation_extensions=None,
            selections=shared,
        )
        assert not isawaitable(outcome)
        assert worked == expected


async def test_what_is_known_of_an_operation_holds_nothing_of_its_requests() -> None:
    class Things(list[Thing]):
        """What can be referred to weakly."""

    operations = Operations(SCHEMA)
    things = Things([replace(USUAL, name="known to one request")])
    left: list[weakref.ref[Any]] = [weakref.ref(things), weakref.ref(things[0])]
    for document in (
        "{ things { nodes { name words colour leaf { text } leaves { maybe } loud } } }",
        "{ thing { late viewer leaf { text } } }",
    ):
        await answer_of(operations, document, things)
    del things
    gc.collect()

    assert [each() for each in left] == [None, None]


class TestKnownSelections:
    def test_runs_of_one_operation_share_them(self) -> None:
        known = KnownSelections()

        assert known.of(operation_of("{ thing { name } }")) is known.of(operation_of("{ thing { name } }"))
        assert known.of(operation_of("{ thing { name } }")) is not known.of(operation_of("{ thing { id } }"))

    def test_runs_that_depend_on_their_variables_share_nothing(self) -> None:
        known = KnownSelections()
        operation = operation_of("query ($no: Boolean!) { thing { ...F } } fragment F on Thing { name @skip(if: $no) }")

        assert known.of(operation) is not known.of(operation)

    def test_they_go_with_their_operation(self) -> None:
        known, documents = KnownSelections(), Documents(SCHEMA, max_entries=1)
        (operation,) = documents.prepare("{ thing { name } }").operations
        left = weakref.ref(known.of(operation))
        del operation
        assert left() is not None

        documents.prepare("{ thing { id } }")

        assert left() is None

    def test_all_are_forgotten_when_they_are_too_many(self) -> None:
        known, operation = KnownSelections(max_fields=5), operation_of("{ thing { name } }")
        first = known.of(operation)
        first.root({"a": [], "b": [], "c": []})
        assert known.of(operation) is first

        within = CollectedFields({"name": [], "id": []}, [], [])
        first.keep(GraphQLObjectType("Thing", {}), [], within)

        assert known.of(operation) is not first
