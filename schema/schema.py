"""The schema: all features put together, and how an operation is run."""

from collections.abc import Iterable
from contextlib import aclosing
from functools import cache
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, Undefined
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from app.errors import BadUserInput, RateLimited, SatchelError
from app.persisted import PersistedQueries
from schema.attachments.mutations import AttachmentMutations
from schema.avatars.mutations import AvatarMutations
from schema.classes.mutations import ClassMutations
from schema.classes.queries import ClassQueries
from schema.context import Context
from schema.cost import Bounds
from schema.documents import Documents, Operation
from schema.files.mutations import FileMutations
from schema.files.queries import FileQueries
from schema.files.subscriptions import FileSubscriptions
from schema.graphql_errors import log_error, to_graphql_error
from schema.groups.mutations import GroupMutations
from schema.groups.queries import GroupQueries
from schema.http import is_request_error
from schema.inputs import make_inputs_by_plan
from schema.limits.mutations import LimitMutations
from schema.limits.subscriptions import LimitSubscriptions
from schema.names import Names
from schema.nodes import NodeQueries
from schema.operations.mutations import OperationMutations
from schema.operations.queries import OperationQueries
from schema.operations.subscriptions import OperationSubscriptions
from schema.people.mutations import PeopleMutations
from schema.people.queries import PeopleQueries
from schema.running import Operations
from schema.scalars import SCALARS
from schema.subscribing import Results, Subscriptions
from schema.upload_rules import UploadRules
from schema.watching import Shown, Watched


@strawberry.type(description="What can be read. What cannot be is null, with the reason in errors[].extensions.code.")
class Query(NodeQueries, PeopleQueries, GroupQueries, ClassQueries, FileQueries, OperationQueries):
    """The root of queries."""


@strawberry.type(description="What can be changed. A refusal is null, with the reason in errors[].extensions.code.")
class Mutation(
    PeopleMutations,
    GroupMutations,
    ClassMutations,
    FileMutations,
    AvatarMutations,
    AttachmentMutations,
    LimitMutations,
    OperationMutations,
):
    """The root of mutations."""


@strawberry.type(
    description="What can be watched. What may not be, or not any more, ends with the reason in errors[].extensions.code."
)
class Subscription(FileSubscriptions, LimitSubscriptions, OperationSubscriptions):
    """The root of subscriptions."""


@cache
def _types() -> strawberry.Schema:
    """The types. They are the same in all schemas of a process, nobody changes them, and they take a quarter of a second."""
    made = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=Names()),
        extensions=[UploadRules],
    )
    _leave_out_null_defaults(made._schema)
    return made


@cache
def _plan_inputs() -> None:
    """From now on, for all schemas of the process: the types of inputs are theirs in common, and whoever wants no plans is alone."""
    make_inputs_by_plan(_types()._schema)


