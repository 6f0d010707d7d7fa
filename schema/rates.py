"""How much an operation counts for: its root fields, so that a hundred aliases are a hundred operations."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
)


def count_root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> int:
    """The root fields of an operation, those in fragments included as often as they are spread.

    The document has been measured and validated: its fragments end somewhere, and soon.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    waiting = [operation.selection_set]
    count = 0
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                count += 1
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                waiting.append(fragments[node.name.value].selection_set)
    return count
