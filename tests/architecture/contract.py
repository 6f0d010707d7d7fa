"""The contract and the printed schema, as graphql-core sees them."""

import re
from pathlib import Path

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
)

from tests.architecture.delivered import Delivered
from tests.architecture.sources import ROOT

PRINTED = ROOT / "schema" / "schema.graphql"
_CONTRACT = Path(__file__).with_name("contract.graphql")  # a copy of the agreed one; not ours to change


def contract_schema() -> GraphQLSchema:
    """The whole contract. It shows one connection and says that the others follow it: those are written out here."""
    text = _CONTRACT.read_text()
    written = set(re.findall(r"^type (\w+)Connection\b", text, re.MULTILINE))
    meant = set(re.findall(r":\s*(\w+)Connection\b", text)) - written
    connections = [
        f"type {name}Connection {{ edges: [{name}Edge!]! pageInfo: PageInfo! nodes: [{name}!]! }}\n"
        f"type {name}Edge {{ node: {name}! cursor: String! }}"
        for name in sorted(meant)
    ]
    return build_schema("\n".join([text, *connections]))


def printed_schema() -> GraphQLSchema:
    """The printed schema that is checked in."""
    return build_schema(PRINTED.read_text())


def reachable_types(contract: GraphQLSchema, delivered: Delivered) -> list[str]:
    """The names of the contract's types that delivered root fields lead to, by way of delivered fields."""
    found: set[str] = set()
    waiting: list[GraphQLNamedType] = []
    for root, field in delivered.root_fields:
        kind = contract.get_type(root)
        if isinstance(kind, GraphQLObjectType) and field in kind.fields:
            waiting += _types_of_field(kind, field)
    while waiting:
        kind = waiting.pop()
        if kind.name in found or is_specified_scalar_type(kind):
            continue
        found.add(kind.name)
        if isinstance(kind, GraphQLInputObjectType):
            waiting += [get_named_type(field.type) for field in kind.fields.values()]
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields:
                if (kind.name, field) not in delivered.later:
                    waiting += _types_of_field(kind, field)
    return sorted(found)


def _types_of_field(kind: GraphQLObjectType | GraphQLInterfaceType, name: str) -> list[GraphQLNamedType]:
    field = kind.fields[name]
    return [get_named_type(field.type), *(get_named_type(argument.type) for argument in field.args.values())]
