"""What can go wrong with a request: one class for each thing."""

import asyncio
from dataclasses import dataclass, field

from tests.faults.http import CHUNK_BYTES
from tests.faults.proxy import Exchange, Hung


@dataclass(frozen=True)
class Late:
    """The request waits for so many seconds before it goes on."""

    seconds: float

    async def happen(self, exchange: Exchange) -> None:
        await asyncio.sleep(self.seconds)
        await exchange.pass_on()


@dataclass(frozen=True)
class Slow:
    """Bodies trickle, in both directions."""

    bytes_per_second: float

    async def happen(self, exchange: Exchange) -> None:
        await exchange.pass_on(bytes_per_second=self.bytes_per_second)


@dataclass(frozen=True)
class Reset:
    """The connection breaks before anything was done."""

    async def happen(self, exchange: Exchange) -> None:
        exchange.reset()


@dataclass(frozen=True)
class Silent:
    """The request is taken, its body read or not, and then nothing happens any more until the client goes."""

    reads_body: bool = True

    async def happen(self, exchange: Exchange) -> None:
        if self.reads_body:
            await exchange.swallow()
            await exchange.client[0].read(1)  # returns when the client closes
        else:
            # The client's buffers fill up; that it goes is noticed only when the proxy is stopped.
            await asyncio.Event().wait()
        raise Hung


@dataclass(frozen=True)
class Says:
    """An answer from in front of the server, which hears nothing of it; `code` is an error code of S3."""

    status: int
    code: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # Whether the answer waits for the request's body. A server that does not want it closes the connection.
    reads_body: bool = True

    async def happen(self, exchange: Exchange) -> None:
        if self.reads_body:
            await exchange.swallow()
        body = self.body or (f"<Error><Code>{self.code}</Code></Error>".encode() if self.code else b"")
        fields = {"content-length": str(len(body)), "content-type": "application/xml", **self.headers}
        if not self.reads_body:
            fields["connection"] = "close"
        head = f"HTTP/1.1 {self.status} Said\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await exchange.reply(head.encode() + b"\r\n" + (b"" if exchange.request.method == "HEAD" else body))
        if not self.reads_body:
            raise Hung


@dataclass(frozen=True)
class CutRequest:
    """The connection breaks after so many bytes of the request's body; the server has had those."""

    after: int

    async def happen(self, exchange: Exchange) -> None:
        await exchange.ask(limit=self.after)
        exchange.reset()


@dataclass(frozen=True)
class CutAnswer:
    """The server does what it is asked; after so many bytes of the answer's body the connection breaks, or falls silent."""

    after: int
    silent: bool = False

    async def happen(self, exchange: Exchange) -> None:
        await exchange.ask()
        head, body = await exchange.answer()
        await exchange.reply(head.raw)
        left = self.after
        async for data in body:
            await exchange.reply(data[:left])
            left -= len(data[:left])
            if not left:
                break
        # What was sent shall arrive before the connection breaks.
        await (asyncio.Event().wait() if self.silent else asyncio.sleep(0.05))
        exchange.reset()


@dataclass(frozen=True)
class LostAnswer:
    """The server does what it is asked, and nobody hears of it: the connection breaks, or with `silent` stays without a word."""

    silent: bool = False

    async def happen(self, exchange: Exchange) -> None:
        await exchange.ask()
        _, body = await exchange.answer()
        async for _ in body:
            pass
        if self.silent:
            await exchange.client[0].read(CHUNK_BYTES)
            raise Hung
        exchange.reset()
