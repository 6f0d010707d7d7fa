"""The one database of a process: transactions as units of work, after-commit callbacks, raw SQL on both dialects."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.models import Model

from app.db import config, sql
from app.db.driver_errors import driver_errors
from app.db.loading import as_models

M = TypeVar("M", bound=Model)
T = TypeVar("T")
Row = dict[str, Any]
AfterCommit = Callable[[], Awaitable[None] | None]

_ATTEMPTS = 4  # the first and three retries
_log = structlog.get_logger(__name__)
_callbacks: ContextVar[list[AfterCommit] | None] = ContextVar("satchel_after_commit", default=None)


class Database:
    """Holds the connections of one process. Bind it in a task before models are used there."""

    def __init__(self, url: str, *, pool_min: int = 1, pool_max: int = 10) -> None:
        self.url = url
        self.dialect = config.dialect_of(url)
        self._config = config.tortoise_config(url, pool_min=pool_min, pool_max=pool_max)
        self._context = TortoiseContext()
        self._errors = driver_errors(self.dialect)

    async def open(self) -> None:
        """Connect. Raises what the driver raises when the server is not there."""
        self.bind()
        await self._context.init(config=self._config)
        await self.check()

    async def close(self) -> None:
        """Give every connection back."""
        await self._context.close_connections()

    async def check(self) -> None:
        """A cheap probe: raises when the database does not answer."""
        await self.fetch("SELECT 1 AS one")

    def bind(self) -> None:
        """Make this the database of Tortoise's models in the current task and in the tasks it starts."""
        # Entered and never left: the binding ends with the task's own copy of the context variables.
        self._context.__enter__()

    async def transaction(self, unit: Callable[[], Awaitable[T]]) -> T:
        """Run `unit` in one transaction and return what it returns, after its commit and its after-commit callbacks.

        Inside another unit it simply joins that one. Deadlocks, serialisation failures and a locked SQLite file are
        retried three times, so a unit must be safe to repeat. The unit runs in a task of its own: a caller that is
        cancelled waits for it to end, and no half-open transaction is left behind.
        """
        if _callbacks.get() is not None:
            return await unit()
        return await self._repeated(lambda: self._run(unit))

    async def statement(self, statement: str, *values: Any) -> list[Row]:
        """The rows of one statement that is a whole transaction by itself, with the promises of `transaction`."""
        if _callbacks.get() is not None:
            return await self.fetch(statement, *values)
        return await self._repeated(lambda: self.fetch(statement, *values))

    async def _repeated(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await _finish(work())
            except Exception as error:
                if attempt == _ATTEMPTS or not self._worth_repeating(error):
                    raise
                _log.info("database.retry", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(random.uniform(0.005, 0.03) * attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    async def _run(self, unit: Callable[[], Awaitable[T]]) -> T:
        callbacks: list[AfterCommit] = []
        # Both context variables are set in this task's own copy: nothing to reset, nothing to leak.
        async with self._context.db()._in_transaction():
            _callbacks.set(callbacks)
            result = await unit()
        _callbacks.set(None)
        for callback in callbacks:
            outcome = callback()
            if outcome is not None:
                await outcome
        return result

    def after_commit(self, callback: AfterCommit) -> None:
        """Call `callback` once the current unit has committed; at once when there is no unit."""
        callbacks = _callbacks.get()
        if callbacks is None:
            raise RuntimeError("after_commit belongs inside a transaction unit")
        callbacks.append(callback)

    async def fetch(self, statement: str, *values: Any) -> list[Row]:
        """The rows of a statement, RETURNING included, in the current unit when there is one."""
        connection = self._context.db()
        if self.dialect == "sqlite":
            rows = await connection.execute_query_dict(sql.for_sqlite(statement), [sql.sqlite_value(v) for v in values])
        else:
            rows = await connection.execute_query_dict(statement, [sql.postgres_value(v) for v in values])
        return rows

    async def load(self, model: type[M], statement: str, *values: Any) -> list[tuple[M, Mapping[str, Any]]]:
        """The rows of a statement that selects all columns of a model's table, each as a model and as it came."""
        rows: Sequence[Mapping[str, Any]]
        if self.dialect == "sqlite":
            rows = await self.fetch(statement, *values)
        else:
            # As the driver has them: to make dictionaries of them takes longer than to make models.
            _, rows = await self._context.db().execute_query(statement, [sql.postgres_value(v) for v in values])
        return list(zip(as_models(self.dialect, model, rows), rows, strict=True))

    def made(self, model: type[M], row: Row) -> M:
        """The model of a row whose columns are all known, because it has just been written."""
        return as_models(self.dialect, model, [row])[0]

    async def execute(self, statement: str, *values: Any) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""
        connection = self._context.db()
        if self.dialect == "sqlite":
            count, _ = await connection.execute_query(sql.for_sqlite(statement), [sql.sqlite_value(v) for v in values])
        else:
            count, _ = await connection.execute_query(statement, [sql.postgres_value(v) for v in values])
        return count

    def now_plus(self, seconds_placeholder: str) -> str:
        """SQL for a moment that many seconds from now, on the database's clock."""
        return sql.now_plus(self.dialect, seconds_placeholder)

    def among(self, placeholder: str) -> str:
        """SQL that follows a column: is one of the ids in this list."""
        return sql.among(self.dialect, placeholder)

    @property
    def types(self) -> dict[str, str]:
        """The names of the column types that differ: `uuid` and `moment`, for CASTs."""
        if self.dialect == "sqlite":
            return {"uuid": "TEXT", "moment": "TEXT"}
        return {"uuid": "UUID", "moment": "TIMESTAMPTZ"}

    @property
    def for_update(self) -> str:
        """The locking clause; SQLite has none and needs none, for its units hold the write lock from the start."""
        return "" if self.dialect == "sqlite" else "FOR UPDATE"

    @property
    def for_share(self) -> str:
        """The clause that keeps a row from being changed, and lets others do the same."""
        return "" if self.dialect == "sqlite" else "FOR SHARE"

    @property
    def skip_locked(self) -> str:
        """The locking clause of those who take what nobody else works on at the moment."""
        return "" if self.dialect == "sqlite" else "FOR UPDATE SKIP LOCKED"

    def is_trouble(self, error: BaseException) -> bool:
        """Whether the database was away or too busy, and not the statement wrong: the same may succeed later."""
        # Among asyncpg's errors of connections are those of values that it cannot send.
        away = isinstance(error, (OSError, DBConnectionError, *self._errors.away)) and not isinstance(error, ValueError)
        return away or self._worth_repeating(error)

    def _worth_repeating(self, error: BaseException) -> bool:
        if isinstance(error, self._errors.conflict):
            return True
        return isinstance(error, OperationalError) and "database is locked" in str(error)


async def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` in a task of its own to its end, also when this task is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # read it, or the loop would report it as never retrieved
        raise
