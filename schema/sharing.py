"""What may be worked out once for many subscribers: the answer to one event, where all of them would be told the same.

Who is given an event is decided for each subscriber, every time. Shared is only what comes after: executing the selection and
encoding the result. That is legal where no field of the selection looks at who asks, beyond the `Reason` for which they are given the event; which fields
those are stands in the tables below, and a field that stands in none of them keeps its document from being shared.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)
from strawberry.types import ExecutionResult

from app.services.rights import Reason
from schema.http import result_text

_MOST_RENDERINGS = 1024  # events that are on their way to subscribers at one time, in their several forms


class Sharing(NamedTuple):
    """What a source says of an event that may be shared. `live`: it has just happened, and was not replayed."""

    event: Hashable
    reason: Reason
    live: bool


class Reach(Enum):
    """Among whom the answers to a document are alike."""

    EVERYBODY = auto()  # who is given the event
    SAME_REASON = auto()  # and has the same reason
    SYSTEM_ADMINS = auto()
    NOBODY = auto()


Fields = Mapping[str, frozenset[str]]


def _fields(**names: str) -> Fields:
    return {kind: frozenset(text.split()) for kind, text in names.items()}


# The event itself, as the bus has it.
_OF_THE_EVENT = _fields(FileEvent="cursor type at fileId userId name sizeBytes")
# What its owner and its admins see of a file alike.
_OF_ITS_HOLDERS = _fields(
    FileEvent="file",
    File="id uuid name mimeType sizeBytes sha256 status storageBackend entityType entityId createdAt updatedAt deletedAt uploadedBy",
    User="id uuid name isSystemAdmin createdAt deactivatedAt",
)
# What system admins see, who see everything: but for signed URLs, which are made for one caller and a short time.
_OF_SYSTEM_ADMINS = _fields(
    File="storageKey purgeAttempts purgeLastError purgeNextAttemptAt group",
    User="email",
    Group="id uuid name slug type parent",
    AlertEvent="cursor alert",
    Alert="id uuid kind severity message details createdAt acknowledgedAt acknowledgedBy",
)
TABLES: Mapping[Reach, Fields] = {
    Reach.EVERYBODY: _OF_THE_EVENT,
    Reach.SAME_REASON: _OF_ITS_HOLDERS,
    Reach.SYSTEM_ADMINS: _OF_SYSTEM_ADMINS,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How far the answers of one subscription may be shared. `variables` are those that an answer depends on."""

    reach: Reach
    variables: frozenset[str]

    def key(self, text: str, operation: str | None, values: Mapping[str, Any] | None, event: Any) -> Hashable | None:
        """By what an answer is known to those who would be told the same; None: it is the subscriber's own."""
        sharing: Sharing | None = getattr(event, "sharing", None)
        if sharing is None or self.reach is Reach.NOBODY:
            return None
        admin = sharing.reason is Reason.SYSTEM_ADMIN
        if self.reach is Reach.SYSTEM_ADMINS and not admin:
            return None
        # How things were, and the reason, when the event happened: of one from the past neither need be so still.
        if self.reach is not Reach.EVERYBODY and not sharing.live:
            return None
        reason = None if self.reach is Reach.EVERYBODY else sharing.reason
        used = tuple(repr((values or {}).get(name)) for name in sorted(self.variables))
        return text, operation, used, sharing.event, reason


def plan_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan:
    """The plan of a validated subscription."""
    root = schema.subscription_type
    if root is None:
        raise ValueError("the schema has no subscriptions")
    reaches = [
        _reach_of(parent, field) for parent, field in _selected(schema, document, operation.selection_set, root, set())
    ]
    widest = max(reaches, key=lambda reach: reach.value, default=Reach.EVERYBODY)
    return Plan(widest, frozenset(_variables_below(document, operation)))


def _reach_of(parent: str, field: str) -> Reach:
    if field == "__typename":
        return Reach.EVERYBODY
    return next((reach for reach, fields in TABLES.items() if field in fields.get(parent, ())), Reach.NOBODY)


def _selected(
    schema: GraphQLSchema,
    document: DocumentNode,
    selections: SelectionSetNode,
    parent: GraphQLObjectType,
    seen: set[tuple[str, str]],
) -> Iterator[tuple[str, str]]:
    """Every field below the root fields, with the type it belongs to."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            if parent is not schema.subscription_type:
                yield parent.name, node.name.value
            field = parent.fields.get(node.name.value)
            kind = get_named_type(field.type) if field else None
            if node.selection_set is not None and isinstance(kind, GraphQLObjectType):
                yield from _selected(schema, document, node.selection_set, kind, seen)
            elif node.selection_set is not None:
                yield parent.name, ""  # an interface: in no table
        elif isinstance(node, InlineFragmentNode):
            yield from _selected(schema, document, node.selection_set, parent, seen)
        elif isinstance(node, FragmentSpreadNode) and (node.name.value, parent.name) not in seen:
            seen.add((node.name.value, parent.name))
            fragment = _fragment(document, node.name.value)
            yield from _selected(schema, document, fragment.selection_set, parent, seen)


def _fragment(document: DocumentNode, name: str) -> FragmentDefinitionNode:
    return next(
        node for node in document.definitions if isinstance(node, FragmentDefinitionNode) and node.name.value == name
    )


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)


def _variables_below(document: DocumentNode, operation: OperationDefinitionNode) -> set[str]:
    """The variables that what is selected depends on. Those in arguments of a root field choose events, and no more."""
    found = _Variables()
    parts: list[SelectionSetNode | DirectiveNode | ArgumentNode | ValueNode | FragmentDefinitionNode] = [
        node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    ]
    for node in operation.selection_set.selections:
        parts.extend(node.directives or ())
        if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
            parts.append(node.selection_set)
    for part in parts:
        visit(part, found)
    return found.names


class SharedResult(ExecutionResult):
    """A result for many, encoded once."""

    def __init__(self, result: ExecutionResult) -> None:
        super().__init__(data=result.data, errors=result.errors, extensions=result.extensions)
        self.text = result_text(result)


def text_of(result: ExecutionResult) -> str:
    """A result as clients get it; that of many is there already."""
    return result.text if isinstance(result, SharedResult) else result_text(result)


class Renderings:
    """The answers to events of just now, by key. Bounded: what is forgotten is worked out again."""

    def __init__(self, most: int = _MOST_RENDERINGS) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, asyncio.Future[SharedResult]] = OrderedDict()

    async def get(self, key: Hashable, execute: Callable[[], Awaitable[ExecutionResult]]) -> ExecutionResult:
        """The answer; the first who asks has it worked out, by `execute`, and the others wait. An answer with errors is
        nobody else's: it may have come of the one who asked.
        """
        known = self._known.get(key)
        if known is None:
            return await self._work_out(key, execute)
        if not known.done():
            await asyncio.wait([known])
        if known.cancelled() or known.result().errors:
            return await execute()
        return known.result()

    async def _work_out(self, key: Hashable, execute: Callable[[], Awaitable[ExecutionResult]]) -> SharedResult:
        self._known[key] = answer = asyncio.get_running_loop().create_future()
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        try:
            result = SharedResult(await execute())
        except BaseException:
            # Whoever has waited works it out for themselves.
            answer.cancel()
            self._known.pop(key, None)
            raise
        answer.set_result(result)
        return result
