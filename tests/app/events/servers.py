"""A Redis that can be taken away, and what the log says of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.faults.tcp import TcpProxy
from tests.fixtures.redis import StartValkey
from tests.fixtures.servers.valkey import ValkeyProcess


@asynccontextmanager
async def proxied(server: ValkeyProcess) -> AsyncIterator[tuple[TcpProxy, str]]:
    """A way to the server that can be cut, and its URL."""
    async with TcpProxy(("127.0.0.1", server.port)) as proxy:
        yield proxy, f"redis://127.0.0.1:{proxy.port}/0"


async def stop(server: ValkeyProcess) -> None:
    await asyncio.to_thread(server.stop)


async def start_again(valkey: StartValkey, server: ValkeyProcess) -> ValkeyProcess:
    """The same server without its memory."""
    return await asyncio.to_thread(valkey, server.port)


async def has_noticed(logs: Sequence[Mapping[str, Any]], event: str) -> None:
    """Wait for a line of the log."""
    async with asyncio.timeout(30):
        while not any(line["event"] == event for line in logs):  # noqa: ASYNC110 - a list tells nobody of what it is given
            await asyncio.sleep(0.01)
