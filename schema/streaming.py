"""Results as they come, over HTTP: graphql-sse in its "distinct connections" mode, and multipart subscriptions.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import lru_cache
from typing import ClassVar, Protocol

from starlette.types import Receive, Send
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from app.auth import Session
from schema import http
from schema.errors import tell
from schema.sharing import text_of

BEAT_SECONDS = 12.0  # of silence before a sign of life: proxies hang up after half a minute and more
_STUCK_SECONDS = 60.0  # that one send may take before its client counts as gone

Results = AsyncGenerator[ExecutionResult, None]


class Format(Protocol):
    """How results go over the wire. `beat` is a sign of life, which clients overlook."""

    begin: str
    beat: str
    end: str

    @property
    def headers(self) -> Mapping[str, str]:
        """What says how to read it."""
        ...

    def next(self, text: str) -> str:
        """One result."""
        ...

    def failed(self, errors: str) -> str:
        """The end by errors, a JSON list."""
        ...


class ServerSentEvents:
    """Every line ends in LF: urql splits at LF LF only."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": "text/event-stream"}
    begin = ":\n\n"
    beat = ":\n\n"
    end = "event: complete\ndata:\n\n"

    def next(self, text: str) -> str:
        """One event. JSON as encoded here holds no line ends."""
        return f"event: next\ndata: {text}\n\n"

    def failed(self, errors: str) -> str:
        """A result without data."""
        return self.next(f'{{"errors":{errors}}}') + self.end


class MultipartMixed:
    """Each part is followed by its delimiter at once: clients wait for it."""

    headers: ClassVar[Mapping[str, str]] = {"Content-Type": 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'}
    begin = "--graphql"
    end = "--\r\n"

    def __init__(self) -> None:
        self.beat = self._part("{}")

    def next(self, text: str) -> str:
        """One part."""
        return self._part(f'{{"payload":{text}}}')

    def failed(self, errors: str) -> str:
        """Errors beside the payload end the subscription."""
        return self._part(f'{{"payload":null,"errors":{errors}}}') + self.end

    def _part(self, text: str) -> str:
        return f"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{text}\r\n--graphql"


_SSE = ServerSentEvents()
_MULTIPART = MultipartMixed()


@lru_cache(maxsize=256)
def preferred_format(accept: str) -> Format | None:
    """The stream that a client asked for with its Accept field; None for one that asked for JSON, or did not care.

    Several clients add the streams behind JSON to every request. So a stream must stand before it, or weigh more.
    """
    best: Format | None = None
    weight = 0.0
    for item in accept.split(","):
        spoken, found = _format_of(item)
        item_weight = http.weight_of(item)
        if spoken and item_weight > weight:
            best, weight = found, item_weight
    return best


def _format_of(item: str) -> tuple[bool, Format | None]:
    """Whether what one item of an Accept field stands for is spoken here, and which stream it is; None is JSON."""
    kind = item.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return True, _SSE
    if kind == "multipart/mixed" and "subscriptionspec=1.0" in item.lower().replace('"', "").replace(" ", ""):
        return True, _MULTIPART
    return kind in {http.JSON, http.GRAPHQL_RESPONSE, "application/*", "*/*"}, None


class ResultStream:
    """A response that goes on: until the operation ends, the client leaves, the token ends, or the server stops."""

    def __init__(
        self,
        form: Format,
        results: Results,
        session: Session | None,
        *,
        stopping: asyncio.Event,
        beat_seconds: float,
        request_id: str,
    ) -> None:
        self._form = form
        self._results = results
        self._session = session
        self._stopping = stopping
        self._beat_seconds = beat_seconds
        self._request_id = request_id
        self._sending = asyncio.Lock()
        self._ended = False

    async def serve(self, receive: Receive, send: Send) -> None:
        """Send it. A client that leaves, or takes nothing for a minute, is no error."""
        self._send = send
        headers = {
            **self._form.headers,
            "Cache-Control": "no-store, no-transform",
            "Vary": "Accept",
            "X-Accel-Buffering": "no",  # nginx would wait for more
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        tasks = [
            asyncio.create_task(work) for work in (self._pump(), self._beat(), self._stopping.wait(), _left(receive))
        ]
        if self._session is not None and self._session.principal is not None:
            tasks.append(asyncio.create_task(self._session_over(self._session)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError | TimeoutError):
                raise error
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self) -> None:
        await self._write(self._form.begin)
        async with aclosing(self._results) as results:
            async for result in results:
                if isinstance(result, PreExecutionError):
                    formatted = [error.formatted for error in result.errors or ()]
                    await self._write(self._form.failed(http.encode_json(formatted).decode()), last=True)
                    return
                await self._write(self._form.next(text_of(result)))
        await self._write(self._form.end, last=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            await self._write(self._form.beat)

    async def _session_over(self, session: Session) -> None:
        refusal = await session.until_over()
        told = tell(refusal, self._request_id)
        errors = [{"message": told.message, "extensions": told.extensions}]
        await self._write(self._form.failed(http.encode_json(errors).decode()), last=True)

    async def _write(self, text: str, *, last: bool = False) -> None:
        async with asyncio.timeout(_STUCK_SECONDS), self._sending:
            if self._ended:
                return
            self._ended = last
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _left(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
