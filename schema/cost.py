"""What a document may ask for: one pass that measures every fragment once, however often it is spread.

Bounds: depth, aliases, directives, fields and spreads after spreading, comparisons of fields that would be merged, and values in
the answer, where a list counts as many times as its page is long. It runs before validation, some rules of which take time that
grows with the square of a document, and takes time that grows with its length.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from app.errors import QueryTooComplex
from app.services.paging import MAX_PAGE
from schema.overlaps import count_comparisons
from schema.pagination import DEFAULT_PAGE


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one document may come to; `values` bounds each of its operations. The first four are settings (`QUERY_MAX_…`)."""

    depth: int = 20  # the introspection of code generators goes to 15
    aliases: int = 100
    fields: int = 1_000
    values: int = 50_000
    spreads: int = 500
    directives: int = 100
    comparisons: int = 10_000  # at 4 µs each
    tokens: int = 5_000
    characters: int = 100_000  # comments and texts are few tokens, and are read all the same
    operations: int = 50  # for people who keep all their operations in one tab
    fragments: int = 100
    variables: int = 100  # of all operations together


# What the other lists that are no pages count for: groups of a user, attachments of an assignment, roles.
UNPAGED = {"memberships": DEFAULT_PAGE, "attachments": 10, "roleLimits": 3}

# What the lists of the introspection count for. Its whole answer is the same for everybody and needs no database, so it counts
# for less than it holds: code generators ask for all of it, and nobody may ask for it many times over.
_INTROSPECTED = {"types": 40, "fields": 6, "args": 2, "inputFields": 2, "enumValues": 2, "directives": 5}

# Levels of nesting, fragments that hold nothing but each other included, beyond what the bound on the depth allows: Python's own
# stack holds 1,000 calls, three to a level.
_MORE_LEVELS = 100

_PROBLEMS = {
    "depth": "The query is more than {} levels deep.",
    "aliases": "The query has more than {} aliases.",
    "fields": "The query has more than {} fields.",
    "values": "The answer could hold more than {} values: ask for shorter or fewer pages.",
    "spreads": "The query spreads more than {} fragments.",
    "directives": "The query has more than {} directives.",
    "comparisons": "The query has too many fields of one name in one place: more than {} pairs.",
    "tokens": "The document has more than {} tokens.",
    "characters": "The document has more than {} characters.",
    "operations": "The document has more than {} operations.",
    "fragments": "The document has more than {} fragments.",
    "variables": "The document has more than {} variables.",
}


