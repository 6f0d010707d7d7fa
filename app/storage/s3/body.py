"""The bytes of one request: an object, or a part of one, on its way through memory."""

import asyncio
import base64

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter
from google_crc32c import extend

from app.storage.backend import BATCH_BYTES
from app.storage.s3.patience import Patience

# Chunks smaller than this, in bytes, are copied together; a list of tiny ones would take many times their size.
_SMALL_CHUNK = 16 * 1024
# How much of a body that is passed on is kept for a second attempt, and how far it may be ahead of what was sent, in bytes.
# Both are small so that bytes are sent while the processor still has them in its caches: that halves what they cost.
REPEATABLE_BYTES = 1024 * 1024
_AHEAD_BYTES = 2 * 1024 * 1024


class Body:
    """Bytes in the pieces in which they came, so that they are not copied. Can be sent repeatedly."""

    def __init__(self) -> None:
        self.size = 0
        self.unhashed = 0
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._not_hashed: list[bytes] = []

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent from its start."""
        return True

    def add(self, chunk: bytes) -> None:
        """Append a chunk."""
        self.size += len(chunk)
        self.unhashed += len(chunk)
        if len(chunk) >= _SMALL_CHUNK:
            self._close_small()
            self._append(chunk)
            return
        self._small += chunk
        if len(self._small) >= BATCH_BYTES:
            self._close_small()

    def take_unhashed(self) -> list[bytes]:
        """The pieces that came since it was last asked for."""
        self._close_small()
        taken, self._not_hashed = self._not_hashed, []
        self.unhashed = 0
        return taken

    def complete(self) -> None:
        """Say that nothing more will come."""
        self._close_small()

    async def piece(self, position: int) -> bytes:
        """One of the pieces; nothing after the last one."""
        return self._pieces[position] if position < len(self._pieces) else b""

    def must_grow(self, position: int) -> bool:
        """Whether `piece` has to wait for one that has not come yet."""
        return False

    def release(self, position: int) -> None:
        """That piece was sent."""

    def crc32c(self) -> str:
        """The CRC32C of a complete body, as S3 writes it."""
        value = 0
        for piece in self._pieces:
            value = extend(value, piece)
        return base64.b64encode(value.to_bytes(4, "big")).decode()

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._not_hashed.append(piece)

    def _close_small(self) -> None:
        if self._small:
            self._append(bytes(self._small))
            self._small = bytearray()


class Passage(Body):
    """A body that is sent while it is received, and hardly held: it can be repeated in its first moments only."""

    def __init__(self, beginning: Body) -> None:
        super().__init__()
        self.__dict__.update(beginning.__dict__)
        self._sent = 0
        self._forgotten = 0
        self._complete = self._given_up = False
        self._grown = asyncio.Event()
        self._has_room = asyncio.Event()

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent from its start."""
        return not self._forgotten

    def complete(self) -> None:
        """Say that nothing more will come."""
        super().complete()
        self._complete = True
        self._grown.set()

    async def piece(self, position: int) -> bytes:
        """One of the pieces, waited for if need be; nothing after the last one."""
        while self.must_grow(position):
            self._grown.clear()
            await self._grown.wait()
        return await super().piece(position)

    def must_grow(self, position: int) -> bool:
        """Whether `piece` has to wait for one that has not come yet."""
        return position >= len(self._pieces) and not self._complete

    def release(self, position: int) -> None:
        """That piece was sent, for the first time or again."""
        if not position:
            self._sent = 0
        self._sent += len(self._pieces[position])
        if self._sent > REPEATABLE_BYTES:
            for old in range(self._forgotten, position + 1):
                self._pieces[old] = b""
            self._forgotten = position + 1
        self._has_room.set()

    async def wait_for_room(self) -> None:
        """Wait until what was sent is not far behind what was received, or until `give_up`."""
        while self.size - self._sent > _AHEAD_BYTES and not self._given_up:
            self._has_room.clear()
            await self._has_room.wait()

    def give_up(self) -> None:
        """Nobody will send it any more: there is nothing to wait for."""
        self._given_up = True
        self._has_room.set()

    def _append(self, piece: bytes) -> None:
        super()._append(piece)
        self._grown.set()


class Outgoing(payload.Payload):
    """A body as aiohttp sends it: from its start each time, `length` bytes. One that ends before raises ValueError.

    `patience` is told of every step, and put at rest while the body has to grow first.
    """

    def __init__(self, body: Body, length: int, patience: Patience) -> None:
        super().__init__(body)
        self._body = body
        self._length = length
        self._patience = patience
        self._transport: asyncio.WriteTransport | None = None

    @property
    def size(self) -> int:
        """The Content-Length of the request."""
        return self._length

    @property
    def consumed(self) -> bool:
        """Whether aiohttp must not send it again by itself."""
        return not self._body.repeatable

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything. Large pieces are cut, so that each step is one that a slow line can take in time."""
        self._transport = getattr(writer, "transport", None)
        sent = position = 0
        while sent < self._length:
            if self._body.must_grow(position):
                self._patience.rest()
            piece = await self._body.piece(position)
            if not piece:
                raise ValueError(f"the body has {sent} bytes only, not {self._length}")
            for start in range(0, len(piece), BATCH_BYTES):
                self._patience.renew()
                await writer.write(
                    piece if len(piece) <= BATCH_BYTES else memoryview(piece)[start : start + BATCH_BYTES]
                )
            self._body.release(position)
            sent += len(piece)
            position += 1
        self._patience.renew()

    def break_off(self) -> None:
        """Close the connection at once. Merely closed, it would stay until a server that reads nothing has read the rest."""
        if self._transport is not None:
            self._transport.abort()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Nobody asks for a body as text, but every payload must be able to say no."""
        raise TypeError("a body of bytes is no text")
