"""Operations as metrics, traces and the log show them: by type and first root field, which the schema bounds.

Never their documents, variables or answers. The name that a client gave an operation stands in the log and in the span only.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import structlog
from graphql import FieldNode, GraphQLError, OperationDefinitionNode

from app.errors import SlowConsumer
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import is_traced, span
from schema.errors import INTERNAL

_NONE = "none"
_LONGEST_NAME = 64  # characters; GraphQL's names have no other bound, and no odd characters


@dataclass(frozen=True, slots=True)
class Shown:
    """What an operation is, in words of the schema; `none` where that is unknown. `name` is the client's."""

    kind: str = _NONE
    field: str = _NONE
    name: str | None = None

    @classmethod
    def of(cls, node: OperationDefinitionNode) -> Self:
        """What an operation of a valid document is."""
        fields = (each.name.value for each in node.selection_set.selections if isinstance(each, FieldNode))
        given = node.name.value[:_LONGEST_NAME] if node.name else None
        return cls(node.operation.value, next(fields, _NONE), given)


@dataclass(slots=True)
class Watched:
    """How an operation ends: `ok`, or the code of its first error."""

    outcome: str = "ok"

    def answered(self, errors: Sequence[GraphQLError] | None) -> None:
        """Note what the answer says."""
        if errors:
            self.outcome = str((errors[0].extensions or {}).get("code", INTERNAL))


@contextmanager
def watched(metrics: Metrics | None, operation: Shown) -> Iterator[Watched]:
    """Watch one operation for as long as the block takes."""
    if operation.name is not None:
        structlog.contextvars.bind_contextvars(operation=operation.name)
    began = time.perf_counter()
    found = Watched()
    try:
        if is_traced():
            with span(f"{operation.kind} {operation.field}", attributes=_attributes(operation)) as present:
                yield found
                present.set_attribute("graphql.outcome", found.outcome)
        else:
            yield found
    except BaseException as error:
        found.outcome = str(getattr(error, "code", "REFUSED"))
        raise
    finally:
        if metrics is not None:
            seconds = time.perf_counter() - began
            metrics.graphql_operation_duration.record(seconds, {"type": operation.kind, "field": operation.field})
            metrics.graphql_operations_total.add(1, {"type": operation.kind, "outcome": found.outcome})


@contextmanager
def subscribed(metrics: Metrics, operation: Shown) -> Iterator[None]:
    """Somebody watches a field for as long as the block takes."""
    labels = {"field": operation.field}
    metrics.subscribers.add(1, labels)
    try:
        yield
    except Exception as error:
        if isinstance(getattr(error, "original_error", error), SlowConsumer):
            metrics.slow_subscribers_total.add(1, labels)
        raise
    finally:
        metrics.subscribers.add(-1, labels)


def _attributes(operation: Shown) -> dict[str, str]:
    named = {"graphql.operation.name": operation.name} if operation.name else {}
    return {"graphql.operation.type": operation.kind, "graphql.field": operation.field} | named
