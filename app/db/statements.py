"""A span for every statement that a request or a job sends, on both engines: its text, never its values."""

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient

from app.telemetry.tracing import NOTHING, Span, SpanKind, is_traced, span

_LONGEST_TEXT = 2000  # characters; a list of a thousand ids is a thousand placeholders


class Spanned(BaseDBAsyncClient):
    """A mixin for clients, in front of the stock one. Where there is no trace it adds nothing that could be measured."""

    system: ClassVar[str]

    async def execute_query(self, query: str, values: Any = None) -> Any:
        """The count of rows, and rows."""
        with self._span(query):
            return await super().execute_query(query, values)

    async def execute_query_dict(self, query: str, values: Any = None) -> Any:
        """Rows as dictionaries."""
        with self._span(query):
            return await super().execute_query_dict(query, values)

    async def execute_insert(self, query: str, values: Any) -> Any:
        """One row more."""
        with self._span(query):
            return await super().execute_insert(query, values)

    async def execute_many(self, query: str, values: Any) -> None:
        """The statement with each of several lists of values."""
        with self._span(query):
            await super().execute_many(query, values)

    def _span(self, query: str) -> AbstractContextManager[Span]:
        if not is_traced():
            return NOTHING
        operation = query.lstrip()[:20].split(maxsplit=1)[0].upper()
        attributes = {
            "db.system.name": self.system,
            "db.operation.name": operation,
            "db.query.text": query.strip()[:_LONGEST_TEXT],
        }
        return span(operation, SpanKind.CLIENT, attributes)


class SpannedTransaction(Spanned, TransactionalDBClient):
    """The same for transactions, the ends of which take their time: that is when the disk is waited for."""

    async def begin(self) -> None:
        """The beginning."""
        with self._span("BEGIN"):
            await super().begin()  # type: ignore[safe-super]  # it is the stock wrapper's, which stands behind this one

    async def commit(self) -> None:
        """The end."""
        with self._span("COMMIT"):
            await super().commit()  # type: ignore[safe-super]  # it is the stock wrapper's, which stands behind this one

    async def rollback(self) -> None:
        """The other end."""
        with self._span("ROLLBACK"):
            await super().rollback()  # type: ignore[safe-super]  # it is the stock wrapper's, which stands behind this one
