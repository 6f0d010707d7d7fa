"""A proxy for any protocol over TCP: it can refuse, break, be slow, or say nothing any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tests.faults.http import CHUNK_BYTES
from tests.faults.listener import Listener, Stream


class TcpProxy(Listener):
    """Passes bytes on, in both directions."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(upstream)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.latency_seconds = 0.0  # added to every chunk

    def fall_silent(self) -> None:
        """Take connections and bytes, and pass nothing on any more: a cable that was pulled."""
        self._flowing.clear()

    def speak(self) -> None:
        """Go on, with what was held back first."""
        self._flowing.set()

    async def serve(self, client: Stream) -> None:
        """Both directions, until either side closes."""
        server: Stream | None = None
        try:
            await self._flowing.wait()
            server = await asyncio.open_connection(*self.upstream)
            await self.converse(client, server)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            for stream in (client, server):
                if stream is not None:
                    stream[1].close()

    async def converse(self, client: Stream, server: Stream) -> None:
        """From the first byte to the last one."""
        await first_to_end(self.pump(client[0], server[1]), self.pump(server[0], client[1]))

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction."""
        while data := await reader.read(CHUNK_BYTES):
            await self.pass_on(data, writer)

    async def pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """Bytes, as soon as they may go."""
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        await self._flowing.wait()
        writer.write(data)
        await writer.drain()


async def first_to_end(*directions: Coroutine[Any, Any, None]) -> None:
    """Until one direction has ended; the other one is then over too. Raises what it raised."""
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
