"""Applying migrations, by one process at a time, however many start at once."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from app.db import config

_LOCK_ID = 0x5A7C4E1  # "satchel", as far as hexadecimal can spell it


async def migrate(url: str) -> list[str]:
    """Bring the database at `url` to the newest schema; the names of the migrations that were applied now.

    Safe to run from several processes at once: each waits for the one before it, then finds nothing left to do.
    """
    if config.dialect_of(url) == "sqlite":
        path = config.sqlite_path(url)
        # The database holds password hashes: a folder that is made for it is its owner's alone.
        await asyncio.to_thread(Path(path).parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    async with _lock(url):
        return await _apply(config.tortoise_config(url, pool_min=1, pool_max=2))


async def _apply(configuration: dict[str, Any]) -> list[str]:
    applied: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    # The context is entered in a task of its own, so that the caller's own binding stays what it was.
    async def run() -> None:
        async with TortoiseContext() as context:
            await context.init(config=configuration)
            executor = MigrationExecutor(context.db(), configuration["apps"])
            await executor.migrate([MigrationTarget(app_label=config.APP, name="__latest__")], progress=note)

    await asyncio.create_task(run())
    return applied


@asynccontextmanager
async def _lock(url: str) -> AsyncIterator[None]:
    if config.dialect_of(url) == "sqlite":
        async with _file_lock(Path(config.sqlite_path(url) + ".migrate.lock")):
            yield
    else:
        async with _advisory_lock(url):
            yield


@asynccontextmanager
async def _file_lock(path: Path) -> AsyncIterator[None]:
    with path.open("w") as handle:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield  # closing the file lets go of the lock


@asynccontextmanager
async def _advisory_lock(url: str) -> AsyncIterator[None]:
    import asyncpg  # not where the database is SQLite

    credentials = config.tortoise_config(url)["connections"]["postgres"]["credentials"]
    connection = await asyncpg.connect(
        **{key: credentials[key] for key in ("host", "port", "user", "password", "database", "statement_cache_size")}
    )
    try:
        # Bound to a transaction and not to the session: PgBouncer in transaction mode has no sessions to speak of.
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_ID)
            yield
    finally:
        await connection.close()
