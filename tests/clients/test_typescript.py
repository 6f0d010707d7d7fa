"""graphql-codegen makes types of the README's documents with which a program compiles under `tsc --strict`, BigInt being a number."""

import shutil
from pathlib import Path

from tests.clients.readme import documents, scalars
from tests.fixtures.node import CLIENTS, Node
from tests.fixtures.server import ROOT


async def test_a_typed_program_compiles_and_its_mistakes_do_not(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "typescript"
    shutil.copytree(CLIENTS / "typescript", folder)
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')

    schema = str(ROOT / "schema" / "schema.graphql")
    assert scalars()["BigInt"] == "number"
    await node.run("codegen.js", schema=schema, documents=documents(), scalars=scalars(), folder=str(folder))

    assert await node.call("typescript/bin/tsc", folder=folder) == ""
