"""What an operation selects, found out once for all its runs.

The executor collects the fields of every object anew in each run, and plans are made of them (see `schema.plans`). For an
operation without directives that comes to the same every time, whatever its variables are and whoever asks. So it is kept for as
long as the operation is: types, nodes of its document and functions, and nothing of a request.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet

from schema.documents import Operation

Complete: TypeAlias = Callable[[Any], Any]  # from a value to its form in the answer

_MAX_FIELDS = 20_000  # of all operations together, at about 550 bytes each


class Selections:
    """The selections of one operation, or of one run of it; `grown` is told of every field that is remembered.

    Whoever remembers something by the identity of a selection may do so here only: this keeps the selection itself too.
    """

    def __init__(self, grown: Callable[[int], None] = lambda _: None) -> None:
        self.plans: dict[int, Complete | None] = {}  # by the identity of a selection; None where there can be no plan
        self._grown = grown
        self._root: GroupedFieldSet | None = None
        # By the identity of what they are within, which is kept with them: its number could be another one's otherwise.
        self._within: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]] = {}

    def root(self, collected: GroupedFieldSet) -> GroupedFieldSet:
        """The fields of the operation itself: those of its first run, of which all the others are known."""
        if self._root is None:
            self._root = collected
            self._grown(len(collected))
        return self._root

    def find(self, kind: GraphQLObjectType, details: FieldDetailsList) -> CollectedFields | None:
        """What is selected of an object of this type; None where nobody has collected it."""
        found = self._within.get((kind, id(details)))
        return None if found is None else found[1]

    def keep(self, kind: GraphQLObjectType, details: FieldDetailsList, collected: CollectedFields) -> None:
        """Remember it."""
        self._within[kind, id(details)] = details, collected
        self._grown(1 + len(collected.grouped_field_set))


class KnownSelections:
    """The selections of operations, each as long as its operation is known, bounded in the fields of all of them.

    Documents are bounded by their length, and fragments make much of little: at the bound all is forgotten, and found out again
    for those operations that are still run.
    """

    def __init__(self, *, max_fields: int = _MAX_FIELDS) -> None:
        self._known: WeakKeyDictionary[Operation, Selections] = WeakKeyDictionary()
        self._max_fields = max_fields
        self._fields = 0  # remembered since the last time that all was forgotten

    def of(self, operation: Operation) -> Selections:
        """For one run: shared with others unless the variables make a difference."""
        if not operation.is_fixed:
            return Selections()
        known = self._known.get(operation)
        if known is None:
            known = self._known[operation] = Selections(self._count)
        return known

    def _count(self, fields: int) -> None:
        self._fields += fields
        if self._fields > self._max_fields:
            self._known.clear()
            self._fields = 0
