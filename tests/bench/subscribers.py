"""A crowd of subscribers in one process, as cheap as it can be: it must not be what is measured.

Started with a `Crowd` in JSON on its standard input. It says "ready" once every subscriber has been given an event that is
called WARM, and then, when each has been given as many as were announced that are called MEASURED, when that was: the seconds
of the system's monotonic clock.
"""

import asyncio
import base64
import json
import os
import sys
import time
from typing import TypedDict, cast

import uvloop

WARM, MEASURED = "warm", "measured"

_WARM, _MEASURED, _ACK = b'"warm"', b'"measured"', b'"connection_ack"'
_TEXT, _CLOSE, _PING = 1, 8, 9


class Crowd(TypedDict):
    """What the crowd does: one subscriber for each of the documents."""

    port: int
    path: str
    token: str
    documents: list[str]
    events: int


class _Tally:
    def __init__(self, crowd: Crowd) -> None:
        self.warm_left = len(crowd["documents"])
        self.left = self.warm_left * crowd["events"]
        self.ready = asyncio.Event()
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def warmed(self) -> None:
        self.warm_left -= 1
        if not self.warm_left:
            self.ready.set()

    def counted(self) -> None:
        self.left -= 1
        if not self.left:
            self.done.set_result(time.monotonic())

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))
            self.ready.set()


class _Subscriber(asyncio.Protocol):
    """Just enough of RFC 6455: what a server sends is not masked, and what it sends here comes in one frame."""

    def __init__(self, crowd: Crowd, document: str, tally: _Tally) -> None:
        self._crowd = crowd
        self._document = document
        self._tally = tally
        self._received = b""
        self._upgraded = False
        self._warm = False
        self.subscribed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        lines = [
            f"GET {self._crowd['path']} HTTP/1.1",
            f"Host: 127.0.0.1:{self._crowd['port']}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        if not self._upgraded:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                self._received = received
                return
            if b" 101 " not in received[:20]:
                self._tally.failed(f"no upgrade: {received[:200]!r}")
                return
            self._upgraded = True
            received = received[end + 4 :]
            self._send({"type": "connection_init", "payload": {"authorization": f"Bearer {self._crowd['token']}"}})
        at, size = 0, len(received)
        while size - at >= 2:
            length, head = received[at + 1], 2
            if length == 126 and size - at >= 4:
                length, head = int.from_bytes(received[at + 2 : at + 4], "big"), 4
            if (length > 125 and head == 2) or size - at < head + length:
                break
            self._frame(received[at] & 15, received[at + head : at + head + length])
            at += head + length
        self._received = received[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.failed(f"the connection ended: {exc}")

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._transport.write(bytes([0x8A, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)
        elif _MEASURED in payload:
            self._tally.counted()
        elif _WARM in payload:
            if not self._warm:
                self._warm = True
                self._tally.warmed()
        elif _ACK in payload:
            self._send({"id": "1", "type": "subscribe", "payload": {"query": self._document}})
            self.subscribed.set()
        elif opcode in (_TEXT, _CLOSE):
            self._tally.failed(f"unexpected: {payload[:300]!r}")

    def _send(self, message: object) -> None:
        payload = json.dumps(message).encode()
        head = bytes([0x81, 0x80 | min(len(payload), 126)])
        length = len(payload).to_bytes(2, "big") if len(payload) > 125 else b""
        # A mask of zeros changes nothing.
        self._transport.write(head + length + b"\0\0\0\0" + payload)


async def _run(crowd: Crowd) -> None:
    loop, tally = asyncio.get_running_loop(), _Tally(crowd)
    for document in crowd["documents"]:
        _, subscriber = await loop.create_connection(
            lambda document=document: _Subscriber(crowd, document, tally),  # type: ignore[misc] # mypy infers no lambda with defaults
            "127.0.0.1",
            crowd["port"],
        )
        await subscriber.subscribed.wait()
    print("subscribed", flush=True)
    await tally.ready.wait()
    print("ready", flush=True)
    print(await tally.done, flush=True)


if __name__ == "__main__":
    uvloop.run(_run(json.load(sys.stdin)))