class SatchelSchema(strawberry.Schema):
    """Strawberry's schema, with every operation in a context of its own and every error as the table has it."""

    def __init__(
        self,
        *,
        bounds: Bounds | None = None,
        introspection: bool = True,
        persisted: PersistedQueries | None = None,
        plans: bool = True,
    ) -> None:
        # Not made again by Strawberry's own constructor. `info.schema` is the one without rules, and only to be asked for types.
        vars(self).update(vars(_types()))
        if plans:
            _plan_inputs()
        self.documents = Documents(self._schema, bounds=bounds, introspection=introspection)
        self.operations = Operations(self._schema, plans=plans, suggestions=introspection)
        self.subscriptions = Subscriptions(self._schema)
        self._persisted = persisted or PersistedQueries("off")

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run a query or a mutation. Raises MissingQueryError, InvalidOperationTypeError, RateLimited."""
        operation, refusal = await self._admit(
            query, operation_name, variable_values, operation_extensions, context_value
        )
        metrics = context_value.runtime.metrics if isinstance(context_value, Context) else None
        with Watched(metrics, operation.shown if operation else Shown()) as watching:
            result: ExecutionResult | None = refusal
            if result is None:
                if operation is None:
                    raise MissingQueryError
                result = await self.operations.run(
                    operation,
                    variable_values,
                    context_value,
                    types=allowed_operation_types or OperationType,
                    extensions=operation_extensions,
                    root=root_value,
                )
                result = _told(result, context_value)
            watching.answered(result.errors)
            return result

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> Results:
        """Run any operation over a transport that streams; each result as `execute` would give it."""
        try:
            admitted = await self._admit(query, operation_name, variable_values, operation_extensions, context_value)
        except RateLimited as error:
            return _once(_refused(error, context_value))
        operation, refusal = admitted
        if refusal is not None:
            return _once(refusal)
        if operation is None:
            return _once(_refused(BadUserInput("The request holds no query.", field="query"), context_value))
        if operation.kind is OperationType.SUBSCRIPTION:
            return _each_told(self.subscriptions.run(operation, variable_values, context_value), context_value)
        result = await self.operations.run(
            operation,
            variable_values,
            context_value,
            types=allowed_operation_types or (OperationType.QUERY, OperationType.MUTATION),
            extensions=operation_extensions,
            root=root_value,
        )
        told = _told(result, context_value)
        # Of variables that cannot be read: nothing has begun, and transports that stream say that in another way.
        return _once(PreExecutionError(data=None, errors=told.errors) if is_request_error(told) else told)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: errors are logged where they are told, once."""

    async def _admit(
        self,
        sent: str | None,
        operation_name: str | None,
        variables: dict[str, Any] | None,
        extensions: dict[str, Any] | None,
        context: Any,
    ) -> tuple[Operation | None, PreExecutionError | None]:
        """The operation that is to run, or why it is not run; neither, where no document was sent.

        Raises RateLimited: over HTTP there is a status for that. A document that is refused counts as one operation.
        """
        await _count(context, 1)
        try:
            query = await self._persisted.find(sent, extensions)
            if not query:
                return None, None  # the transport has its own word for that
            document = self.documents.prepare(query)
            errors = document.refusal(operation_name, variables)
            if errors:
                return None, _told(PreExecutionError(data=None, errors=list(errors)), context)
            await self._persisted.keep(sent, extensions)
        except SatchelError as error:
            return None, _refused(error, context)
        operation = document.operation(operation_name)
        if operation is not None and operation.root_fields > 1:  # one that is not there has been refused
            await _count(context, operation.root_fields - 1)
        return operation, None


R = TypeVar("R", bound=ExecutionResult)


def _told(result: R, context: Any) -> R:
    """The result with its errors as clients get them."""
    if result.errors:
        request_id = context.request_id if isinstance(context, Context) else ""
        told = [to_graphql_error(error, request_id) for error in result.errors]
        for error, answer in zip(result.errors, told, strict=True):
            log_error(error, answer, request_id)
        result.errors = told
    return result


def _refused(error: SatchelError, context: Any) -> PreExecutionError:
    errors = [GraphQLError(str(error), original_error=error)]
    return _told(PreExecutionError(data=None, errors=errors), context)


async def _count(context: Any, root_fields: int) -> None:
    if isinstance(context, Context):
        principal = context.session.principal if context.session else context.principal
        user_id = principal.user_id if principal else None
        await context.runtime.rates.operations(user_id, context.address, root_fields)


async def _once(result: ExecutionResult) -> Results:
    yield result


async def _each_told(results: Results, context: Any) -> Results:
    async with aclosing(results):
        async for result in results:
            yield _told(result, context)


def _leave_out_null_defaults(schema: GraphQLSchema) -> None:
    """An optional argument whose Python default is None is one without a default to GraphQL: null is not said of it."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            for field in kind.fields.values():
                field.default_value = Undefined if field.default_value is None else field.default_value
        elif isinstance(kind, GraphQLObjectType):
            for argument in (argument for field in kind.fields.values() for argument in field.args.values()):
                argument.default_value = Undefined if argument.default_value is None else argument.default_value
