"""How much work validation has with fields that share a name in one place (GraphQL, section 5.3.2).

Every two of them are compared, and everything below them: 300 times `me { id }` in a row are 90,000 comparisons. Here they are
only counted, which takes one look at each field.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode


def count_comparisons(
    roots: Iterable[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode], *, at_most: int
) -> int:
    """The pairs of fields that will be merged, in a document without cycles; counted no further than just over `at_most`."""
    total = 0
    waiting: list[Sequence[SelectionSetNode]] = [(root,) for root in roots]
    while waiting and total <= at_most:
        for fields in _fields_by_name(waiting.pop(), fragments).values():
            total += len(fields) * (len(fields) - 1) // 2
            if below := [field.selection_set for field in fields if field.selection_set]:
                waiting.append(below)
    return total


def _fields_by_name(
    merged: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> Mapping[str, list[FieldNode]]:
    """The fields of selections that become one object, by the names that they have in the answer."""
    found: defaultdict[str, list[FieldNode]] = defaultdict(list)
    entered: set[str] = set()
    waiting = list(merged)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                found[(node.alias or node.name).value].append(node)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in entered:
                entered.add(node.name.value)
                if node.name.value in fragments:
                    waiting.append(fragments[node.name.value].selection_set)
    return found
