"""The database room: units of work, their retries, and what a cancelled or failed one leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from app.clock import SystemClock
from app.db import Database
from app.models import User


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_max=4)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def add_user(name: str) -> User:
    now = SystemClock().now()
    return await User.create(email=f"{name}@example.org", name=name, created_at=now, updated_at=now)


async def test_a_unit_commits_what_it_did_and_then_calls_back(database_url: str) -> None:
    async with opened(database_url) as database:
        seen: list[int] = []

        async def look() -> None:
            seen.append(await User.all().count())

        async def unit() -> str:
            database.after_commit(look)
            await add_user("ada")
            return "done"

        assert await database.transaction(unit) == "done"
        assert seen == [1]


async def test_a_unit_that_fails_changes_nothing_and_calls_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        called: list[str] = []

        async def unit() -> None:
            database.after_commit(lambda: called.append("called"))
            await add_user("ada")
            raise LookupError("on purpose")

        with pytest.raises(LookupError):
            await database.transaction(unit)
        assert await User.all().count() == 0
        assert called == []


async def test_an_inner_unit_joins_the_outer_one(database_url: str) -> None:
    async with opened(database_url) as database:

        async def outer() -> None:
            await database.transaction(lambda: add_user("ada"))
            raise LookupError("on purpose")

        with pytest.raises(LookupError):
            await database.transaction(outer)
        assert await User.all().count() == 0


async def test_after_commit_outside_a_unit_is_refused(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        with pytest.raises(RuntimeError):
            database.after_commit(lambda: None)


async def test_a_cancelled_caller_leaves_no_open_transaction(database_url: str) -> None:
    async with opened(database_url) as database:
        inside = asyncio.Event()
        go_on = asyncio.Event()

        async def unit() -> None:
            await add_user("ada")
            inside.set()
            await go_on.wait()

        caller = asyncio.create_task(database.transaction(unit))
        await inside.wait()
        caller.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await caller
        # The unit came to its end before the caller was let go, and the connection is free again.
        assert await database.transaction(lambda: User.all().count()) == 1


async def test_failing_units_do_not_use_the_connections_up(database_url: str) -> None:
    async with opened(database_url) as database:
        await add_user("ada")
        for _ in range(12):
            with pytest.raises(IntegrityError):
                await database.transaction(lambda: add_user("ada"))
        assert await User.all().count() == 1


async def test_deadlocked_units_are_repeated_until_both_are_done(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        first, second = await add_user("ada"), await add_user("ben")
        both = asyncio.Barrier(2)
        attempts = 0

        async def crossing(one: User, other: User) -> None:
            nonlocal attempts
            attempts += 1
            meet = attempts <= 2
            rename = "UPDATE users SET name = name || '!' WHERE id = $1"
            await database.execute(rename, one.id)
            if meet:
                await both.wait()
            await database.execute(rename, other.id)

        await asyncio.gather(
            database.transaction(lambda: crossing(first, second)),
            database.transaction(lambda: crossing(second, first)),
        )
        assert {user.name for user in await User.all()} == {"ada!!", "ben!!"}
        assert attempts == 3


async def test_two_processes_on_one_sqlite_file_wait_for_each_other(sqlite_url: str) -> None:
    async with opened(sqlite_url) as one, opened(sqlite_url) as other:
        one.bind()
        user = await add_user("ada")

        async def count_up(database: Database) -> None:
            database.bind()
            for _ in range(25):

                async def unit() -> None:
                    rows = await database.fetch("SELECT token_generation FROM users WHERE id = $1", user.id)
                    await database.execute(
                        "UPDATE users SET token_generation = $2 WHERE id = $1",
                        user.id,
                        rows[0]["token_generation"] + 1,
                    )

                await database.transaction(unit)

        await asyncio.gather(asyncio.create_task(count_up(one)), asyncio.create_task(count_up(other)))
        one.bind()
        assert (await User.get(id=user.id)).token_generation == 50


async def test_raw_statements_take_and_give_the_same_values_on_both_dialects(database_url: str) -> None:
    async with opened(database_url) as database:
        user = await add_user("ada")
        rows = await database.fetch(
            "SELECT email FROM users WHERE id = $1 AND created_at = $2", user.id, user.created_at
        )
        assert rows == [{"email": "ada@example.org"}]
        assert await database.execute("UPDATE users SET name = $2 WHERE id = $1", user.id, "Ada") == 1
        assert await database.execute("UPDATE users SET name = $2 WHERE id = $1", uuid4(), "Ada") == 0


async def test_the_check_constraints_hold(database_url: str) -> None:
    async with opened(database_url) as database:
        user = await add_user("ada")
        with pytest.raises(IntegrityError):
            await database.execute(
                "INSERT INTO user_storage (user_id, used_bytes, trash_bytes) VALUES ($1, $2, 0)", user.id, -1
            )


async def test_a_connection_comes_back_without_another_round_trip(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        watcher = await asyncpg.connect(postgres_url)
        try:
            await database.fetch("SELECT 1 AS one")
            statement = (
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert {row["query"] for row in await watcher.fetch(statement)} == {"SELECT 1 AS one"}
        finally:
            await watcher.close()


async def test_behind_a_transaction_pooler_nothing_is_left_in_a_session(postgres_url: str) -> None:
    """PgBouncer in transaction mode hands out another session with every transaction, so none may remember anything."""
    async with opened(f"{postgres_url}?pgbouncer=true") as database:
        for name in ("ada", "ben", "eve"):
            await database.transaction(partial(add_user, name))
            assert await database.fetch("SELECT name FROM users WHERE email = $1", f"{name}@example.org") != []
        assert await database.fetch("SELECT name FROM pg_prepared_statements") == []
        assert await database.fetch("SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


@pytest.mark.parametrize(
    "error, expected",
    [
        (ConnectionResetError(), True),
        (asyncpg.AdminShutdownError(), True),
        # Seen of a connection whose server was killed while it answered.
        (asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"), True),
        (asyncpg.UndefinedColumnError(), False),
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_database_that_was_away_is_told_from_a_wrong_statement(error: Exception, expected: bool) -> None:
    assert Database("postgres://127.0.0.1/none").is_trouble(error) is expected
