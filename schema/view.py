"""The GraphQL endpoint: who is calling is known before the body is read, and files are read while they arrive."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import TypeVar, cast

import structlog
from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.http import process_result as format_result
from strawberry.schema import Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from app.auth import Session
from app.clock import Clock, SystemClock
from app.errors import BadUserInput, Forbidden, PayloadTooLarge, SatchelError, Unauthenticated
from app.web.body import RequestBody
from app.web.multipart import MultipartForm, media_type
from app.web.problems import problem_of
from app.web.replies import send_reply
from app.web.strict_json import loads
from schema import http
from schema.errors import tell
from schema.ports import Authenticate, MakeContext, MakePage, SocketSeat, UploadRates, ViewLimits
from schema.request import MULTIPART, GraphQLRequest, query_parameters, request_data
from schema.streaming import Format, Results, ResultStream
from schema.upload_rules import UploadRules, VariablesWithFiles
from schema.websocket import WebSocketAdapter, WebSocketHandler

ContextT = TypeVar("ContextT")

_HOW_TO_SUBSCRIBE = (
    "Subscriptions are served over WebSocket (graphql-transport-ws), to Accept: text/event-stream,"
    " and to Accept: multipart/mixed;subscriptionSpec=1.0."
)

# What a request may ask for: by GET nothing that changes anything.
_READING = (OperationType.QUERY,)
_CALLING = (OperationType.QUERY, OperationType.MUTATION)
_WATCHING = (OperationType.QUERY, OperationType.SUBSCRIPTION)

_log = structlog.get_logger(__name__)


class GraphQLView(GraphQL[ContextT, None]):
    """An ASGI application. It must see the server's own `receive`: nothing in front of it may read bodies ahead. Of Strawberry's
    view it has the WebSockets; requests are answered here.

    Guaranteed: a request is answered by a GraphQL response, whatever is wrong with it; the caller is known before a byte of
    the body is read; no body is held in memory beyond `limits`; a reply that comes early reaches a client that is still sending.
    """

    websocket_adapter_class = WebSocketAdapter
    graphql_transport_ws_handler_class = WebSocketHandler

    def __init__(
        self,
        schema: Schema,
        *,
        authenticate: Authenticate,
        make_context: MakeContext[ContextT],
        graphiql: bool = True,
        page: MakePage | None = None,
        allowed_origins: Sequence[str] = (),
        limits: ViewLimits | None = None,
        clock: Clock | None = None,
        socket_seat: SocketSeat | None = None,
        upload_rates: UploadRates | None = None,
    ) -> None:
        if UploadRules not in schema.extensions:
            raise ValueError("the schema needs the extension UploadRules: without it two fields could share one body")
        super().__init__(
            schema,
            graphql_ide="graphiql" if graphiql else None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            allowed_origins=allowed_origins,
        )
        self._limits = limits or ViewLimits()
        self.connection_init_wait_timeout = timedelta(seconds=self._limits.init_seconds)
        self.max_subscriptions_per_connection = self._limits.operations_per_connection
        self.stranger_seconds = self._limits.stranger_seconds
        self._authenticate = authenticate
        self._make_context = make_context
        self._clock = clock or SystemClock()
        self.socket_seat: SocketSeat = socket_seat or (lambda _: nullcontext())
        self._make_page = page or self._page_from_elsewhere
        self._upload_rates = upload_rates
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        limits = self._limits
        body = RequestBody(
            scope, receive, idle_seconds=limits.idle_seconds, min_bytes_per_second=limits.min_bytes_per_second
        )
        request = GraphQLRequest(scope, receive, body)
        response = await self._respond(request)
        if isinstance(response, ResultStream):
            await response.serve(receive, send)
        else:
            await send_reply(send, request.content, response, self._limits.discard)
        if request.multipart is not None:
            request.multipart.let_go()

    def stop(self) -> None:
        """End every stream, since the server stops: clients that want more subscribe again, elsewhere."""
        self._stopping.set()

    async def _respond(self, request: GraphQLRequest) -> Response | ResultStream:
        try:
            if not request.wants_page:
                await self._admit(request)
            if request.format is not None:
                return await self._stream(request, request.format)
            if request.wants_page:
                return self._page()
            with self._upload_request(request):
                data = await self._read(request)
                return _response(request, await self._execute(request, data))
        except SatchelError as error:
            return _refusal(request, error)
        except Exception as error:  # noqa: BLE001 - the last resort: no client is shown how the service is made
            _log.error("http.failed", request_id=request.request_id, exc_info=error)
            return _refusal(request, error)

    async def _admit(self, request: GraphQLRequest) -> None:
        """Everything that can be refused before the body is read. Raises SatchelError."""
        method = request.method
        if method not in {"GET", "POST"} or (request.is_multipart and method != "POST"):
            allowed = "POST" if request.is_multipart else "GET, POST"
            raise http.Refused(405, f"GraphQL is served to {allowed}.", {"Allow": allowed})
        if request.content_encoding != "identity":
            # RFC 9110, section 15.5.16. A body is bounded by what is received, and a compressed one could be of any size.
            raise http.Refused(415, "Send the body as it is, not compressed.", {"Accept-Encoding": "identity"})
        if method == "POST" and not request.is_multipart:
            self._check_json(request)
        try:
            request.principal = await self._authenticate(request)
        except Unauthenticated as refusal:
            request.refusal = refusal
        if request.is_multipart:
            _check_sender(request)

    async def _stream(self, request: GraphQLRequest, form: Format) -> ResultStream:
        """The operation's results as they come. Raises BadUserInput and its kin, PayloadTooLarge."""
        data = await self._read(request)
        if request.refusal is None:  # else that is what every operation says
            request.watcher = self.session_of(request)
            await request.watcher.renew()
        try:
            results = await self.schema.stream(
                data.query,
                variable_values=data.variables,
                context_value=self._context(request),
                operation_name=data.operation_name,
                operation_extensions=data.extensions,
                allowed_operation_types=_WATCHING if request.reads else OperationType,
            )
        except InvalidOperationTypeError:
            raise http.Refused(405, "Mutations are served to POST.", {"Allow": "POST"}) from None
        return ResultStream(
            form,
            cast("Results", results),
            request.watcher,
            stopping=self._stopping,
            beat_seconds=self._limits.beat_seconds,
            request_id=request.request_id,
        )

    def session_of(self, connection: HTTPConnection) -> Session:
        """For a connection that stays open."""
        return Session(partial(self._authenticate, connection), self._clock)

    def context_of(self, connection: HTTPConnection, session: Session) -> ContextT:
        """What the operations of a WebSocket are given, once it has said who it is."""
        return self._make_context(
            connection=connection,
            principal=session.principal,
            refusal=session.refusal,
            request_id=http.request_id(),
            session=session,
        )

    def _upload_request(self, request: GraphQLRequest) -> AbstractContextManager[None]:
        if self._upload_rates is None or not request.is_multipart or request.principal is None:
            return nullcontext()
        return self._upload_rates.upload_request(request.principal.user_id)

    def _check_json(self, request: GraphQLRequest) -> None:
        if media_type(request.content_type) != http.JSON or not http.is_utf8(request.content_type):
            raise http.Refused(415, f"Send {http.JSON} in UTF-8, or {MULTIPART} for files.")
        if request.content.length is not None and request.content.length > self._limits.json_bytes:
            raise PayloadTooLarge(self._limits.json_bytes)

    # ------------------------------------------------------------------ one answer

    async def _read(self, request: GraphQLRequest) -> GraphQLRequestData:
        """The operation that a request carries. Raises BadUserInput and its kin, PayloadTooLarge."""
        if request.reads:
            return request_data(query_parameters(request))
        if not request.is_multipart:
            return request_data(loads(await request.content.read(self._limits.json_bytes), "The request's body"))
        request.multipart = await MultipartForm.open(request.content, request.content_type, self._limits.form)
        if self._upload_rates is not None and request.principal is not None:
            await self._upload_rates.uploads(request.principal.user_id, len(request.multipart.files))
        data = request_data(request.multipart.operations)
        data.variables = VariablesWithFiles(data.variables or {}, request.multipart.variables_with_files)
        return data

    async def _execute(self, request: GraphQLRequest, data: GraphQLRequestData) -> ExecutionResult:
        """The result. Raises Refused and BadUserInput for an operation that cannot run in this kind of request."""
        try:
            return await self.schema.execute(
                data.query,
                variable_values=data.variables,
                context_value=self._context(request),
                operation_name=data.operation_name,
                allowed_operation_types=_READING if request.reads else _CALLING,
                operation_extensions=data.extensions,
            )
        except MissingQueryError:
            raise BadUserInput("The request holds no query.", field="query") from None
        except CannotGetOperationTypeError as error:
            return _unknown_operation(error.operation_name)
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION:
                raise http.Refused(400, _HOW_TO_SUBSCRIBE) from None
            raise http.Refused(405, "Mutations are served to POST.", {"Allow": "POST"}) from None

    def _context(self, request: GraphQLRequest) -> ContextT:
        return self._make_context(
            connection=request,
            principal=request.principal,
            refusal=request.refusal,
            request_id=request.request_id,
            session=request.watcher,
        )

    def _page(self) -> Response:
        """GraphiQL's page. Raises Refused where there is none."""
        if self.graphql_ide is None:
            raise http.Refused(404, "Not Found")
        return self._make_page()

    def _page_from_elsewhere(self) -> Response:
        return HTMLResponse(self.graphql_ide_html)  # Strawberry's, which loads its scripts from a CDN

    # ------------------------------------------------------------------ what Strawberry asks for WebSockets

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> ContextT:
        """There is no principal yet: the token comes with the first message."""
        return self._make_context(
            connection=request, principal=None, refusal=None, request_id=http.request_id(), session=None
        )


