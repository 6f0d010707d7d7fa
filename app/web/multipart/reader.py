"""The parts of a multipart body, one after the other, while the body is still on the wire."""

import copy
from collections import deque
from enum import Enum
from typing import Literal, NoReturn

import multipart

from app.errors import BadUserInput, PayloadTooLarge
from app.web.body import BodyError, RequestBody
from app.web.multipart.errors import MultipartError
from app.web.multipart.headers import Part, read_head

# RFC 7578 knows three headers of a part; clients of other make add one or two. Bytes of one line, and lines.
_HEADER_BYTES = 4096
_HEADERS = 8
_CRLF = b"\r\n"
# What is left of a body is read ahead when it is this little: then the file's size is known before it is reserved.
_READ_AHEAD_BYTES = 64 * 1024


class _Mark(Enum):
    PART_END = 1
    BODY_END = 2


_Event = Part | bytes | Literal[_Mark.PART_END, _Mark.BODY_END]


class PartReader:
    """Pulls parts out of a body, in their order. Built on the strict mode of PyPI `multipart`.

    Guaranteed: bytes are taken from the body only when a caller waits for them, and little more than one chunk of it is held here;
    the end of the last part is not told apart from a broken body by luck: `next_part` says None only after the closing delimiter,
    nothing behind it but one line break, and the end of the request.
    The first error is final: every later call raises it again.
    """

    def __init__(self, body: RequestBody, boundary: bytes, *, max_parts: int) -> None:
        self._body = body
        self._opening = b"--" + boundary
        self._closing = b"\r\n--" + boundary + b"--"
        self._parser = multipart.PushMultipartParser(
            boundary,
            max_header_size=_HEADER_BYTES,
            max_header_count=_HEADERS,
            max_segment_count=max_parts,
            strict=True,
        )
        self._events: deque[_Event] = deque()
        self._start = b""  # the body's first bytes, until they are known to be the first delimiter
        self._started = False
        self._edge = b""  # the last bytes that were parsed, enough to hold all but one of a closing delimiter
        self._epilogue: bytes | None = None  # what came behind the closing delimiter
        self._within_part = False
        self.failure: BadUserInput | PayloadTooLarge | None = None

    async def next_part(self) -> Part | None:
        """The head of the next part, past whatever is left of the present one; None at the proper end of the body.

        Raises MultipartError, and what `RequestBody.next_chunk` raises.
        """
        while True:
            if not self._events:
                await self._gather()
            event = self._events.popleft()
            if isinstance(event, Part):
                self._within_part = True
                return event
            self._within_part = False
            if event is _Mark.BODY_END:
                self._events.append(event)  # for whoever asks again
                return None

    async def next_data(self) -> bytes:
        """The next bytes of the present part, never empty; `b""` at its end. Raises as `next_part` does."""
        if not self._within_part:
            return b""
        if not self._events:
            await self._gather()
        event = self._events.popleft()
        if isinstance(event, bytes):
            return event
        self._within_part = False
        return b""

    def fail(self, error: BadUserInput | PayloadTooLarge) -> NoReturn:
        """Raise `error` now and at every later call."""
        self.failure = error
        self._events.clear()
        # A copy, because an exception that was raised holds on to the frames it came through.
        raise copy.copy(error)

    def check(self) -> None:
        """Raise the error that was final, if there was one."""
        if self.failure is not None:
            raise copy.copy(self.failure)

    async def estimate(self, *, last: bool) -> int | None:
        """The present part's bytes as far as they can be told, asked before any of them is read. `last`: no part follows.

        Exact for a part that is here with its end; for the last one, the rest of a body is read ahead if that is little.
        Otherwise the last one is taken to be what is still to come, less the closing delimiter and the line break that most
        clients send after it: never too much, and a few bytes short when there is no line break or the parser holds some
        back. None when the request has no Content-Length, and in front of other files, which share it: nobody may be refused
        for what others send.
        """
        length = self._body.length
        if length is None:
            return None
        if last and length - self._body.received <= _READ_AHEAD_BYTES:
            while self.failure is None and _Mark.PART_END not in self._events and self._body.received < length:
                await self._fill()
        here = 0
        for event in self._events:
            if event is _Mark.PART_END:
                return here
            here += len(event) if isinstance(event, bytes) else 0
        if not last:
            return None
        return max(0, length - self._body.received + here - len(self._closing) - len(_CRLF))

    async def _gather(self) -> None:
        """Wait for events. Asked only where there are none: most of a small body is here at once, and a coroutine is not free."""
        while not self._events:
            self.check()
            await self._fill()

    async def _fill(self) -> None:
        try:
            chunk = await self._body.next_chunk()
            if chunk:
                self._absorb(chunk)
            else:
                self._finish()
        except (multipart.ParserLimitReached, multipart.ParserError) as error:
            self.failure = MultipartError(f"The multipart body cannot be read: {error.args[0]}.")
        except BodyError as error:
            self.failure = error.with_traceback(None)

    def _absorb(self, chunk: bytes) -> None:
        if self._epilogue is not None:
            self._check_epilogue(self._epilogue + chunk)
            return
        if not self._started:
            # The parser itself would take a preamble, if it came in one piece.
            self._start += chunk
            if not self._start.startswith(self._opening):
                if self._opening.startswith(self._start):
                    return
                raise MultipartError("The body does not begin with the boundary that Content-Type announces.")
            self._started = True
            chunk, self._start = self._start, b""
        self._parse(chunk)

    def _parse(self, chunk: bytes) -> None:
        events = self._events
        for event in self._parser.parse(chunk):
            if event is None:
                events.append(_Mark.PART_END)
            elif isinstance(event, bytes):
                events.append(event)
            else:
                events.append(read_head(event.headerlist))
        if events and events[-1] is _Mark.PART_END:
            # Either the next part's head is still to come, or this was the last one. A closing delimiter inside a part
            # cannot be: it would have ended the part.
            around = self._edge + chunk
            at = around.find(self._closing)
            if at >= 0:
                self._check_epilogue(around[at + len(self._closing) :])
        size = len(self._closing) - 1
        self._edge = chunk[-size:] if len(chunk) >= size else (self._edge + chunk)[-size:]

    def _check_epilogue(self, epilogue: bytes) -> None:
        # RFC 2046 would allow anything here. Nobody needs it, and what is not there cannot hide a file.
        if not _CRLF.startswith(epilogue):
            raise MultipartError("Something follows the closing boundary.")
        self._epilogue = epilogue

    def _finish(self) -> None:
        if self._epilogue is None:
            raise MultipartError("The body ends before its closing boundary.")
        if self._epilogue not in {b"", _CRLF}:
            raise MultipartError("Something follows the closing boundary.")
        self._parser.close()
        self._events.append(_Mark.BODY_END)
