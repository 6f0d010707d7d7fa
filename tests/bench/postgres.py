"""PostgreSQL for measuring: version 18 with its defaults (fsync, synchronous commit), its data on a disk."""

import asyncio
import contextlib
from collections.abc import Iterator

import asyncpg

from app.db.migrations import migrate
from tests.bench.options import Options
from tests.fixtures.servers.databases import PostgresServer
from tests.fixtures.servers.postgres import start_postgres

_PROMISES = ("fsync", "synchronous_commit")


@contextlib.contextmanager
def databases(options: Options) -> Iterator[PostgresServer]:
    """A server to make databases on, the one that the options name or a new one. What was made there goes at the end."""
    if options.postgres_url is not None:
        server = PostgresServer(options.postgres_url, migrate=migrate, copy_files=False)
        try:
            yield server
        finally:
            server.drop_everything()
        return
    process = start_postgres(18, durable=True)
    try:
        yield PostgresServer(process.url, migrate=migrate, copy_files=False)
    finally:
        process.stop()


def let_commits_hurry(url: str) -> str:
    """Have commits on this database return before they are on the disk, so that the disk hides nothing else; its URL."""

    async def alter() -> None:
        connection = await asyncpg.connect(url)
        try:
            name = await connection.fetchval("SELECT quote_ident(current_database())")
            await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        finally:
            await connection.close()

    asyncio.run(alter())
    return url


def promises(url: str) -> str:
    """What a server says about what it does before a commit returns."""

    async def ask() -> str:
        connection = await asyncpg.connect(url)
        try:
            version = await connection.fetchval("SHOW server_version")
            told = [f"{name}={await connection.fetchval(f'SHOW {name}')}" for name in _PROMISES]
        finally:
            await connection.close()
        return ", ".join((f"PostgreSQL {version}", *told))

    return asyncio.run(ask())
