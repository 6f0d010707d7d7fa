"""Operations as metrics, traces and the log show them: by type and first root field, which the schema bounds.

Never their documents, variables or answers. The name that a client gave an operation stands in the log and in the span only.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from graphql import FieldNode, GraphQLError, OperationDefinitionNode

from app.errors import SlowConsumer
from app.telemetry.instruments import label_set
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import NOTHING, is_traced, span
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


class Watched:
    """Watches one operation for as long as the block takes. `outcome` is how it ends: `ok`, or the code of its first error."""

    def __init__(self, metrics: Metrics | None, operation: Shown) -> None:
        self._metrics = metrics
        self._operation = operation
        self._scope = NOTHING
        self.outcome = "ok"

    def answered(self, errors: Sequence[GraphQLError] | None) -> None:
        """Note what the answer says."""
        if errors:
            self.outcome = str((errors[0].extensions or {}).get("code", INTERNAL))

    def __enter__(self) -> Self:
        operation = self._operation
        if operation.name is not None:
            structlog.contextvars.bind_contextvars(operation=operation.name)
        self._began = time.perf_counter()
        if is_traced():
            self._scope = span(f"{operation.kind} {operation.field}", attributes=_attributes(operation))
        self._span = self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._span.set_attribute("graphql.outcome", self.outcome)
        else:
            self.outcome = str(getattr(error, "code", "REFUSED"))
        self._scope.__exit__(kind, error, traceback)
        if self._metrics is not None:
            seconds, shown = time.perf_counter() - self._began, self._operation
            labels = label_set(type=shown.kind, field=shown.field)
            self._metrics.graphql_operation_duration.record(seconds, labels)
            self._metrics.graphql_operations_total.add(1, label_set(type=shown.kind, outcome=self.outcome))


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
