"""How a query or a mutation runs: its document is parsed, measured and validated already, so that nothing is left but to execute."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeGuard, cast
from weakref import WeakKeyDictionary

from graphql import ExecutionResult as CoreResult
from graphql import Executor, GraphQLError, GraphQLSchema
from graphql.pyutils import AwaitableOrValue
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from schema.context import Context
from schema.documents import Operation
from schema.plans import PlanningExecutor
from schema.selections import KnownSelections
from schema.upload_rules import VariablesUsed, VariablesWithFiles, check_files, variables_used

_is_awaitable = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)


class Operations:
    """Runs queries and mutations of documents that have been found valid, each in a context of its own.

    What Strawberry does around an operation costs as much as a small operation itself, and nothing here needs it: of its
    extensions there is one, which is done in place. Without `plans` every field is the executor's (see `schema.plans`); without
    `suggestions` no error about a variable names anything of the schema.
    """

    def __init__(self, schema: GraphQLSchema, *, plans: bool = True, suggestions: bool = True) -> None:
        self._schema = schema
        self._executor = PlanningExecutor if plans else StrawberryGraphQLCoreExecutionContext
        self._selections = KnownSelections() if plans else None
        self._suggestions = suggestions
        # As long as the operations themselves are known.
        self._variables_used: WeakKeyDictionary[Operation, VariablesUsed] = WeakKeyDictionary()

    async def run(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        context: Any,
        *,
        types: Iterable[OperationType],
        extensions: dict[str, Any] | None = None,
        root: Any = None,
    ) -> ExecutionResult:
        """The result, errors as resolvers raised them. Raises InvalidOperationTypeError for one that is not among `types`."""
        if operation.kind not in types:
            raise InvalidOperationTypeError(operation.kind)
        try:
            executor = self._build(operation, variables, context, extensions, root)
            if isinstance(executor, list):
                return ExecutionResult(data=None, errors=executor)
            # Of the directives that make answers come in pieces the schema has none.
            outcome = cast("AwaitableOrValue[CoreResult]", executor.execute_operation())
            done = await outcome if _is_awaitable(outcome) else cast("CoreResult", outcome)
        except Exception as error:  # noqa: BLE001 - whatever comes before the first resolver is told like a resolver's error
            located = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            return PreExecutionError(data=None, errors=[located])
        return ExecutionResult(data=done.data, errors=done.errors)

    def _build(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        context: Any,
        extensions: dict[str, Any] | None,
        root: Any,
    ) -> Executor[Any] | list[GraphQLError]:
        """What runs the operation once, or why it cannot: of variables that cannot be read."""
        if isinstance(variables, VariablesWithFiles):
            check_files(self._uses(operation), variables.with_files)
        own: dict[str, Any] = {} if self._selections is None else {"selections": self._selections.of(operation)}
        return self._executor.build(
            self._schema,
            operation.document,
            root,
            context.for_operation() if isinstance(context, Context) else context,
            variables,
            operation.name,
            is_awaitable=_is_awaitable,
            hide_suggestions=not self._suggestions,
            operation_extensions=extensions,
            **own,
        )

    def _uses(self, operation: Operation) -> VariablesUsed:
        uses = self._variables_used.get(operation)
        if uses is None:
            uses = self._variables_used[operation] = variables_used(operation.document, operation.node)
        return uses
