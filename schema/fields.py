"""The decorators that make resolvers: Strawberry's own, with types that keep the resolver's, and what all mutations share."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import strawberry
from strawberry.extensions.field_extension import FieldExtension

import schema.enums  # noqa: F401 - the enums are published before any type that shows one is made
from schema.context import Info

F = TypeVar("F", bound=Callable[..., Any])

# The one argument of every mutation.
INPUT = strawberry.argument(description="What to do, and to what.")


class ReadAnew(FieldExtension):
    """Mutations of one document run one after the other: each must see what the ones before it changed."""

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """Run the mutation with nothing loaded."""
        info.context.forget()
        return await next_(source, info, **kwargs)


def field(description: str, *, name: str | None = None) -> Callable[[F], F]:
    """A field with a resolver. `name` is its name in GraphQL where that is a keyword of Python."""
    decorate: Callable[[F], F] = strawberry.field(description=description, name=name)
    return decorate


def mutation(description: str) -> Callable[[F], F]:
    """A root field of Mutation."""
    decorate: Callable[[F], F] = strawberry.mutation(description=description, extensions=[ReadAnew()])
    return decorate


def subscription(description: str) -> Callable[[F], F]:
    """A root field of Subscription."""
    decorate: Callable[[F], F] = strawberry.subscription(description=description)
    return decorate
