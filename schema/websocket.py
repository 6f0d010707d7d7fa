"""GraphQL over WebSocket: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md (graphql-transport-ws).

Strawberry's handler, but that: frames that are no messages close the connection and nothing else; the token comes in the
handshake's header or in the payload of `connection_init`; the connection ends with its token; results for many are sent as
they were encoded once.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, aclosing, suppress
from typing import TYPE_CHECKING, Any, cast

import structlog
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from app.auth import Session
from app.errors import BadUserInput, RateLimited, Unauthenticated
from app.services.seats import too_many
from app.web.strict_json import loads
from schema import http
from schema.errors import tell
from schema.graphql_errors import to_graphql_error
from schema.sharing import text_of

if TYPE_CHECKING:
    from schema.view import GraphQLView

# The codes of the protocol. Clients of the graphql-ws package connect again after FORBIDDEN, with a new token if they have
# one, and give up after the others.
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
TOO_MANY = 4429

_LONGEST_ID = 255  # characters of an operation's id
_LONGEST_REASON = 120  # bytes of a close frame's reason: RFC 6455, section 5.5 has room for 123
_STUCK_SECONDS = 60.0  # that one send may take before its client counts as gone

_log = structlog.get_logger(__name__)


class WebSocketAdapter(ASGIWebSocketAdapter):
    """Texts in and out. Raises WebSocketDisconnected for whatever cannot be sent any more."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """The messages. Raises NonJsonMessageReceived, and NonTextMessageReceived as Strawberry's does."""
        async with aclosing(self._texts()) as texts:
            async for text in texts:
                try:
                    yield loads(text.encode(), "The message")
                except (BadUserInput, UnicodeEncodeError) as error:
                    raise NonJsonMessageReceived from error

    async def _texts(self) -> AsyncGenerator[str, None]:
        while self.ws.application_state is not WebSocketState.DISCONNECTED:
            try:
                text = await self.ws.receive_text()
            except KeyError as error:
                raise NonTextMessageReceived from error
            except WebSocketDisconnect:
                return
            yield text

    async def send_json(self, message: Mapping[str, object]) -> None:
        """One message."""
        await self.send_text(http.encode_json(message).decode())

    async def send_text(self, text: str) -> None:
        """One message that is encoded already."""
        try:
            await self.ws.send({"type": "websocket.send", "text": text})
        except (WebSocketDisconnect, RuntimeError) as error:  # the latter after a close
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """End the connection; nothing if that has happened."""
        with suppress(RuntimeError, WebSocketDisconnect):
            await self.ws.close(code, reason.encode()[:_LONGEST_REASON].decode(errors="ignore"))


class WebSocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection."""

    view: "GraphQLView[Any]"
    websocket: WebSocketAdapter
    _session: Session | None = None
    _guard: asyncio.Task[None] | None = None
    _sending_since: float | None = None

    async def handle(self) -> None:
        """Serve it to its end."""
        with ExitStack() as self._seats:
            try:
                await super().handle()
            finally:
                if self._guard is not None:
                    self._guard.cancel()
                    await asyncio.wait([self._guard])

    async def handle_message(self, message: object) -> None:
        """Anything may have been sent."""
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            await super().handle_message(cast("Message", message))
        else:
            await self.handle_invalid_message("A message is an object with a type.")

    # ---------------------------------------------------------------- the connection

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Who is calling. Without a token only what needs none is answered, such as a login."""
        payload: object = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            await self.websocket.close(BAD_REQUEST, "The payload of connection_init must be an object.")
        elif self.connection_init_received:
            await self.websocket.close(TOO_MANY, "Too many initialisation requests")
        elif not self.connection_timed_out:
            self.connection_init_received = True
            if self.connection_init_timeout_task:
                self.connection_init_timeout_task.cancel()
            await self._begin(payload or {})

    async def _begin(self, parameters: Mapping[str, object]) -> None:
        self._session = session = self.view.session_of(_with_token(self.websocket.ws, parameters))
        try:
            principal = await session.renew()
            if principal is not None:
                self._seats.enter_context(self.view.socket_seat(principal.user_id))
        except Unauthenticated as refusal:
            await self.websocket.close(FORBIDDEN, tell(refusal, "").message)
            return
        except RateLimited as refusal:
            await self.websocket.close(TOO_MANY, tell(refusal, "").message)
            return
        self.context = self.view.context_of(self.websocket.ws, session)
        task = asyncio.current_task()
        self._guard = asyncio.create_task(self._end_soon(task) if principal is None else self._watch(session, task))
        await self.send_message({"type": "connection_ack"})
        self.connection_acknowledged = True

    async def _watch(self, session: Session, connection: asyncio.Task[Any] | None) -> None:
        """End the connection with its token, or when its client takes nothing any more."""
        over = asyncio.create_task(session.until_over())
        try:
            while not over.done():
                await asyncio.wait([over], timeout=_STUCK_SECONDS)
                if self._is_stuck() and connection is not None:
                    connection.cancel()
                    return
            refusal = over.result()
            # Who can have a new token is to come again; who has been shut out is not to try.
            code = FORBIDDEN if refusal.reason == "expired" else UNAUTHORIZED
            await self.websocket.close(code, tell(refusal, "").message)
        finally:
            over.cancel()

    async def _end_soon(self, connection: asyncio.Task[Any] | None) -> None:
        """Who has no token logs in here, and comes back with one: nobody counts the sockets of strangers."""
        await asyncio.sleep(self.view.stranger_seconds)
        if self._is_stuck() and connection is not None:
            connection.cancel()
        else:
            await self.websocket.close(FORBIDDEN, "Connect again, with a token.")

    def _is_stuck(self) -> bool:
        since = self._sending_since
        return since is not None and asyncio.get_running_loop().time() - since > _STUCK_SECONDS

    # ---------------------------------------------------------------- operations

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation of any kind."""
        if not self.connection_acknowledged:
            await self.websocket.close(UNAUTHORIZED, "Unauthorized")
            return
        identifier, payload = message.get("id"), message.get("payload")
        problem = _problem_of(identifier, payload)
        if problem is not None:
            await self.handle_invalid_message(problem)
            return
        if identifier in self.operations:
            await self.websocket.close(4409, f"Subscriber for {identifier} already exists")
            return
        most = self.max_subscriptions_per_connection
        if most is not None and len(self.operations) >= most:
            refusal = GraphQLError("", original_error=too_many("operations on this connection", most))
            told = to_graphql_error(refusal, self.context.request_id)
            await self.send_message({"id": identifier, "type": "error", "payload": [told.formatted]})
            return
        operation = Operation(
            self, identifier, payload["query"], payload.get("variables"), payload.get("operationName")
        )
        extensions = payload.get("extensions")
        operation.task = asyncio.create_task(self._run(operation, extensions))
        operation.task.add_done_callback(self._task_done)
        self.operations[identifier] = operation

    async def handle_complete(self, message: Any) -> None:
        """The client has enough of an operation."""
        if isinstance(message.get("id"), str):
            await super().handle_complete(message)
        else:
            await self.handle_invalid_message("complete needs the id of an operation.")

    async def _run(self, operation: Operation[Any, None], extensions: dict[str, object] | None) -> None:
        try:
            if self._session is not None:
                with suppress(Unauthenticated):  # the operation says so itself
                    await self._session.renew()
            results = await self.view.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=self.context,
                operation_name=operation.operation_name,
                operation_extensions=extensions,
            )
            async with aclosing(cast("AsyncGenerator[ExecutionResult, None]", results)) as stream:
                if await self._send_all(operation, stream):
                    await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            return
        except Exception as error:  # noqa: BLE001 - the last resort, as for requests
            _log.error("websocket.failed", request_id=self.context.request_id, exc_info=error)
            told = to_graphql_error(GraphQLError("", original_error=error), self.context.request_id)
            with suppress(WebSocketDisconnected):
                await operation.send_initial_errors([told])

    async def _send_all(self, operation: Operation[Any, None], results: AsyncGenerator[ExecutionResult, None]) -> bool:
        """Whether the operation came to its natural end; else the client has been told why not."""
        head = f'{{"id":{json.dumps(operation.id)},"type":"next","payload":'
        clock = asyncio.get_running_loop().time
        async for result in results:
            if isinstance(result, PreExecutionError):
                await operation.send_initial_errors(result.errors or [])
                return False
            if operation.completed:
                return False
            self._sending_since = clock()
            await self.websocket.send_text(f"{head}{text_of(result)}}}")
            self._sending_since = None
        return True


def _with_token(connection: HTTPConnection, parameters: Mapping[str, object]) -> HTTPConnection:
    """The connection with the token of `connection_init` where requests have theirs: browsers can set no headers here."""
    given = parameters.get("authorization", parameters.get("Authorization"))
    token = parameters.get("token")
    if isinstance(token, str) and not isinstance(given, str):
        given = f"Bearer {token}"
    if not isinstance(given, str) or not given.isascii():
        return connection
    headers = [(name, value) for name, value in connection.scope["headers"] if name != b"authorization"]
    return HTTPConnection({**connection.scope, "headers": [*headers, (b"authorization", given.encode())]})


def _problem_of(identifier: object, payload: object) -> str | None:
    """What is wrong with a `subscribe` message."""
    if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_ID:
        return f"subscribe needs an id of 1 to {_LONGEST_ID} characters."
    if not isinstance(payload, dict) or not isinstance(payload.get("query", ""), str | None):
        return "The payload of subscribe must be an object with a query."
    for name, kind in (("variables", dict), ("extensions", dict), ("operationName", str)):
        if not isinstance(payload.get(name), kind | None):
            return f"{name} has the wrong type."
    return None
