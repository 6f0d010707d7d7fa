"""What surrounds every route, in plain ASGI, so that bodies stream through it untouched. From the outside in:

`RequestLog`       the request's id, its trace, its one line in the log and its part in the metrics
`SecurityHeaders`  defaults for what a route does not say itself
CORS               for the front ends that are configured
`Errors`           an error becomes a JSON reply and, where it is ours, one line in the log
`BodyLimit`        routes that want no body get none
`Binding`          the database of this process becomes that of the request's models

A layer that does nothing after the one below is no coroutine but hands on the other's: each coroutine is gone through whenever the
request goes on.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable
from typing import Protocol

import structlog
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import Database
from app.errors import PayloadTooLarge, SatchelError
from app.settings import Settings
from app.telemetry.logs import BoundOnce, bind_request, causes
from app.telemetry.setup import Telemetry
from app.telemetry.tracing import NOTHING, SpanKind
from app.web.body import BodyError, BodyTimedOut, ClientDisconnected, RequestBody
from app.web.problems import problem_of
from app.web.replies import DiscardBounds, send_reply
from app.web.watching import QUIET_ROUTES, describe, measure, sender_of

_log = structlog.get_logger("satchel.http")
_often = BoundOnce("satchel.http")

REQUEST_ID = b"x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# Some clients send a small body with every request. It is read and forgotten up to this size, in bytes, and for so long.
BODY_LIMIT_BYTES = 16 * 1024
_BODY_SECONDS = 10.0

_EXPOSED_HEADERS = ("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Retry-After", "X-Request-ID")


class Surroundings(Protocol):
    """What the middleware needs of the runtime."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def telemetry(self) -> Telemetry: ...


def wrap(app: ASGIApp, runtime: Surroundings, *, own_body_limits: tuple[str, ...] = ("/graphql",)) -> ASGIApp:
    """`app` with everything around it. The paths `own_body_limits` look after their request bodies themselves."""
    app = Binding(app, runtime)
    app = BodyLimit(app, exempt=frozenset(own_body_limits))
    app = Errors(app)
    if runtime.settings.cors_origins:
        # Without credentials: tokens travel in a header of their own, never in cookies. So any header may be asked for.
        app = CORSMiddleware(
            app,
            allow_origins=runtime.settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("*",),
            expose_headers=_EXPOSED_HEADERS,
        )
    return RequestLog(SecurityHeaders(app), runtime.telemetry)


class RequestLog:
    """Gives each request an id, tells it to the client and the log, and writes one line when the request has ended.

    The line names the route's template and never the path: the path of a signed URL is a secret.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        bind_request(request_id)
        tally = _Tally(receive, send, request_id)
        tracing = self._telemetry.tracing
        traced = tracing.on and scope["path"] not in QUIET_ROUTES
        with tracing.begin(scope["type"], SpanKind.SERVER, sender_of(scope)) if traced else NOTHING as span:
            try:
                await self._app(scope, tally.receive, tally.send)
            finally:
                self._tell(scope, tally)
                if traced:
                    describe(span, scope, tally.status)

    def _tell(self, scope: Scope, tally: "_Tally") -> None:
        _log_request(scope, tally)
        if scope["type"] == "http":
            measure(
                self._telemetry.metrics,
                scope,
                tally.status,
                tally.seconds,
                tally.bytes_received,
                tally.bytes_sent,
            )


class _Tally:
    """Counts what is received and sent."""

    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id.encode("ascii")
        self.status: int | None = None
        self.bytes_received = 0
        self.bytes_sent = 0
        self.complete = False
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (REQUEST_ID, self._request_id)]}
        await self._send(message)
        if message["type"] == "http.response.body":
            self.bytes_sent += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)


def _request_id(scope: Scope) -> str:
    """The id that the client or a proxy chose, if it is harmless; else a new one."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == REQUEST_ID]
    return given[0] if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]) else secrets.token_hex(16)


