"""Plain attributes, answered without the executor's work for each field.

Most of what a list shows are attributes of an object, without an argument or a promise, or what a method makes of them that is given
nothing else; and the executor spends ten times longer on each of them than reading and serialising takes. So for an object of which
nothing but such fields is asked, in as many levels as there are, a plan is made once per operation and applied to each of the objects,
in all runs of it (see `schema.selections`).

A plan reads the same attributes and serialises them by the same functions, with all that @skip, @include and fragments have left
of the selection. At the first thing that is not as it should be (a null, a type, an exception of a scalar) it is dropped for the
rest of that run, and the executor does it over: reading an attribute twice does no harm, and errors are told by one place only.
"""

import weakref
from collections.abc import Sequence
from enum import Enum
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfoHelpers,
    GraphQLScalarType,
    TypeNameMetaFieldDef,
    specified_scalar_types,
)
from graphql.execution.collect_fields import CollectedFields, DeferUsage, FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from schema.names import DEFINITION
from schema.selections import Complete, Selections

# The specified scalars and enums refuse by themselves what they cannot show; of other scalars only these values are usual.
_USUAL = frozenset({bool, int, float, str, dict, list})


class Unusual(Exception):
    """A value that a plan leaves to the executor."""


class PlanningExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, which does plain objects by plan. Without `selections` it shares none with other runs."""

    def __init__(self, *args: Any, selections: Selections | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Held by methods of its own, an executor would wait for the garbage collector, and with it all that a request leads to,
        # its connection included.
        executor = weakref.proxy(self)
        self.async_helpers = GraphQLResolveInfoHelpers(
            gather=lambda values: executor.gather_async_work(values),  # noqa: PLW0108 - the method itself would hold it
            track=lambda values: executor.track_async_work(values),  # noqa: PLW0108 - the method itself would hold it
        )
        self._selections = selections or Selections()
        self._dropped: set[int] = set()  # selections whose plans are no good in this run

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        new_defer_usages: Sequence[DeferUsage],
    ) -> AwaitableOrValue[dict[str, Any]]:
        """The fields of the operation itself."""
        known = self._selections.root(grouped_field_set)
        return super().execute_collected_root_fields(root_type, root_value, known, serially, new_defer_usages)

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        """What is selected of an object of this type."""
        collected = self._selections.find(return_type, field_details_list)
        if collected is None:
            collected = super().collect_subfields(return_type, field_details_list)
            self._selections.keep(return_type, field_details_list, collected)
        return collected

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """The fields of one object."""
        # Nothing at the root is plain.
        plan = None if path is None else self._plan(parent_type, grouped_field_set)
        if plan is not None and id(grouped_field_set) not in self._dropped:
            try:
                answer: dict[str, Any] = plan(source_value)
            except Exception:  # noqa: BLE001 - whatever it is, the executor will meet it again and tell it
                self._dropped.add(id(grouped_field_set))
            else:
                return answer
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def _plan(self, kind: GraphQLObjectType, selection: GroupedFieldSet) -> Complete | None:
        plans, key = self._selections.plans, id(selection)
        if key not in plans:
            plans[key] = self._plan_of_fields(kind, selection)
        return plans[key]

    def _plan_of_fields(self, kind: GraphQLObjectType, selection: GroupedFieldSet) -> Complete | None:
        names, attributes, completions = [], [], []
        for name, details in selection.items():
            planned = self._plan_of_field(kind, details)
            if planned is None:
                return None
            names.append(name)
            attributes.append(planned[0])
            completions.append(planned[1])
        return _object(names, attributes, completions)

    def _plan_of_field(self, kind: GraphQLObjectType, details: FieldDetailsList) -> tuple[str, Complete] | None:
        """The attribute that holds the field's value, and how that is completed; None unless the field is plain."""
        field = self.schema.get_field(kind, details[0].node.name.value)
        if field is TypeNameMetaFieldDef:
            return "__class__", lambda _: kind.name  # any attribute that every object has
        definition = None if field is None else field.extensions.get(DEFINITION)
        if field is None or field.args or not isinstance(definition, StrawberryField) or definition.extensions:
            return None
        complete = self._plan_of_value(field.type, details)
        if complete is not None and definition.base_resolver is not None:
            complete = _called(complete) if _asks_nothing(definition.base_resolver) else None
        return None if complete is None else (definition.python_name, complete)

    def _plan_of_value(self, kind: GraphQLOutputType, details: FieldDetailsList) -> Complete | None:
        if isinstance(kind, GraphQLNonNull):
            return self._plan_of_present(kind.of_type, details)
        complete = self._plan_of_present(kind, details)
        return None if complete is None else _nullable(complete)

    def _plan_of_present(self, kind: GraphQLOutputType, details: FieldDetailsList) -> Complete | None:
        """For a value that is not null. Abstract types are left to the executor."""
        if isinstance(kind, GraphQLScalarType):
            return _specified(kind) if kind.name in specified_scalar_types else _scalar(kind)
        if isinstance(kind, GraphQLEnumType):
            return _enum(kind)
        if isinstance(kind, GraphQLList):
            complete = self._plan_of_value(kind.of_type, details)
            return None if complete is None else _list(complete)
        return self._plan_of_object(kind, details) if isinstance(kind, GraphQLObjectType) else None

    def _plan_of_object(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Complete | None:
        collected = self.collect_subfields(kind, details)
        complete = None if collected.new_defer_usages else self._plan(kind, collected.grouped_field_set)
        if complete is None:
            return None
        if kind.is_type_of is None:
            return _present(complete)
        definition = kind.extensions.get(DEFINITION)
        if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of is not None:
            return None
        return _exactly(definition.origin, complete)


def _object(names: Sequence[str], attributes: Sequence[str], completions: Sequence[Complete]) -> Complete:
    if len(attributes) == 1:
        [name], [attribute], [complete] = names, attributes, completions
        return lambda source: {name: complete(getattr(source, attribute))}
    read = attrgetter(*attributes)

    def plan(source: Any) -> dict[str, Any]:
        values = zip(names, completions, read(source), strict=True)
        return {name: complete(value) for name, complete, value in values}

    return plan


def _asks_nothing(resolver: StrawberryResolver[Any]) -> bool:
    return not resolver.is_async and list(resolver.signature.parameters) == ["self"]


def _called(complete: Complete) -> Complete:
    return lambda method: complete(method())


def _present(complete: Complete) -> Complete:
    def plan(value: Any) -> Any:
        if value is None or isinstance(value, Exception):
            raise Unusual
        return complete(value)

    return plan


def _exactly(origin: type, complete: Complete) -> Complete:
    def plan(value: Any) -> Any:
        if type(value) is not origin:
            raise Unusual
        return complete(value)

    return plan


def _nullable(complete: Complete) -> Complete:
    return lambda value: None if value is None else complete(value)


def _list(complete: Complete) -> Complete:
    def plan(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Unusual
        return [complete(item) for item in value]

    return plan


def _specified(kind: GraphQLScalarType) -> Complete:
    coerce = kind.coerce_output_value
    if kind.name in {"String", "ID"}:
        return lambda value: value if type(value) is str else coerce(value)
    return coerce


def _scalar(kind: GraphQLScalarType) -> Complete:
    coerce = kind.coerce_output_value

    def plan(value: Any) -> Any:
        coerced = coerce(value)
        if type(coerced) not in _USUAL:
            raise Unusual
        return coerced

    return plan


def _enum(kind: GraphQLEnumType) -> Complete:
    known: dict[Any, str] = {}

    def plan(value: Any) -> str:
        name = known.get(value)
        if name is None:
            name = kind.coerce_output_value(value)
            if isinstance(value, Enum):  # of which there are no more than the enum has: the plan may outlive the run
                known[value] = name
        return name

    return plan
