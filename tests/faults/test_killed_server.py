"""SIGKILL at each step of an upload: nothing is left that the expiry job does not clear, and no ACTIVE row lacks its bytes.

Each step is reached for certain, not by timing: the upload is held there from outside, by bytes that are not sent or by a
lock on the row, until the test has seen that it got there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiosqlite
import asyncpg
import pytest

from app.db import Database
from app.db.config import sqlite_path
from app.models import FileStatus
from tests.fixtures.ledger import recorded
from tests.fixtures.site import Site
from tests.fixtures.wire import connected, framing, upload

pytestmark = pytest.mark.requirement("R1")

CONTENT = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 8000


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something has been seen."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - it is seen from outside, in another process
            await asyncio.sleep(0.01)


@asynccontextmanager
async def rows_held(database: Database) -> AsyncIterator[None]:
    """Keep every process from changing a file row."""
    if database.dialect == "sqlite":
        async with aiosqlite.connect(sqlite_path(database.url), isolation_level=None) as connection:
            await connection.execute("BEGIN IMMEDIATE")
            yield
            await connection.execute("ROLLBACK")
    else:
        connection = await asyncpg.connect(database.url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT id FROM files FOR UPDATE")
                yield
        finally:
            await connection.close()


async def test_killed_after_the_reservation(site: Site) -> None:
    server = await site.start()
    person = await site.person()
    before, after = framing()
    async with connected(server.base_url) as connection:
        await connection.head(person.token, length=len(before) + len(CONTENT) + len(after))
        await connection.send(before)

        async def reserved() -> bool:
            return FileStatus.PENDING in (await site.states(person.user)).values()

        await until(reserved)
        assert await recorded(site.database, person.user.id) == (len(CONTENT), 0)
        await server.kill()
    await site.sweep()
    assert await recorded(site.database, person.user.id) == (0, 0)


async def test_killed_in_mid_stream(site: Site) -> None:
    server = await site.start()
    person = await site.person()
    before, after = framing()
    async with connected(server.base_url) as connection:
        await connection.head(person.token, length=len(before) + len(CONTENT) + len(after))
        await connection.send(before + CONTENT[: len(CONTENT) // 2])

        async def half_written() -> bool:
            return any(size > 0 for size in site.store.objects().values())

        await until(half_written)
        await server.kill()
    assert set((await site.states(person.user)).values()) == {FileStatus.PENDING}
    assert site.store.objects() != {}
    await site.sweep()
    assert await recorded(site.database, person.user.id) == (0, 0)


async def test_killed_between_the_rename_and_the_settling(site: Site) -> None:
    server = await site.start()
    person = await site.person()
    before, after = framing()
    async with connected(server.base_url) as connection:
        await connection.head(person.token, length=len(before) + len(CONTENT) + len(after))
        await connection.send(before + CONTENT)

        async def reserved() -> bool:
            return FileStatus.PENDING in (await site.states(person.user)).values()

        await until(reserved)
        (key,) = await site.states(person.user)
        async with rows_held(site.database):
            await connection.send(after)

            async def renamed() -> bool:
                return site.store.objects() == {key: len(CONTENT)}

            await until(renamed)
            await server.kill()
    # A settling that was waiting for the lock may still have been carried out by the database server, for nobody.
    in_doubt = {FileStatus.PENDING} if site.database.dialect == "sqlite" else {FileStatus.PENDING, FileStatus.ACTIVE}
    assert set((await site.states(person.user)).values()) <= in_doubt
    await site.sweep()


async def test_killed_after_the_settling(site: Site) -> None:
    server = await site.start()
    person = await site.person()
    assert (await upload(server.base_url, person.token, CONTENT)).code is None
    await server.kill()
    await site.sweep()
    assert list(site.store.objects().values()) == [len(CONTENT)]
    assert await recorded(site.database, person.user.id) == (len(CONTENT), 0)


async def test_a_server_that_is_told_to_stop_lets_an_upload_in_flight_finish(site: Site) -> None:
    server = await site.start()
    person = await site.person()
    before, after = framing()
    async with connected(server.base_url) as connection:
        await connection.head(person.token, length=len(before) + len(CONTENT) + len(after))
        await connection.send(before + CONTENT[:100_000])

        async def reserved() -> bool:
            return FileStatus.PENDING in (await site.states(person.user)).values()

        await until(reserved)
        stopping = asyncio.create_task(server.terminate())

        async def stopped_listening() -> bool:
            return "Shutting down" in server.log()

        await until(stopped_listening)
        await connection.send(CONTENT[100_000:] + after)
        assert (await connection.reply()).code is None
        assert await stopping in {0, 143}
    assert set((await site.states(person.user)).values()) == {FileStatus.ACTIVE}
    await site.sweep()


async def test_a_server_that_is_told_to_stop_does_not_wait_for_ever(site: Site) -> None:
    server = await site.start(SHUTDOWN_GRACE_SECONDS="1")
    person = await site.person()
    before, after = framing()
    async with connected(server.base_url) as connection:
        await connection.head(person.token, length=len(before) + len(CONTENT) + len(after))
        await connection.send(before + CONTENT[:100_000])

        async def reserved() -> bool:
            return FileStatus.PENDING in (await site.states(person.user)).values()

        await until(reserved)
        await server.terminate(60)
    # An orderly end: what was in flight has been given up by the server itself.
    assert await recorded(site.database, person.user.id) == (0, 0)
    await site.sweep()
