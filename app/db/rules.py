"""CHECK constraints and dialect-dependent indexes for migrations: what Tortoise's own operations drop or cannot say."""

from collections.abc import Mapping, Sequence
from typing import Any


async def add_checks(editor: Any, table: str, checks: Mapping[str, str]) -> None:
    """Add named CHECK constraints to `table`.

    SQLite cannot add a constraint to a table, so the table is made anew from its own definition: only for tables that
    hold no rows yet, which is true in the migrations that create them. Raises RuntimeError otherwise.
    """
    client = editor.client
    if editor.DIALECT != "sqlite":
        clauses = ", ".join(f'ADD CONSTRAINT "{name}" CHECK ({rule})' for name, rule in checks.items())
        await client.execute_script(f'ALTER TABLE "{table}" {clauses};')
        return
    if await client.execute_query_dict(f'SELECT 1 FROM "{table}" LIMIT 1'):  # noqa: S608 - a name from a migration
        raise RuntimeError(f"{table} holds rows: a SQLite table takes its checks while it is empty")
    rows = await client.execute_query_dict(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", [table]
    )
    definition = next(row["sql"] for row in rows if row["type"] == "table")
    indexes = [row["sql"] for row in rows if row["type"] == "index"]
    end = definition.rindex("\n)")  # a comment with brackets of its own may follow
    clauses = "".join(f', CONSTRAINT "{name}" CHECK ({rule})' for name, rule in checks.items())
    await client.execute_query(f'DROP TABLE "{table}"')
    # Other tables refer to this one by name only, so their references hold again once the name is back.
    await client.execute_query(definition[:end] + clauses + definition[end:])
    for index in indexes:
        await client.execute_query(index)


async def add_indexes(editor: Any, statements: Sequence[str]) -> None:
    """Run CREATE INDEX statements. `{bytewise}` becomes the collation that compares text byte by byte."""
    collation = "COLLATE BINARY" if editor.DIALECT == "sqlite" else 'COLLATE "C"'
    for statement in statements:
        await editor.client.execute_query(statement.format(bytewise=collation))
