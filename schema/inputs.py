"""Inputs, made of what clients sent without Strawberry's work for each of their fields.

Strawberry looks anew at the type of every field of every input, to find that most of them are plain values which stand in the
request as the resolver will see them. What is known of a type once is used for all its inputs here, by the hook that Strawberry
has for types that make themselves; what is no plain value it converts as ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, NamedTuple

from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLSchema, get_nullable_type, is_leaf_type
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from schema.names import DEFINITION


class _Field(NamedTuple):
    """One field of an input: as clients name it and as Python does, and what it is converted to, None for a plain value."""

    name: str
    python_name: str
    kind: Any


def make_inputs_by_plan(schema: GraphQLSchema) -> None:
    """Let every input type of this schema make its inputs. To be called once, when the types are complete."""
    for kind in schema.type_map.values():
        definition = kind.extensions.get(DEFINITION)
        if isinstance(kind, GraphQLInputObjectType) and isinstance(definition, StrawberryObjectDefinition):
            definition.from_input = _maker(kind, definition)


def _maker(
    kind: GraphQLInputObjectType, definition: StrawberryObjectDefinition
) -> Callable[[type, Mapping[str, Any], InputContext], Any]:
    of = {name: field.extensions[DEFINITION] for name, field in kind.fields.items()}
    fields = [
        _Field(name, of[name].python_name, _converted_to(field.type, of[name], definition))
        for name, field in kind.fields.items()
    ]
    # A field that has no default and may be left out is null.
    missing = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }

    def make(made: type, given: Mapping[str, Any], context: InputContext) -> Any:
        values = {
            python_name: given[name] if kind is None else context.convert(given[name], kind, name)
            for name, python_name, kind in fields
            if name in given
        }
        return made(**(missing | values))

    return make


def _converted_to(kind: GraphQLInputType, field: StrawberryField, definition: StrawberryObjectDefinition) -> Any:
    return None if is_leaf_type(get_nullable_type(kind)) else field.resolve_type(type_definition=definition)
