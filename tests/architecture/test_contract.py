"""The printed schema holds what the contract promises, for everything that has been delivered."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    is_required_argument,
    is_required_input_field,
    print_ast,
)

from tests.architecture.contract import contract_schema, printed_schema, reachable_types
from tests.architecture.delivered import Delivered

Composite = GraphQLObjectType | GraphQLInterfaceType
Input = GraphQLArgument | GraphQLInputField
T = TypeVar("T", GraphQLArgument, GraphQLInputField)

DELIVERED = Delivered.load()
CONTRACT = contract_schema()


@pytest.fixture(scope="module")
def printed() -> GraphQLSchema:
    return printed_schema()


@pytest.mark.parametrize("root, field", sorted(DELIVERED.root_fields), ids=str)
def test_a_delivered_root_field_is_in_the_printed_schema_as_the_contract_says(
    printed: GraphQLSchema, root: str, field: str
) -> None:
    promised, given = CONTRACT.get_type(root), printed.get_type(root)
    assert isinstance(promised, GraphQLObjectType), f"the contract has no type {root}"
    assert field in promised.fields, f"the contract has no field {root}.{field}: delivered.toml names it wrongly"
    assert isinstance(given, GraphQLObjectType), f"the printed schema has no type {root}"
    assert _field_differences(promised, given, field) == []


@pytest.mark.parametrize("name", reachable_types(CONTRACT, DELIVERED))
def test_a_type_within_reach_of_a_delivered_root_field_holds_what_the_contract_says(
    printed: GraphQLSchema, name: str
) -> None:
    promised, given = CONTRACT.type_map[name], printed.get_type(name)
    assert given is not None, f"the printed schema has no type {name}"
    assert type(given) is type(promised), f"{name} is a {type(given).__name__}, not a {type(promised).__name__}"
    assert _differences(promised, given) == []


def test_fields_put_off_to_a_later_delivery_exist_in_the_contract_and_not_yet_in_the_printed_schema(
    printed: GraphQLSchema,
) -> None:
    unknown, delivered = [], []
    for name, field in sorted(DELIVERED.later):
        if field not in _fields(CONTRACT.get_type(name)):
            unknown.append(f"{name}.{field}")
        if field in _fields(printed.get_type(name)):
            delivered.append(f"{name}.{field}")
    assert unknown == [], "not in the contract"
    assert delivered == [], "already in the printed schema: take it out of [later]"


def _fields(kind: GraphQLNamedType | None) -> set[str]:
    return set(kind.fields) if isinstance(kind, Composite | GraphQLInputObjectType) else set()


def _differences(promised: GraphQLNamedType, given: GraphQLNamedType) -> list[str]:
    match promised, given:
        case (GraphQLObjectType() | GraphQLInterfaceType(), GraphQLObjectType() | GraphQLInterfaceType()):
            return _composite_differences(promised, given)
        case (GraphQLInputObjectType(), GraphQLInputObjectType()):
            return _input_differences(promised.name, promised.fields, given.fields, is_required_input_field)
        case (GraphQLEnumType(), GraphQLEnumType()):
            return [f"{promised.name} has no value {value}" for value in promised.values if value not in given.values]
        case (GraphQLScalarType(), GraphQLScalarType()) if promised.specified_by_url != given.specified_by_url:
            return [f"{promised.name} is specified by {given.specified_by_url}, not by {promised.specified_by_url}"]
    return []


def _composite_differences(promised: Composite, given: Composite) -> list[str]:
    interfaces = {interface.name for interface in given.interfaces}
    found = [
        f"{given.name} does not implement {interface.name}"
        for interface in promised.interfaces
        if interface.name not in interfaces
    ]
    for field in promised.fields:
        if (promised.name, field) not in DELIVERED.later:
            found += _field_differences(promised, given, field)
    return found


def _field_differences(promised: Composite, given: Composite, field: str) -> list[str]:
    where = f"{promised.name}.{field}"
    if field not in given.fields:
        return [f"{where} is missing"]
    old, new = promised.fields[field], given.fields[field]
    found = [] if str(old.type) == str(new.type) else [f"{where} is {new.type}, not {old.type}"]
    return found + _input_differences(where, old.args, new.args, is_required_argument)


def _input_differences(
    where: str, promised: Mapping[str, T], given: Mapping[str, T], is_required: Callable[[T], bool]
) -> list[str]:
    found = []
    for name, old in promised.items():
        new = given.get(name)
        if new is None:
            found.append(f"{where}({name}) is missing")
        elif _declaration(new) != _declaration(old):
            found.append(f"{where}({name}) is {_declaration(new)}, not {_declaration(old)}")
    # A client that was written against the contract does not know of them, so it must not have to give them.
    added = sorted(set(given) - set(promised))
    return found + [
        f"{where}({name}) is required and not in the contract" for name in added if is_required(given[name])
    ]


def _declaration(value: Input) -> str:
    node = value.ast_node
    default = f" = {print_ast(node.default_value)}" if node is not None and node.default_value else ""
    return f"{value.type}{default}"
