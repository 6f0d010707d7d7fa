"""The web layer as it is really served: uvicorn in this process, on a port of its own, over a real runtime."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.clock import FixedClock
from app.models import File
from app.runtime import Runtime, open_runtime
from app.services.downloads import Downloads
from app.settings import Settings
from app.storage.backend import Backend, SignedRead
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from app.web.downloads import download_routes
from app.web.health import health_routes
from app.web.middleware import wrap
from app.web.routing import router
from tests.factories import make_file
from tests.fixtures.servers.ports import free_port

# The name of a location that a test brings itself.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Site:
    """A running site. `client` follows no redirects and has `url` as its base."""

    runtime: Runtime
    clock: FixedClock
    client: httpx.AsyncClient
    url: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for clients that speak to the socket themselves."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    async def add_file(self, content: bytes, **fields: Any) -> File:
        """An ACTIVE file with these bytes, made now by the site's clock."""
        values: dict[str, Any] = {"created_at": self.clock.now()} | fields
        storage = self.runtime.storage
        return await make_file(content=content, location=storage.default, storage=storage, **values)

    async def sign(self, file: File, *, name: str | None = None, inline: bool = False, seconds: float = 900) -> str:
        """A signed URL of the file."""
        expires_at = self.clock.now() + timedelta(seconds=seconds)
        request = SignedRead(file.storage_key, name or file.name, file.mime_type, inline, expires_at)
        return await self.runtime.storage.sign(file.location_id, request)

    async def url_of(self, content: bytes, **fields: Any) -> str:
        """A signed URL of a new file with these bytes."""
        return await self.sign(await self.add_file(content, **fields))


def settings_for(port: int, folder: Path, database_url: str = "", **fields: Any) -> Settings:
    """Settings of a site on this port that keeps everything below `folder`."""
    values: dict[str, Any] = {
        "port": port,
        "data_dir": folder / "data",
        "database_url": database_url,
        "secret_key": "not so secret, but long enough for every rule",
        "storage_timeout_seconds": 10,
    }
    return Settings.load(**(values | fields))


@asynccontextmanager
async def served(app: ASGIApp, port: int) -> AsyncIterator[str]:
    """Serve an application until the block ends; its address."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            # The socket listens already: whoever connects before the server has started waits in line.
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def open_site(settings: Settings, runtime: Runtime, routes: Sequence[BaseRoute] = ()) -> AsyncIterator[Site]:
    """The routes of `app.web`, and further ones, with everything around them as the product has it."""
    app = wrap(router([*download_routes(runtime), *health_routes(runtime), *routes]), runtime)
    clock = runtime.clock
    assert isinstance(clock, FixedClock)
    async with served(app, settings.port) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Site(runtime, clock, client, url)


@asynccontextmanager
async def site_on(
    folder: Path,
    database_url: str,
    *,
    make_backend: Callable[[UrlSigner], Backend] | None = None,
    routes: Sequence[BaseRoute] = (),
    **fields: Any,
) -> AsyncIterator[Site]:
    """A site with a runtime of its own. `make_backend` makes a store that takes the place of the settings' one."""
    settings = settings_for(free_port(), folder, database_url, **fields)
    async with open_runtime(settings, FixedClock()) as opened:
        runtime = opened if make_backend is None else await _with_backend(opened, make_backend(opened.urls))
        async with open_site(settings, runtime, routes) as site:
            yield site


async def _with_backend(runtime: Runtime, backend: Backend) -> Runtime:
    storage = Storage({OTHER: backend}, default=OTHER, timeout_seconds=runtime.settings.storage_timeout_seconds)
    await storage.open({})
    downloads = Downloads(runtime.database, storage, runtime.urls, runtime.clock, events=runtime.events)
    return replace(runtime, storage=storage, downloads=downloads)


def etag_of(content: bytes) -> str:
    """The ETag of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what the other side does in its own time. Raises TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells when the server has come to it
            await asyncio.sleep(0.01)
