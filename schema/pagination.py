"""Relay cursor connections over the services' keyset pages, and the interface that has an id."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from app.services.paging import MAX_PAGE, Page
from schema.fields import field

T = TypeVar("T")
Row = TypeVar("Row")

DEFAULT_PAGE = 50

First = Annotated[
    int | None, strawberry.argument(description=f"How many items at most; more than {MAX_PAGE} are cut to that.")
]
After = Annotated[str | None, strawberry.argument(description="The cursor after which the page begins.")]


@strawberry.interface(description="An object with an id of its own, which `node` finds again.")
class Node:
    """GraphQL Global Object Identification, section 2."""

    id: strawberry.ID = strawberry.field(description="The global id.")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether more items follow.")
    has_previous_page: bool = strawberry.field(description="Whether items come before.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item; null on an empty page.")


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[T]):
    """One item's place in a list."""

    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Marks the item's place in the list, whatever comes or goes around it.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """One page. What most clients leave out is made when it is asked for."""

    nodes: list[T] = strawberry.field(description="The items alone.")
    page: strawberry.Private[Page[Any]]

    @field("The items with their cursors.")
    def edges(self) -> list[Edge[T]]:
        """Of the nodes, in their order."""
        return [Edge(node=node, cursor=cursor) for node, cursor in zip(self.nodes, self.page.cursors, strict=True)]

    @field("Where the page lies in its list.")
    def page_info(self) -> PageInfo:
        """With the cursors at both ends."""
        last = len(self.nodes) - 1
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=self.page.cursor_at(0) if self.nodes else None,
            end_cursor=self.page.cursor_at(last) if self.nodes else None,
        )

    @classmethod
    def of(cls, page: Page[Row], shape: Callable[[Row], Any]) -> "Connection[T]":
        """A page of rows, each shaped into its GraphQL type."""
        return cls(page=page, nodes=[shape(item) for item in page.items])


def page_length(first: int | None) -> int:
    """What `first` asks for: null is the default. The services check the bounds."""
    return DEFAULT_PAGE if first is None else first
