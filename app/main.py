"""The composition root of the web process: the runtime, the GraphQL view, the routes, and what surrounds them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import Principal, Session
from app.clock import Clock
from app.errors import Unauthenticated
from app.runtime import OpenRuntime, Runtime, open_runtime
from app.settings import Settings
from app.tasks import end_task
from app.web.downloads import download_routes
from app.web.graphiql import GraphiQL
from app.web.health import health_routes
from app.web.metrics import metrics_routes
from app.web.middleware import wrap
from app.web.routing import router
from schema.context import Context
from schema.cost import Bounds
from schema.http import bearer_token
from schema.ports import ViewLimits
from schema.schema import SatchelSchema
from schema.view import GraphQLView
from workers.main import web_jobs

_SETTLE_SECONDS = 10.0

OnStart = Callable[[Runtime], Awaitable[None]]


class Application:
    """The ASGI application. Its runtime is opened when the server starts and closed when it has stopped."""

    def __init__(self, settings: Settings, *, on_start: OnStart | None, opening: OpenRuntime, scheduled: bool) -> None:
        self._settings = settings
        self._opening = opening
        self._scheduled = scheduled
        self._on_start = on_start
        self._lifespan = Router(lifespan=self._run)
        self._routes: ASGIApp | None = None
        self._runtime: Runtime | None = None
        self._view: GraphQLView[Context] | None = None
        self._in_flight: set[asyncio.Task[Any]] = set()

    @property
    def runtime(self) -> Runtime:
        """The open runtime. Raises RuntimeError before the start and after the end."""
        if self._runtime is None:
            raise RuntimeError("the application is not running")
        return self._runtime

    def stop_streams(self) -> None:
        """End the responses that would never end by themselves. The server calls it when it stops."""
        if self._view is not None:
            self._view.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self._routes is None:
            raise RuntimeError("the application is not running")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - servers run every connection in a task
        self._in_flight.add(task)
        try:
            await self._routes(scope, receive, send)
        except asyncio.CancelledError:
            # Only a server that stops and has waited long enough cancels. The request has cleaned up behind itself, its
            # log line says that it was cut short, and this frame is the task's last: nothing is left to tell.
            return
        finally:
            self._in_flight.discard(task)

    @asynccontextmanager
    async def _run(self, _: object) -> AsyncIterator[None]:
        async with self._opening(self._settings) as runtime:
            runtime.metrics.expect_files(runtime.storage.locations)
            graphiql = GraphiQL.built() if runtime.settings.shows_ide else None
            self._runtime, self._view = runtime, _graphql(runtime, graphiql)
            self._routes = _routes(runtime, self._view, graphiql)
            watch = asyncio.create_task(runtime.locations.watch())
            try:
                async with web_jobs(runtime, scheduled=self._scheduled):
                    try:
                        if self._on_start is not None:
                            await self._on_start(runtime)
                        yield
                    finally:
                        await self._settle()
            finally:
                await end_task(watch)
                self._runtime = self._routes = self._view = None

    async def _settle(self) -> None:
        """Let requests that the server has cancelled give back what they held, while there still is a database."""
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=_SETTLE_SECONDS)


def create_app(
    settings: Settings,
    *,
    on_start: OnStart | None = None,
    clock: Clock | None = None,
    opening: OpenRuntime | None = None,
    scheduled: bool = True,
) -> Application:
    """The application for a migrated database. `on_start` runs with the open runtime, before the first request.

    `opening` is for tests that put another runtime together; it then brings the clock.

    Without `scheduled` no job is started but by those who ask for one.
    """
    return Application(
        settings, on_start=on_start, opening=opening or partial(open_runtime, clock=clock), scheduled=scheduled
    )


def _routes(runtime: Runtime, view: GraphQLView[Context], graphiql: GraphiQL | None) -> ASGIApp:
    routes = router(
        [
            Route("/graphql", endpoint=view),
            WebSocketRoute("/graphql", endpoint=view),
            *(graphiql.routes() if graphiql else ()),
            *download_routes(runtime),
            *health_routes(runtime),
            *metrics_routes(runtime),
        ]
    )
    return wrap(routes, runtime)


def _graphql(runtime: Runtime, graphiql: GraphiQL | None) -> GraphQLView[Context]:
    async def authenticate(connection: HTTPConnection) -> Principal | None:
        token = bearer_token(connection)
        return None if token is None else await runtime.authenticator.authenticate(token)

    def make_context(
        *,
        connection: HTTPConnection,
        principal: Principal | None,
        refusal: Unauthenticated | None,
        request_id: str,
        session: Session | None,
    ) -> Context:
        client = connection.client
        return Context(
            runtime=runtime,
            principal=principal,
            request_id=request_id,
            refusal=refusal,
            address=client.host if client else None,
            session=session,
        )

    settings = runtime.settings
    return GraphQLView(
        _schema(runtime),
        authenticate=authenticate,
        make_context=make_context,
        graphiql=settings.shows_ide,
        page=graphiql.page if graphiql else None,
        allowed_origins=settings.page_origins,
        limits=ViewLimits(
            idle_seconds=settings.request_idle_seconds,
            min_bytes_per_second=settings.request_min_bytes_per_second,
            operations_per_connection=settings.max_operations_per_socket,
        ),
        clock=runtime.clock,
        socket_seat=runtime.seats.socket,
        upload_rates=runtime.rates,
    )


def _schema(runtime: Runtime) -> SatchelSchema:
    settings = runtime.settings
    bounds = Bounds(
        depth=settings.query_max_depth,
        aliases=settings.query_max_aliases,
        fields=settings.query_max_fields,
        values=settings.query_max_values,
    )
    return SatchelSchema(
        bounds=bounds,
        introspection=settings.allows_introspection,
        persisted=runtime.persisted_queries,
        plans=settings.graphql_plans,
    )
