"""What proxies have in common: a port that can refuse, break and come back, and a task for each connection."""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

from tests.faults.http import CHUNK_BYTES
from tests.fixtures.servers.ports import free_port

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Listener:
    """At `port` of 127.0.0.1, in front of `upstream`, which is a host and a port."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go_down()

    async def serve(self, client: Stream) -> None:
        """One connection, until its end. Whatever it opened it closes, also when it is cancelled."""
        raise NotImplementedError

    async def go_down(self) -> None:
        """Refuse connections, and break those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.break_connections()
        await asyncio.sleep(0)  # connections are closed by the loop

    async def break_connections(self) -> int:
        """Break the connections that there are, as a machine does that has lost its memory of them; how many."""
        tasks = list(self._connections)
        for task, writer in list(self._connections.items()):
            reset(writer)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(tasks)

    async def come_back(self) -> None:
        """Accept connections, at the same port. Nothing, when they are accepted already."""
        if self._server is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Small, so that what the proxy has not read yet is with the sender, and not somewhere in between.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK_BYTES)
        listener.bind(("127.0.0.1", self.port))
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=4 * CHUNK_BYTES)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve((reader, writer)))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection without a farewell."""
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
