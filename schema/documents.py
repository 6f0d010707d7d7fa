"""Documents, parsed, measured and validated once: clients repeat themselves, and validation costs more than most queries."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import MaxIntrospectionDepthRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.graphql import OperationType

from app.errors import QueryTooComplex
from schema.cost import Bounds, CostRule, FragmentCycle, paged_fields, too_complex
from schema.graphql_errors import VALIDATION_FAILED, plain
from schema.rates import count_root_fields
from schema.watching import Shown

_RULES = (*specified_rules, MaxIntrospectionDepthRule, MaybeNullValidationRule, OneOfInputValidationRule)
_MAX_ERRORS = 20  # of one document, in one answer
_NO_INTROSPECTION = "Introspection is switched off here: ask the service's administrators for the schema."


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Operation:
    """One operation of a valid document, and what every run of it asks about it."""

    text: str  # the document's
    document: DocumentNode
    node: OperationDefinitionNode
    kind: OperationType
    root_fields: int
    shown: Shown
    # Whether the same is selected whatever the variables are: only directives, as @skip, make a difference, and they have an @.
    is_fixed: bool

    @property
    def name(self) -> str | None:
        """The client's."""
        return self.node.name.value if self.node.name is not None else None


@dataclass(frozen=True, slots=True)
class Document:
    """The operations of a document that may be executed, or the errors why not."""

    node: DocumentNode
    errors: Sequence[GraphQLError] = ()
    operations: Sequence[Operation] = ()
    rule: CostRule | None = None  # to be asked at every use, because its cost depends on the variables

    def refusal(self, operation_name: str | None, variables: Mapping[str, Any] | None = None) -> Sequence[GraphQLError]:
        """Why this operation of the document is not executed; empty when it is.

        GraphQL, section 6.1: without a name a document has exactly one operation.
        """
        if self.errors:
            return self.errors
        if self.operation(operation_name) is None:
            if operation_name is None:
                return (_invalid(f"The document has {len(self.operations)} operations: name the one to execute."),)
            return (_invalid("The document has no operation of that name."),)
        try:
            if self.rule is not None:
                self.rule.check_use(self.node, operation_name, variables or {})
        except QueryTooComplex as error:
            return (_costly(error),)
        return ()

    def operation(self, name: str | None) -> Operation | None:
        """The operation of that name, or the only one there is; None where that is none."""
        if name is None:
            return self.operations[0] if len(self.operations) == 1 else None
        return next((each for each in self.operations if each.name == name), None)


_EMPTY = DocumentNode(definitions=())


class Documents:
    """A cache by the query's text, the least recently used out first, bounded in entries and in characters.

    Without `introspection` the schema's names are nobody's business: no document may ask for them, and no error suggests one.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        bounds: Bounds | None = None,
        introspection: bool = True,
        max_entries: int = 512,
        max_characters: int = 300_000,
    ) -> None:
        self._schema = schema
        self._bounds = bounds or Bounds()
        self._cost = CostRule(paged_fields(schema), self._bounds)
        self._introspection = introspection
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def prepare(self, query: str) -> Document:
        """The document of a query's text. Never raises for what the text holds."""
        if len(query) > self._bounds.characters:
            return Document(_EMPTY, [_costly(too_complex("characters", self._bounds.characters))])
        known = self._known.get(query)
        if known is not None:
            self._known.move_to_end(query)
            return known
        document = self._make(query)
        self._remember(query, document)
        return document

    def _make(self, query: str) -> Document:
        try:
            node = parse(query, max_tokens=self._bounds.tokens)
        except GraphQLError as error:
            if error.message.startswith("Syntax Error: Document contains more than"):
                error = _costly(too_complex("tokens", self._bounds.tokens))
            return Document(_EMPTY, [error])
        try:
            depends = self._cost.check(node)
        except QueryTooComplex as error:
            return Document(_EMPTY, [_costly(error)])
        except FragmentCycle:
            return Document(_EMPTY, self._validate(node, (NoFragmentCyclesRule,)))
        rules = _RULES if self._introspection else (NoSchemaIntrospectionCustomRule, *_RULES)
        errors = self._validate(node, rules)
        if errors:
            return Document(_EMPTY, errors)
        return Document(node, (), _operations(query, node), self._cost if depends else None)

    def _validate(self, node: DocumentNode, rules: Sequence[type[ASTValidationRule]]) -> list[GraphQLError]:
        errors = validate(self._schema, node, rules, _MAX_ERRORS, hide_suggestions=not self._introspection)
        return [_coded(error) for error in errors[:_MAX_ERRORS]]

    def _remember(self, query: str, document: Document) -> None:
        self._known[query] = document
        self._characters += len(query)
        while len(self._known) > self._max_entries or self._characters > self._max_characters:
            forgotten, _ = self._known.popitem(last=False)
            self._characters -= len(forgotten)


def _operations(text: str, document: DocumentNode) -> tuple[Operation, ...]:
    return tuple(
        Operation(
            text=text,
            document=document,
            node=node,
            kind=OperationType(node.operation.value),
            root_fields=count_root_fields(document, node),
            shown=Shown.of(node),
            is_fixed="@" not in text,
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    )


def _coded(error: GraphQLError) -> GraphQLError:
    # A scalar that refuses a literal has said BAD_USER_INPUT already.
    extensions = error.extensions or {"code": VALIDATION_FAILED}
    message = plain(error.message)
    if message.startswith("GraphQL introspection has been disabled"):
        # As Apollo Server tells it, which tools know.
        message, extensions = _NO_INTROSPECTION, extensions | {"validationErrorCode": "INTROSPECTION_DISABLED"}
    # Without its nodes, for what is refused is remembered too: a text of some kilobytes has a megabyte of them.
    return GraphQLError(message, None, error.source, error.positions, extensions=extensions)


def _costly(error: QueryTooComplex) -> GraphQLError:
    return GraphQLError(error.problem, original_error=error)


def _invalid(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": VALIDATION_FAILED})
