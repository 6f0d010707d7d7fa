"""A request's body as it comes off the wire, and what can go wrong with it on the way."""

import asyncio
import copy

from starlette.types import Message, Receive, Scope

from app.errors import BadUserInput, PayloadTooLarge
from app.patience import BODY_IS_HERE

IDLE_SECONDS = 60.0


class BodyError(BadUserInput):
    """The body of the request breaks a rule of HTTP or of its own format. `status` is the HTTP status that says so."""

    status: int = 400


class ClientDisconnected(BodyError):
    """The client hung up before the end of its body. No reply can reach it."""

    def __init__(self, problem: str = "The connection was closed before the end of the request.") -> None:
        super().__init__(problem)


class BodyTimedOut(BodyError):
    """The client kept the connection open and sent nothing for too long."""

    status = 408


class RequestBody:
    """One body, read by one task at a time, a chunk per call.

    Guaranteed: the server is asked for bytes only inside `next_chunk`, so that a reader that is slow slows the client
    (the server stops reading its socket, and TCP does the rest); nothing is kept here.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        idle_seconds: float = IDLE_SECONDS,
        min_bytes_per_second: int = 0,
    ) -> None:
        self._scope = scope
        headers: dict[bytes, bytes] = dict(scope["headers"])
        chunked = b"transfer-encoding" in headers
        declared = headers.get(b"content-length", b"")
        self.length: int | None = int(declared) if declared.isdigit() and not chunked else None
        self.received = 0
        # HTTP/1.x has no body without one of the two headers (RFC 9112, section 6.3).
        bodiless = self.length is None and not chunked and scope["http_version"] in {"1.0", "1.1"}
        self.complete = bodiless or self.length == 0
        self._expects_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._min_bytes_per_second = min_bytes_per_second
        self._waited_seconds = 0.0  # for the client, since the last look at its pace
        self._paced_bytes = 0
        self._failure: BodyError | None = None
        self._reading = False

    @property
    def awaits_permission(self) -> bool:
        """The client waits for "100 Continue" before it sends anything (RFC 9110, section 10.1.1)."""
        return self._expects_continue and not self.received and not self.complete

    async def next_chunk(self) -> bytes:
        """The next bytes, never empty; `b""` once the body is complete.

        Raises ClientDisconnected; BodyTimedOut after `idle_seconds` of waiting without a byte, or with less than
        `min_bytes_per_second` on average; again the same at every later call;
        BadUserInput when another task is reading.
        """
        if self._reading:
            raise BadUserInput("The files of one request are read one after the other.")
        self._reading = True
        try:
            return await self._next_chunk()
        finally:
            self._reading = False

    async def _next_chunk(self) -> bytes:
        while not self.complete:
            if self._failure is not None:
                raise copy.copy(
                    self._failure
                )  # a copy: an exception that was raised holds on to the frames it came through
            message = await (self._receive() if self._scope.get(BODY_IS_HERE, False) else self._patiently())
            if message is None:
                continue
            if message["type"] != "http.request":
                self._failure = ClientDisconnected()
                continue
            chunk: bytes = message.get("body", b"")
            self.received += len(chunk)
            self.complete = not message.get("more_body", False)
            if chunk:
                return chunk
        return b""

    async def _patiently(self) -> Message | None:
        """The next message of a client that has to be waited for; None when it came too late, which is a failure then."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError:
            self._failure = BodyTimedOut(f"Nothing arrived for {self._idle_seconds:g} seconds.")
            return None
        self._watch_pace(clock() - began, len(message.get("body", b"")))
        return message

    def _watch_pace(self, waited_seconds: float, size: int) -> None:
        # Only the time that the client was waited for counts: whoever is slowed down by a slow store is not slow.
        self._waited_seconds += waited_seconds
        self._paced_bytes += size
        if self._waited_seconds >= self._idle_seconds:
            if self._paced_bytes < self._min_bytes_per_second * self._waited_seconds:
                self._failure = BodyTimedOut(
                    f"The body came with less than {self._min_bytes_per_second} bytes a second."
                )
            self._waited_seconds, self._paced_bytes = 0.0, 0

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body, of at most `limit_bytes`. Raises PayloadTooLarge as early as it can be known."""
        if self.length is not None and self.length > limit_bytes:
            raise PayloadTooLarge(limit_bytes)
        chunks = []
        size = 0
        while chunk := await self.next_chunk():
            size += len(chunk)
            if size > limit_bytes:
                raise PayloadTooLarge(limit_bytes)
            chunks.append(chunk)
        return b"".join(chunks)

    async def discard(self, *, limit_bytes: int, seconds: float) -> None:
        """Read and forget what is still on its way, up to both bounds. Never raises for what the client does."""
        bound = self.received + limit_bytes
        try:
            async with asyncio.timeout(seconds):
                while not self.complete and self.received < bound:
                    await self.next_chunk()
        except (TimeoutError, BadUserInput):
            return
