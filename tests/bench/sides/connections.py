"""The database of a stock side: the product's own connections, and its models."""

import asyncio
import os

from app.db import Database


class Connections:
    """The database that DATABASE_URL names, opened by the first request."""

    def __init__(self) -> None:
        self._database = Database(os.environ["DATABASE_URL"])
        self._opening = asyncio.Lock()
        self._open = False

    async def bind(self) -> None:
        """Make the models work in this request."""
        async with self._opening:
            if not self._open:
                await self._database.open()
                self._open = True
        self._database.bind()
