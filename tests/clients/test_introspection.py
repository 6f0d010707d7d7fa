"""Tools that ask the server for its schema get the one that is printed in the repository."""

from graphql import build_schema, lexicographic_sort_schema, print_schema

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node
from tests.fixtures.server import ROOT


async def test_the_schema_that_tools_ask_for_is_the_printed_one(node: Node, embedded: Satchel) -> None:
    said = await node.run("introspection.js", url=embedded.graphql_url)

    printed = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    assert said["errors"] is None
    assert said["schema"] == print_schema(lexicographic_sort_schema(printed))
