"""A proxy in front of a server that does to requests what networks and busy servers do to them. Controlled by tests.

It passes requests on unchanged, so that signatures stay valid, one exchange after the other on each connection. The first
fault that fits a request is done to it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from tests.faults.http import CHUNK_BYTES, Head, Request, read_answer_body, read_fixed, read_head
from tests.faults.listener import Listener, Stream, reset


class Hung(Exception):
    """The connection is over."""


class Fault(Protocol):
    """Something that happens to a request. Raises Hung when the connection cannot be used any more."""

    async def happen(self, exchange: "Exchange") -> None:
        """Do it."""
        ...


@dataclass
class _Rule:
    fault: Fault
    fits: Callable[[Request], bool]
    times: int | None


@dataclass
class Exchange:
    """A request that has arrived, but for its body, and the ways to go on with it."""

    request: Request
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    server: "_Upstream"
    body_left: int = field(init=False)

    def __post_init__(self) -> None:
        self.body_left = self.request.length

    async def pass_on(self, *, bytes_per_second: float | None = None) -> None:
        """The request to the server, the answer to the client."""
        await self.ask(bytes_per_second=bytes_per_second)
        head, body = await self.answer()
        await self.reply(head.raw)
        async for data in body:
            await _pace(len(data), bytes_per_second)
            await self.reply(data)
        if "close" in (head.headers.get("connection", ""), self.request.headers.get("connection", "")):
            raise Hung

    async def ask(self, *, limit: int | None = None, bytes_per_second: float | None = None) -> None:
        """The request to the server, or its head and at most `limit` bytes of its body."""
        await self.server.send(self.request.head.raw)
        length = self.body_left if limit is None else min(limit, self.body_left)
        self.body_left -= length
        async for data in read_fixed(self.client[0], length):
            await _pace(len(data), bytes_per_second)
            await self.server.send(data)

    async def answer(self) -> tuple[Head, AsyncIterator[bytes]]:
        """What the server says."""
        reader = await self.server.reader()
        head = await read_head(reader)
        if head is None:
            raise Hung
        return head, read_answer_body(reader, head, self.request.method)

    async def reply(self, data: bytes) -> None:
        """Bytes to the client."""
        self.client[1].write(data)
        await self.client[1].drain()

    async def swallow(self) -> None:
        """Read the rest of the request's body."""
        async for data in read_fixed(self.client[0], self.body_left):
            self.body_left -= len(data)

    def reset(self) -> None:
        """Break both connections, as a machine does that has lost its memory of them."""
        for writer in (self.client[1], self.server.writer):
            if writer is not None:
                reset(writer)
        raise Hung


class _Upstream:
    """The connection to the server that belongs to one of a client; made when it is needed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes) -> None:
        await self.reader()
        assert self.writer is not None
        self.writer.write(data)
        await self.writer.drain()

    async def reader(self) -> asyncio.StreamReader:
        if self._reader is None:
            self._reader, self.writer = await asyncio.open_connection(*self._address, limit=4 * CHUNK_BYTES)
        return self._reader


class FaultProxy(Listener):
    """In front of `upstream`, at `endpoint`. `seen` are all requests that arrived, in their order."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        super().__init__((parts.hostname or "", parts.port or 80))
        self._rules: list[_Rule] = []
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.seen: list[Request] = []
        self.faults = 0  # how often one has happened
        self.under_way = 0  # requests that have come, and not come to their end

    def inject(
        self, fault: Fault, *, when: Callable[[Request], bool] = lambda _: True, times: int | None = None
    ) -> None:
        """Have a fault happen to every request that fits from now on, or to the next `times` ones."""
        self._rules.append(_Rule(fault, when, times))

    def heal(self) -> None:
        """No more faults. What has befallen a request already stays."""
        self._rules.clear()

    async def serve(self, client: Stream) -> None:
        """One exchange after the other."""
        reader, writer = client
        server = _Upstream(*self.upstream)
        try:
            while (head := await read_head(reader)) is not None:
                exchange = Exchange(Request(head), client, server)
                self.seen.append(exchange.request)
                fault = self._fault_for(exchange.request)
                self.under_way += 1
                try:
                    await (exchange.pass_on() if fault is None else fault.happen(exchange))
                finally:
                    self.under_way -= 1
        except (Hung, OSError, asyncio.IncompleteReadError):
            return
        finally:
            for one in (writer, server.writer):
                if one is not None:
                    one.close()

    def _fault_for(self, request: Request) -> Fault | None:
        for rule in self._rules:
            if rule.times != 0 and rule.fits(request):
                rule.times = None if rule.times is None else rule.times - 1
                self.faults += 1
                return rule.fault
        return None


async def _pace(size: int, bytes_per_second: float | None) -> None:
    if bytes_per_second is not None:
        await asyncio.sleep(size / bytes_per_second)
