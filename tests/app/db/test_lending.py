"""The lending pool on a real server: whoever waits is served, nothing is lost, and what is broken is not lent again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest

from app.db import Database
from app.db.lending import LendingPool

_MANY_SECONDS = 20.0


@asynccontextmanager
async def lending(
    url: str, *, most: int, sweep_seconds: float = 60.0
) -> AsyncIterator[tuple[LendingPool, asyncpg.Pool]]:
    stock = await asyncpg.create_pool(url, min_size=0, max_size=most)
    pool = LendingPool(stock, sweep_seconds=sweep_seconds)
    try:
        yield pool, stock
    finally:
        async with asyncio.timeout(_MANY_SECONDS):
            await pool.close()


async def _session(connection: Any) -> int:
    return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def _until(condition: Any) -> None:
    async with asyncio.timeout(_MANY_SECONDS):
        while not condition():  # noqa: ASYNC110 - asyncpg tells nobody
            await asyncio.sleep(0.01)


async def test_statements_take_turns_on_a_connection_that_stays_out_of_the_pool(postgres_url: str) -> None:
    async with lending(postgres_url, most=2) as (pool, stock):
        sessions = set()
        for _ in range(5):
            connection = await pool.acquire()
            sessions.add(await _session(connection))
            assert pool.keep(connection)

        assert len(sessions) == 1
        assert stock.get_idle_size() == 0


async def test_more_callers_than_connections_are_all_served(postgres_url: str) -> None:
    async with lending(postgres_url, most=3) as (pool, _):
        out = most = 0
        all_out = asyncio.Event()

        async def work(number: int) -> int:
            nonlocal out, most
            connection = await pool.acquire()
            out, most = out + 1, max(most, out + 1)
            if out == 3:
                all_out.set()
            await all_out.wait()  # the first ones may be done before the third connection is there
            session = await _session(connection)
            out -= 1
            if number % 3:
                assert pool.keep(connection)
            else:
                await pool.release(connection)
            return session

        async with asyncio.timeout(_MANY_SECONDS):
            sessions = await asyncio.gather(*map(work, range(60)))

        assert len(sessions) == 60
        assert most == 3


async def test_a_waiter_that_leaves_passes_on_what_it_was_given(postgres_url: str) -> None:
    async with lending(postgres_url, most=1) as (pool, _):
        connection = await pool.acquire()
        first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        assert pool.keep(connection)  # it is the first one's now, who has not run since
        first.cancel()

        async with asyncio.timeout(_MANY_SECONDS):
            assert await second is connection
        with suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        assert pool.keep(connection)


async def test_a_place_that_a_leaving_waiter_was_given_is_not_lost(postgres_url: str) -> None:
    async with lending(postgres_url, most=1) as (pool, _):
        connection = await pool.acquire()
        first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        await pool.release(connection)
        first.cancel()

        async with asyncio.timeout(_MANY_SECONDS):
            another = await second
        assert pool.keep(another)


async def test_a_connection_that_the_server_closed_is_replaced(postgres_url: str) -> None:
    async with lending(postgres_url, most=1) as (pool, stock):
        connection = await pool.acquire()
        session = await _session(connection)
        assert pool.keep(connection)
        watcher = await asyncpg.connect(postgres_url)
        await watcher.execute("SELECT pg_terminate_backend($1)", session)
        await watcher.close()
        await _until(lambda: stock.get_size() == 0)

        another = await pool.acquire()
        assert await _session(another) != session
        assert pool.keep(another)


async def test_a_connection_that_is_closed_is_not_kept(postgres_url: str) -> None:
    async with lending(postgres_url, most=1) as (pool, _):
        connection = await pool.acquire()
        await connection.close()

        assert not pool.keep(connection)
        await pool.release(connection)
        another = await pool.acquire()
        assert await _session(another)
        assert pool.keep(another)


async def test_what_nobody_needs_goes_back_to_the_pool(postgres_url: str) -> None:
    async with lending(postgres_url, most=3, sweep_seconds=0.1) as (pool, stock):
        connections = [await pool.acquire() for _ in range(3)]
        for connection in connections:
            assert pool.keep(connection)

        await _until(lambda: stock.get_idle_size() == 3)


async def test_what_is_used_stays_while_the_rest_goes_back(postgres_url: str) -> None:
    async with lending(postgres_url, most=3, sweep_seconds=0.2) as (pool, stock):
        connections = [await pool.acquire() for _ in range(3)]
        for connection in connections:
            assert pool.keep(connection)
        async with asyncio.timeout(_MANY_SECONDS):
            while stock.get_idle_size() < 2:
                connection = await pool.acquire()
                await asyncio.sleep(0.01)
                assert pool.keep(connection)

        assert stock.get_idle_size() == 2


async def test_closing_waits_for_what_is_lent(postgres_url: str) -> None:
    async with lending(postgres_url, most=2) as (pool, stock):
        lent, kept = await pool.acquire(), await pool.acquire()
        assert pool.keep(kept)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0.05)

        assert not closing.done()
        assert await _session(lent)
        assert not pool.keep(lent)
        await pool.release(lent)
        async with asyncio.timeout(_MANY_SECONDS):
            await closing
        assert stock.get_size() == 0


async def test_a_statement_that_is_cancelled_costs_the_others_nothing(postgres_url: str) -> None:
    database = Database(postgres_url, pool_max=2)
    await database.open()
    try:
        slow = [asyncio.create_task(database.fetch("SELECT pg_sleep(30)")) for _ in range(2)]
        await asyncio.sleep(0.2)
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        async with asyncio.timeout(_MANY_SECONDS):
            rows = await asyncio.gather(*(database.fetch("SELECT $1::int AS one", number) for number in range(20)))

        assert [row[0]["one"] for row in rows] == list(range(20))
    finally:
        await database.close()


@pytest.mark.parametrize("statement", ["SELECT 1/0", "INSERT INTO users DEFAULT VALUES", "SELECT nothing"])
async def test_statements_that_fail_use_no_connection_up(postgres_url: str, statement: str) -> None:
    database = Database(postgres_url, pool_max=2)
    await database.open()
    try:
        failures = await asyncio.gather(*(database.fetch(statement) for _ in range(8)), return_exceptions=True)

        assert all(isinstance(failure, Exception) for failure in failures)
        assert await database.fetch("SELECT 1 AS one") == [{"one": 1}]
    finally:
        await database.close()
