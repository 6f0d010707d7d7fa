"""The schema that is checked in is the one that is served, and explains itself to those who read it in GraphiQL."""

import difflib

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from schema.printing import PATH, printed
from tests.architecture.contract import printed_schema
from tests.architecture.sources import ROOT


def test_the_printed_schema_is_the_one_that_is_served() -> None:
    checked_in, served = PATH.read_text(), printed()

    name = str(PATH.relative_to(ROOT))
    changes = difflib.unified_diff(checked_in.splitlines(), served.splitlines(), name, "as served", lineterm="")
    assert checked_in == served, "print it anew with `python -m schema.printing`:\n" + "\n".join(changes)


def test_everything_in_the_printed_schema_has_a_description() -> None:
    types = printed_schema()
    missing = []
    for kind in types.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        missing += [] if kind.description else [kind.name]
        missing += _undescribed_parts(kind)
    for directive in types.directives:
        if not is_specified_directive(directive) and not directive.description:
            missing.append(f"@{directive.name}")
    assert missing == []


def _undescribed_parts(kind: GraphQLNamedType) -> list[str]:
    missing = []
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            missing += [] if field.description else [f"{kind.name}.{name}"]
            missing += [
                f"{kind.name}.{name}({argument})" for argument, value in field.args.items() if not value.description
            ]
    elif isinstance(kind, GraphQLInputObjectType):
        missing += [f"{kind.name}.{name}" for name, value in kind.fields.items() if not value.description]
    elif isinstance(kind, GraphQLEnumType):
        missing += [f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description]
    return missing
