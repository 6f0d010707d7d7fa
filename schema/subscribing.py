"""How a subscription runs: its field says which events there are, and each event is executed by itself, with nothing loaded
before and as the caller is at that moment.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from functools import partial
from inspect import isawaitable
from typing import Any, cast
from weakref import WeakKeyDictionary

from graphql import ExecutionResult as CoreResult
from graphql import Executor, GraphQLError, GraphQLSchema, create_source_event_stream, execute_subscription_event
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from schema.context import Context
from schema.documents import Operation
from schema.sharing import Plan, Renderings, plan_of
from schema.watching import subscribed

Results = AsyncGenerator[ExecutionResult, None]


class Subscriptions:
    """Runs subscriptions of documents that have been found valid."""

    def __init__(self, schema: GraphQLSchema, *, shared: bool = True) -> None:
        self._schema = schema
        self._renderings = Renderings() if shared else None
        self._open: Counter[tuple[str, str | None]] = Counter()  # subscriptions by their document's text and operation
        # As long as their operations are known: these hold their documents, which are to be forgotten in time.
        self._plans: WeakKeyDictionary[Operation, Plan] = WeakKeyDictionary()

    async def run(self, operation: Operation, variables: dict[str, Any] | None, context: Any) -> Results:
        """One result for each event. A PreExecutionError ends the operation, at its beginning or later; errors are as
        resolvers raised them.
        """
        try:
            with ExitStack() as seats:
                if isinstance(context, Context):
                    _take_seat(context, seats)
                    seats.enter_context(subscribed(context.runtime.metrics, operation.shown))
                seats.enter_context(self._counted(operation))
                results = self._results(operation, variables, context)
                async with aclosing(results):
                    async for result in results:
                        yield result
        except Exception as error:  # noqa: BLE001 - whatever a source raises is told like a resolver's error
            yield PreExecutionError(data=None, errors=[_located(error)])

    async def _results(self, operation: Operation, variables: dict[str, Any] | None, context: Any) -> Results:
        executor = Executor.build(
            self._schema,
            operation.document,
            context_value=_for_event(context),
            raw_variable_values=variables,
            operation_name=operation.name,
        )
        if not isinstance(executor, Executor):
            yield PreExecutionError(data=None, errors=executor)
            return
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, CoreResult):
            yield PreExecutionError(data=None, errors=source.errors)
            return
        plan = self._plan(operation) if self._renderings is not None else None
        mine = (operation.text, operation.name)
        # The resolvers of subscriptions are generators, and what these hold is let go at the end.
        async with aclosing(cast("AsyncGenerator[Any, None]", source)) as events:
            async for event in events:
                # Who is the only one with this document has nobody to share with.
                alone = self._open[mine] == 1
                key = None if plan is None or alone else plan.key(*mine, variables, event)
                if key is None or self._renderings is None:
                    yield await _execute(executor, event, context)
                else:
                    yield await self._renderings.get(key, partial(_execute, executor, event, context))

    @contextmanager
    def _counted(self, operation: Operation) -> Iterator[None]:
        mine = (operation.text, operation.name)
        self._open[mine] += 1
        try:
            yield
        finally:
            self._open[mine] -= 1
            if not self._open[mine]:
                del self._open[mine]

    def _plan(self, operation: Operation) -> Plan:
        plan = self._plans.get(operation)
        if plan is None:
            plan = self._plans[operation] = plan_of(self._schema, operation.document, operation.node)
        return plan


def _take_seat(context: Context, seats: ExitStack) -> None:
    """A place among the caller's subscriptions, to the end of the operation. Raises Unauthenticated, RateLimited."""
    viewer = context.viewer
    seats.enter_context(context.runtime.seats.subscription(viewer.user_id))


async def _execute(executor: Any, event: Any, context: Any) -> ExecutionResult:
    one = executor.build_per_event_executor(event)
    one.context_value = _for_event(context)
    result = execute_subscription_event(one)
    done = await result if isawaitable(result) else result
    return ExecutionResult(data=done.data, errors=done.errors)


def _for_event(context: Any) -> Any:
    return context.for_operation() if isinstance(context, Context) else context


def _located(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