def _log_request(scope: Scope, tally: _Tally) -> None:
    route = getattr(scope.get("route"), "path", None)
    facts: dict[str, object] = {"route": route, "seconds": round(tally.seconds, 6)}
    if scope["type"] == "websocket":
        _log.info("websocket.closed", **facts)
        return
    facts |= {"method": scope["method"], "status": tally.status, "bytes_sent": tally.bytes_sent}
    if not tally.complete:
        facts["cut_short"] = True
    quiet = route in QUIET_ROUTES and tally.status == 200
    _often.logger.log(10 if quiet else 20, "http.request", **facts)


class SecurityHeaders:
    """Headers that make a browser do less, on every response that does not bring its own."""

    _ALWAYS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )
    _POLICY = b"content-security-policy"
    _DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
    # A page says itself where its scripts come from; only what no page of ours needs is taken away.
    _PAGE_POLICY = b"frame-ancestors 'none'; object-src 'none'; base-uri 'none'"

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        def send_with_defaults(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = dict(headers)
                headers += [(name, value) for name, value in self._ALWAYS if name not in present]
                if self._POLICY not in present:
                    is_page = present.get(b"content-type", b"").startswith(b"text/html")
                    headers.append((self._POLICY, self._PAGE_POLICY if is_page else self._DATA_POLICY))
                message = {**message, "headers": headers}
            return send(message)

        return self._app(scope, receive, send_with_defaults)


class Errors:
    """Answers errors in JSON. Those of the domain are logged at their own level, unforeseen ones with a traceback, once.

    When a response has begun, it can only be broken off: the client sees a body that is too short.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        def watch(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - the last line of defence: nothing may pass without an answer
            problem = problem_of(error)
            structlog.contextvars.bind_contextvars(code=problem.code)
            _log_error(error, problem.status, started=started)
            if not started:
                await problem.response()(scope, receive, send)


def _log_error(error: Exception, status: int, *, started: bool) -> None:
    event = "http.response_cut_short" if started else "http.request_failed"
    if status == 500:
        _log.error(event, exc_info=error)
    elif isinstance(error, SatchelError) and error.log_level in {"warning", "error"}:
        _log.log({"warning": 30, "error": 40}[error.log_level], event, error=str(error), cause=causes(error))


class BodyLimit:
    """Takes request bodies away from the routes that have no use for them, and refuses those that are not small."""

    def __init__(
        self, app: ASGIApp, *, exempt: frozenset[str] = frozenset(), limit_bytes: int = BODY_LIMIT_BYTES
    ) -> None:
        self._app = app
        self._exempt = exempt
        self._limit_bytes = limit_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            return self._app(scope, receive, send)
        return self._bodiless(scope, receive, send)

    async def _bodiless(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = RequestBody(scope, receive)
        if body.complete:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                await body.read(self._limit_bytes)
        except ClientDisconnected:
            return
        except TimeoutError:
            await _refuse(send, body, BodyTimedOut("The body of the request took too long."))
        except (PayloadTooLarge, BodyError) as error:
            await _refuse(send, body, error)
        else:
            await self._app(scope, _without_body(receive), send)


async def _refuse(send: Send, body: RequestBody, error: SatchelError) -> None:
    problem = problem_of(error)
    structlog.contextvars.bind_contextvars(code=problem.code)
    await send_reply(send, body, problem.response(), DiscardBounds())


def _without_body(receive: Receive) -> Receive:
    """What a route sees when its request's body has been read already: an empty one, and then whatever comes."""
    told = False

    async def receive_rest() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive_rest


class Binding:
    """Makes the models of this request work on the database of this process."""

    def __init__(self, app: ASGIApp, runtime: Surroundings) -> None:
        self._app = app
        self._runtime = runtime

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] in {"http", "websocket"}:
            self._runtime.database.bind()
        return self._app(scope, receive, send)
