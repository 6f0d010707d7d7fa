"""A small schema of plain objects, with fields of every kind, and its answers in full."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.graphql import OperationType

from app.services.paging import Page
from schema.cost import Bounds
from schema.documents import Documents, Operation
from schema.pagination import Connection, Node
from schema.plans import PlanningExecutor
from schema.running import Operations
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
class Place(Node):
    """Another type with the interface."""

    where: str


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


MADE = strawberry.Schema(Query, types=[Thing, Place], config=StrawberryConfig(scalar_map=SCALARS))
SCHEMA: GraphQLSchema = MADE._schema
USUAL = Thing(
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
_BOUNDLESS = Bounds(**dict.fromkeys(Bounds.__dataclass_fields__, 10**9))
_DOCUMENTS = Documents(SCHEMA, bounds=_BOUNDLESS)


def operation_of(document: str) -> Operation:
    prepared = _DOCUMENTS.prepare(document)
    assert prepared.errors == ()
    (operation,) = prepared.operations
    return operation


async def answer_of(
    operations: Operations, document: str, things: Sequence[Node], variables: dict[str, Any] | None = None
) -> tuple[str, list[Any]]:
    """The whole answer: data with its order and its types, and errors with their places."""
    result = await operations.run(operation_of(document), variables, things, types=OperationType)
    return repr(result.data), [error.formatted for error in result.errors or ()]


def noting_executor(worked: list[str]) -> type[PlanningExecutor]:
    """Does plain objects by plan, and notes the type of every field that it has to work on itself."""

    class Noting(PlanningExecutor):
        def execute_field(self, parent_type: Any, *rest: Any) -> Any:
            worked.append(parent_type.name)
            return super().execute_field(parent_type, *rest)

    return Noting