class FragmentCycle(Exception):
    """A fragment contains itself: there is no measure for that, and validation refuses it."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a selection comes to."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    spreads: int = 0
    directives: int = 0
    values: int = 0

    def beside(self, other: "Weight") -> "Weight":
        """Two selections of one object."""
        return Weight(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.fields + other.fields,
            self.spreads + other.spreads,
            self.directives + other.directives,
            self.values + other.values,
        )


def paged_fields(schema: GraphQLSchema) -> frozenset[str]:
    """The names of the fields that answer with a page: those that take `first`."""
    return frozenset(
        name
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in kind.fields.items()
        if "first" in field.args
    )


def too_complex(bound: str, limit: int) -> QueryTooComplex:
    """The refusal of a document that is over a bound."""
    return QueryTooComplex(_PROBLEMS[bound].format(limit), bound=bound, limit=limit)


class CostRule:
    """Measures parsed documents."""

    def __init__(self, paged: frozenset[str], bounds: Bounds) -> None:
        self._paged = paged
        self._bounds = bounds

    def check(self, document: DocumentNode) -> bool:
        """Whether it depends on the variables if the document is within its bounds, so that `check_use` must be asked each time.

        Raises QueryTooComplex for a document that is over a bound whatever its variables are, and FragmentCycle.
        """
        operations, fragments = _operations(document), _fragments(document)
        variables = [variable for node in operations for variable in node.variable_definitions or ()]
        self._hold(operations=len(operations), fragments=len(fragments), variables=len(variables))
        # Directives of the definitions themselves; those of the selections are counted with them.
        definitions = [node.directives for nodes in (operations, fragments.values(), variables) for node in nodes]
        total = Weight(directives=sum(_count(directives) for directives in definitions))
        scale = self._scale(fragments, variable_length=1)
        weights = [scale.weigh(operation.selection_set) for operation in operations]
        for weight in weights:
            total = total.beside(weight)
        roots = [node.selection_set for node in operations]
        for name in fragments.keys() - scale.spread:  # validated all the same
            total = total.beside(scale.weigh(fragments[name].selection_set))
            roots.append(fragments[name].selection_set)
        self._hold(
            depth=total.depth,
            aliases=total.aliases,
            fields=total.fields,
            spreads=total.spreads,
            directives=total.directives,
            values=max((weight.values for weight in weights), default=0),
        )
        self._hold(comparisons=count_comparisons(roots, fragments, at_most=self._bounds.comparisons))
        longest = self._scale(fragments, variable_length=MAX_PAGE)
        return any(longest.weigh(node.selection_set).values > self._bounds.values for node in operations)

    def check_use(self, document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]) -> None:
        """Raises QueryTooComplex when these variables ask for pages that are too long together."""
        fragments = _fragments(document)
        for operation in _operations(document):
            if operation_name is None or (operation.name is not None and operation.name.value == operation_name):
                lengths = _default_lengths(operation) | {
                    name: _given_length(value) for name, value in variables.items()
                }
                scale = self._scale(fragments, variable_length=DEFAULT_PAGE, lengths=lengths)
                self._hold(values=scale.weigh(operation.selection_set).values)

    def _scale(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        *,
        variable_length: int,
        lengths: Mapping[str, int] | None = None,
    ) -> "_Scale":
        return _Scale(fragments, self._paged, self._bounds.depth, variable_length, lengths or {})

    def _hold(self, **measured: int) -> None:
        for bound, amount in measured.items():
            limit = getattr(self._bounds, bound)
            if amount > limit:
                raise too_complex(bound, limit)


class _Scale:
    """Weighs selections of one document. A page whose length is a variable counts as `lengths` has it, or as `variable_length`."""

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        paged: frozenset[str],
        max_depth: int,
        variable_length: int,
        lengths: Mapping[str, int],
    ) -> None:
        self._fragments = fragments
        self._paged = paged
        self._max_depth = max_depth
        self._variable_length = variable_length
        self._lengths = lengths
        self._weights: dict[str, Weight | None] = {}  # None while it is being weighed

    @property
    def spread(self) -> set[str]:
        """The fragments that have been spread so far."""
        return set(self._weights)

    def weigh(self, selections: SelectionSetNode, level: int = 0) -> Weight:
        """Raises FragmentCycle, and QueryTooComplex for what is nested too deeply to be weighed."""
        if level > self._max_depth + _MORE_LEVELS:
            raise too_complex("depth", self._max_depth)
        total = Weight()
        for node in selections.selections:
            total = total.beside(self._weigh_one(node, level + 1))
        return total

    def _weigh_one(self, node: SelectionNode, level: int) -> Weight:
        directives = _count(node.directives)
        if isinstance(node, FragmentSpreadNode):
            within = self._weigh_fragment(node.name.value, level)
            return replace(within, spreads=within.spreads + 1, directives=within.directives + directives)
        if isinstance(node, InlineFragmentNode):
            within = self.weigh(node.selection_set, level)
            return replace(within, directives=within.directives + directives) if directives else within
        if not isinstance(node, FieldNode):
            return Weight()
        within = self.weigh(node.selection_set, level) if node.selection_set else Weight()
        return Weight(
            depth=within.depth + 1,
            aliases=within.aliases + (node.alias is not None),
            fields=within.fields + 1,
            spreads=within.spreads,
            directives=within.directives + directives,
            values=within.values * self._items(node) + 1,
        )

    def _weigh_fragment(self, name: str, level: int) -> Weight:
        if name not in self._weights:
            self._weights[name] = None
            fragment = self._fragments.get(name)
            self._weights[name] = Weight() if fragment is None else self.weigh(fragment.selection_set, level)
        weight = self._weights[name]
        if weight is None:
            raise FragmentCycle
        return weight

    def _items(self, node: FieldNode) -> int:
        name = node.name.value
        if name not in self._paged:
            return UNPAGED.get(name) or _INTROSPECTED.get(name, 1)
        value = next((argument.value for argument in node.arguments or () if argument.name.value == "first"), None)
        if isinstance(value, VariableNode):
            return _page(self._lengths.get(value.name.value, self._variable_length))
        return _page(_whole(value)) if isinstance(value, IntValueNode) else DEFAULT_PAGE


def _page(length: int) -> int:
    return max(1, min(MAX_PAGE, length))


def _given_length(value: object) -> int:
    """As the executor takes it: null is the page that is served unasked, and 100.0 is 100. What it refuses counts as much as may be."""
    if value is None:
        return DEFAULT_PAGE
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else MAX_PAGE


def _whole(node: IntValueNode) -> int:
    return int(node.value[:9])  # longer ones are beyond every page, and int() takes no more than some thousand digits


def _default_lengths(operation: OperationDefinitionNode) -> dict[str, int]:
    return {
        node.variable.name.value: _whole(node.default_value)
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def _count(directives: tuple[DirectiveNode, ...] | None) -> int:
    return len(directives or ())
