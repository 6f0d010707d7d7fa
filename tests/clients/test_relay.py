"""Relay: its compiler takes the schema and a paginated fragment, and its runtime the server's answers."""

import shutil
from pathlib import Path

from tests.fixtures.app import Satchel
from tests.fixtures.node import CLIENTS, Node
from tests.fixtures.server import ROOT


async def _compile(node: Node, folder: Path) -> Path:
    """The folder that holds what the compiler makes of the sources. It finds everything by the configuration beside them."""
    shutil.copytree(CLIENTS / "relay", folder)
    shutil.copy(ROOT / "schema" / "schema.graphql", folder)
    artefacts = folder / "__generated__"
    artefacts.mkdir()
    await node.call("relay-compiler/cli.js", folder=folder)
    return artefacts


async def test_relay_compiles_against_the_schema_and_pages_and_deletes(
    node: Node, embedded: Satchel, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        await embedded.file(name=name)
    artefacts = await _compile(node, tmp_path / "relay")

    token = embedded.people["student"].token
    said = await node.run("relay.js", url=embedded.graphql_url, token=token, artefacts=f"{artefacts}/")

    assert said == {
        "firstPage": ["a.txt", "b.txt"],
        "bothPages": ["a.txt", "b.txt", "c.txt"],
        "hasNextPage": False,
        "afterDeletion": ["b.txt", "c.txt"],
    }