def _response(request: GraphQLRequest, result: ExecutionResult) -> Response:
    status, body = 200, format_result(result)
    failure = request.multipart.failure if request.multipart else None
    if failure is not None and http.has_no_result(result.data):
        # What is wrong came to light while a field was reading a file, but it is wrong with the whole request.
        status = problem_of(failure).status
        body.pop("data", None)
    elif isinstance(result, PreExecutionError) or http.is_request_error(result):
        status = 400 if request.media_type == http.GRAPHQL_RESPONSE else 200
        body.pop("data", None)
    return _reply(body, status, request.media_type)


def _check_sender(request: GraphQLRequest) -> None:
    """Files come from known callers only, and not from a form on a foreign page. Raises Unauthenticated, Forbidden."""
    if request.principal is None:
        raise request.refusal or Unauthenticated("missing")
    # A browser sends a form, cookies included, wherever a page points it; it asks first before it adds such a header.
    if http.bearer_token(request) is None and not any(name in request.headers for name in http.PREFLIGHT_HEADERS):
        raise Forbidden


def _unknown_operation(name: str | None) -> ExecutionResult:
    problem = "The document holds no operation" + (f" named {name[:100]!r}." if name else ".")
    return PreExecutionError(data=None, errors=[GraphQLError(problem, extensions={"code": BadUserInput.code})])


def _refusal(request: GraphQLRequest, error: Exception) -> Response:
    told = tell(error, request.request_id)
    status = problem_of(error).status
    _log.info("http.refused", status=status, code=told.code, request_id=request.request_id)
    response = _reply(http.error_body(told), status, request.media_type)
    response.headers.update(http.headers_of(error))
    return response


def _reply(data: object, status: int, kind: str) -> Response:
    return http.Reply(data, status, media_type=f"{kind}; charset=utf-8")
