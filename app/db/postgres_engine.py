"""Tortoise's asyncpg engine with transactions that give their connection back when BEGIN fails, and a quick way back.

The stock context takes a connection from the pool, begins, and forgets the connection when that fails: a database that
restarts under load would empty the pool for good. The stock pool asks the server to reset the session whenever a connection
comes back, which costs as much as the statement that it was taken for.
"""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections

from app.db.lending import LendingPool
from app.db.statements import Spanned, SpannedTransaction


class _Transaction(SpannedTransaction, TransactionWrapper):
    system = "postgresql"


class _Context(TransactionContextPooled):
    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await pool.release(self.client._connection)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


async def _leave_as_it_is(_: object) -> None:
    """Nothing here sets anything on a session, since PgBouncer in transaction mode would not keep it; asyncpg itself rolls back a
    transaction that was left open.
    """


class _Borrowed(PoolConnectionWrapper[asyncpg.Connection]):
    """A connection for one statement."""

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None or not self.client._pool.keep(self.connection):
            await super().__aexit__(kind, error, trace)


class Client(Spanned, AsyncpgDBClient):
    """The engine's client."""

    system = "postgresql"

    async def create_pool(self, **options: Any) -> Any:
        """The pool of connections."""
        return LendingPool(await asyncpg.create_pool(None, reset=_leave_as_it_is, **options))

    def acquire_connection(self) -> PoolConnectionWrapper[asyncpg.Connection]:
        """A connection for one statement outside a transaction."""
        return _Borrowed(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return _Context(_Transaction(self), self._pool_init_lock)


client_class: Any = Client
