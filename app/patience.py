"""Patience with slow clients: what uvicorn's HTTP protocol does not know of.

A connection costs memory and a file descriptor, and whoever opens one and says nothing, or says it byte by byte, would keep both
for ever. Bodies are looked after where they are read (`app/web/body.py`), WebSockets by their pings.
"""

from asyncio import TimerHandle, Transport
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.one_write import OneWrite

MAX_HEAD_BYTES = 64 * 1024  # of the request line and the headers: tokens and signed URLs need some hundred

# True in a request's scope once its whole body is here: then nobody is waited for, and no watch is needed.
BODY_IS_HERE = "satchel.body_is_here"

# What a client must take of a response in the time it is given, in bytes: less is what one does who wants to hold it.
_LEAST_TAKEN_BYTES = 4 * 1024

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for the head of a request, from the connection's first moment or the head's first byte; and for a response of which
    nothing is taken.
    """

    head_seconds: float = 15.0
    response_seconds: float = 120.0


class PatientConfig(uvicorn.Config):
    """Uvicorn's configuration, with patience."""

    def __init__(self, app: Any, patience: Patience, **options: Any) -> None:
        super().__init__(app, http=PatientProtocol, **options)
        self.patience = patience


class PatientProtocol(HttpToolsProtocol):
    """One connection. Timers run only while somebody is waited for: a request whose head comes in one piece makes none."""

    config: PatientConfig

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = self.config.patience
        self._head_bytes = 0  # of a head that is not complete
        self._awaits_head = True
        self._head_timer: TimerHandle | None = None
        self._response_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there, and is expected to say something."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, or of a body."""
        if self._awaits_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        # A head has begun, or the rest of a body comes that nobody waits for: either is to end some time.
        if not (self._head_bytes if self._awaits_head else self._is_answered):
            self._forget_head()
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_TOO_LONG)
        elif self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there. Raises ValueError, which ends the parsing, for one that came whole but is too long."""
        if self._head_bytes > MAX_HEAD_BYTES and self._length_of_head() > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")
        self._awaits_head, self._head_bytes = False, 0
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle  # there is none when a first request asks for another protocol
        if cycle is not None and not cycle.response_started:
            cycle.transport = OneWrite(self.transport, self.loop)  # type: ignore[assignment]  # a response writes and closes

    def on_body(self, body: bytes) -> None:
        """Bytes of a body. Those that the application takes before more come are handed on as they are.

        Uvicorn copies each piece into an array and the array into bytes again. Added to no bytes at all a piece stays what it
        is; an array is needed only where several wait together.
        """
        cycle: RequestResponseCycle | None = self.cycle  # there is none while a first request asks for another protocol
        waiting: object = None if cycle is None else cycle.body
        if cycle is not None and not waiting:
            cycle.body = b""  # type: ignore[assignment]  # all that is done to it is += and bytes()
        elif cycle is not None and isinstance(waiting, bytes):
            cycle.body = bytearray(waiting)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """The parser gave up."""
        if self._awaits_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_TOO_LONG)
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        """The body too: what comes now is another request."""
        self._awaits_head = True
        self.scope[BODY_IS_HERE] = True  # type: ignore[literal-required]  # scopes may hold keys that no specification has
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer has been given to the transport, but perhaps not to the client."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect_taking()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        if self._response_timer is not None and not self.transport.is_closing():
            self._response_timer.cancel()
            self._response_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """No further request. What is left of the last answer by now, nobody wants."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is another protocol's."""
        self._stop_timers()
        super().handle_websocket_upgrade()

    @property
    def _is_answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return cycle is not None and cycle.response_complete

    @property
    def _is_being_answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _length_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self._patience.head_seconds, self._look_after_head)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _look_after_head(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._is_being_answered:
            self._expect_head()  # another request in the pipeline is being answered: its client is not slow
        elif self._head_bytes and self._awaits_head:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.abort()

    def _expect_taking(self) -> None:
        if self._response_timer is None:
            waiting = self.transport.get_write_buffer_size()
            self._response_timer = self.loop.call_later(
                self._patience.response_seconds, self._look_after_response, waiting
            )

    def _look_after_response(self, waiting: int) -> None:
        self._response_timer = None
        left = self.transport.get_write_buffer_size()
        if left and waiting - left < _LEAST_TAKEN_BYTES:
            self.transport.abort()
        elif left:
            self._expect_taking()

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()
        self._expect_taking()

    def _stop_timers(self) -> None:
        self._forget_head()
        if self._response_timer is not None:
            self._response_timer.cancel()
            self._response_timer = None
