"""Migrations by two processes at once, one of which may be killed: the database is as one process alone makes it."""

import asyncio
import sys

import asyncpg

from tests.faults.driver.act import Act, Scenario
from tests.fixtures.server import ROOT, inherited_environment

_CATALOG = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


async def _run(act: Act) -> None:
    databases = act.world.servers.databases
    alone = await asyncio.to_thread(databases.migrated_database)
    wanted = await _catalog(alone)
    for number in range(act.rounds):
        url = await asyncio.to_thread(databases.create_database)
        first, second = await _migrating(url), await _migrating(url)
        if number % 2:
            await act.pause(0.6, 2.2)
            if first.returncode is None:
                first.kill()
                act.kills += 1
            await first.wait()
            await second.wait()
            first = await _migrating(url)
        statuses = [await first.wait(), await second.wait()]
        act.expect(statuses == [0, 0], f"migrations by two processes ended with {statuses}")
        act.expect(await _catalog(url) == wanted, "migrations by two processes made another schema")
        act.faults += 1
        await asyncio.to_thread(databases.drop_database, url)
    await asyncio.to_thread(databases.drop_database, alone)


async def _migrating(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        "migrate",
        cwd=ROOT,
        env=inherited_environment() | {"DATABASE_URL": url, "SECRET_KEY": "x" * 32},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _catalog(url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(_CATALOG)]
    finally:
        await connection.close()


SCENARIO = Scenario("migrations by two processes", _run, short=2, full=12)
