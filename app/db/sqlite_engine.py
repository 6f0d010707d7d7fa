"""Tortoise's SQLite engine with transactions that take the write lock at once and never leak it.

Three things are wrong for us in the stock engine. It begins with BEGIN, so a transaction that reads before it writes fails
with "database is locked" when another process wrote in between; BEGIN IMMEDIATE waits in line instead. And when BEGIN
itself fails, the stock context keeps the connection's lock, and the process never touches its database again; connecting
has the same fault.
"""

import sqlite3
from typing import Any

from tortoise.backends.base.client import ConnectionWrapper, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError

from app.db.statements import Spanned, SpannedTransaction


class _Connection(ConnectionWrapper[Any]):
    async def __aenter__(self) -> Any:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class _ImmediateTransaction(SqliteTransactionWrapper):
    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class _Transaction(SpannedTransaction, _ImmediateTransaction):
    system = "sqlite"


class _Context(SqliteTransactionContext):
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        client: TransactionalDBClient = self.connection
        return client


class Client(Spanned, SqliteClient):
    """The engine's client."""

    system = "sqlite"

    async def create_connection(self, with_db: bool) -> None:
        """Connect. A connection whose first statements fail (a damaged file, a full disk) is closed again: its thread
        would keep the process from ever ending.
        """
        try:
            await super().create_connection(with_db)
        except BaseException:
            await self.close()
            raise

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        """The connection and its lock, for one statement."""
        return _Connection(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return _Context(_Transaction(self), self._lock)


client_class: Any = Client
