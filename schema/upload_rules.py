"""The rule that GraphQL's own validation does not have: one upload field per operation, and each file in it once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from strawberry.extensions import SchemaExtension

from app.errors import BadUserInput

# Variables by name, each with the field that uses it, in the order in which they are checked.
VariablesUsed: TypeAlias = tuple[tuple[FieldNode, str], ...]


class VariablesWithFiles(dict[str, object]):
    """The variables of a multipart request; `with_files` names those that hold files."""

    def __init__(self, variables: Mapping[str, object], with_files: frozenset[str]) -> None:
        super().__init__(variables)
        self.with_files = with_files


class UploadRules(SchemaExtension):
    """Checks operations that came with files. Works on the parsed document, so on any cache of it too."""

    def on_parse(self) -> Iterator[None]:
        """Raises BadUserInput, which ends the operation before it is validated."""
        yield
        context = self.execution_context
        if context.graphql_document is not None and isinstance(context.variables, VariablesWithFiles):
            operation = _operation(context.graphql_document, context.operation_name)
            if operation is not None:
                check_files(variables_used(context.graphql_document, operation), context.variables.with_files)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation that runs; None when there is none of that name, which GraphQL itself reports."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and (node.name.value if node.name else None) == name:
            return node
    return None


def variables_used(document: DocumentNode, operation: OperationDefinitionNode) -> VariablesUsed:
    """How an operation uses each of its variables, for any request with it: the first two uses, since two are too many for a file."""
    uses: list[tuple[FieldNode, str]] = []
    counted: Counter[str] = Counter()
    for field in _fields(document, operation.selection_set):
        for name in _variables(field):
            counted[name] += 1
            if counted[name] <= 2:
                uses.append((field, name))
    return tuple(uses)


def check_files(uses: VariablesUsed, with_files: frozenset[str]) -> None:
    """Raise BadUserInput unless each variable that holds files is used once, and all of them by the same field.

    A file is a stream and can be read once; two fields would have to read one body in turns.
    """
    fields: set[int] = set()
    used: set[str] = set()
    for field, name in uses:
        if name not in with_files:
            continue
        if name in used:
            raise BadUserInput(f"The variable ${name} holds a file and is used twice.")
        used.add(name)
        fields.add(id(field))
    if len(fields) > 1:
        raise BadUserInput("An operation may hold one upload field only: send one request for each.")
    if unused := with_files - used:
        raise BadUserInput(f"map puts a file into ${min(unused)}, which the operation does not use.")


def _fields(document: DocumentNode, selections: SelectionSetNode) -> Iterator[FieldNode]:
    """Every field as often as it is reached, fragments included. A fragment is entered twice at most: enough to see that
    something in it is used twice, and a bound for documents that nest their spreads.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    visits = dict.fromkeys(fragments, 0)
    waiting = [selections]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in fragments and visits[name] < 2:
                    visits[name] += 1
                    waiting.append(fragments[name].selection_set)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FieldNode):
                yield node
                if node.selection_set is not None:
                    waiting.append(node.selection_set)


def _variables(field: FieldNode) -> Iterator[str]:
    """The names of the variables in a field's arguments."""
    waiting: list[ValueNode] = [argument.value for argument in field.arguments or ()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, VariableNode):
            yield value.name.value
        elif isinstance(value, ListValueNode):
            waiting.extend(value.values)
        elif isinstance(value, ObjectValueNode):
            waiting.extend(entry.value for entry in value.fields)
