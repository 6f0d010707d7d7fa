"""The head of a response and its first bytes in one write, which uvicorn makes two of.

Two writes are two calls of the system and two packets, and wake the client twice: for a small answer that costs as much again as the
answer does.
"""

from asyncio import AbstractEventLoop, Transport

_JOINED_BYTES = 64 * 1024  # what is longer costs more to copy than to write by itself


class OneWrite:
    """A connection as one response uses it. What is written first waits for what is written next, but for one turn of the loop at
    most: a response that has nothing to say yet begins all the same.
    """

    __slots__ = ("_held", "_is_first", "_loop", "_transport")

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._is_first = True

    def write(self, data: bytes) -> None:
        """Write now, or in a moment; in order in any case."""
        if self._is_first:
            self._is_first = False
            self._held = data
            self._loop.call_soon(self._let_go)
            return
        if self._held and len(data) <= _JOINED_BYTES:
            data, self._held = self._held + data, b""
        self._let_go()
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection behind what was written."""
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
