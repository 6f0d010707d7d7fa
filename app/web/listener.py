"""A small HTTP server in processes that are no web servers: what looks after them asks there."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from app.web.health import Parts, health_routes
from app.web.metrics import Measured, metrics_routes
from app.web.middleware import wrap
from app.web.routing import router

_STOP_SECONDS = 2

_log = structlog.get_logger(__name__)


class Watched(Measured, Parts, Protocol):
    """What is shown of the runtime."""


class _Listener(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are the process's own."""
        yield


@contextlib.asynccontextmanager
async def watched(runtime: Watched, listener: socket.socket) -> AsyncGenerator[None, None]:
    """Serve `/metrics`, `/healthz` and `/readyz` of a runtime on this socket for as long as the block takes."""
    app: ASGIApp = wrap(router([*metrics_routes(runtime), *health_routes(runtime)]), runtime)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Listener(config)
    with listener:
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()[:2]
        _log.info("metrics.listening", host=host, port=port)
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket with this address that does not listen yet, so that a port in use is found out before anything is done.

    Raises OSError.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
