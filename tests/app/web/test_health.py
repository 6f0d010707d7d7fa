"""`/healthz` and `/readyz`: what they say when all is well, and which part they name when it is not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from app.clock import SystemClock
from app.db import Database
from app.settings import Settings
from app.storage.errors import Reason, Unavailable
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from app.web.health import health_routes
from app.web.routing import router
from tests.app.web.live import Site, site_on
from tests.app.web.test_downloads import error_of
from tests.fixtures.logs import LogLines

READY = {"status": "ready", "checks": {"database": "ok", "storage:local": "ok"}}


async def test_a_live_process_says_so(local_site: Site) -> None:
    response = await local_site.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"


async def test_a_ready_process_names_its_parts(tmp_path: Path, database_url: str) -> None:
    async with site_on(tmp_path, database_url) as site:
        response = await site.client.get("/readyz")
    assert (response.status_code, response.json()) == (200, READY)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_head_is_allowed_and_other_methods_are_not(local_site: Site, path: str) -> None:
    response = await local_site.client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        refused = await local_site.client.request(method, path)
        assert (refused.status_code, error_of(refused)) == (405, "METHOD_NOT_ALLOWED")
        assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.requirement("R13")
async def test_a_store_that_is_gone_is_named_and_the_process_lives_on(local_site: Site, log_lines: LogLines) -> None:
    root = local_site.runtime.settings.resolved_local_storage_path
    away = root.rename(root.with_name("away"))
    for _ in range(3):
        response = await local_site.client.get("/readyz")
        assert (response.status_code, response.json()) == (
            503,
            {"status": "unavailable", "checks": {"database": "ok", "storage:local": "the root is missing"}},
        )
    assert (await local_site.client.get("/healthz")).status_code == 200
    away.rename(root)
    assert (await local_site.client.get("/readyz")).json() == READY
    changes = [line for line in log_lines() if line["event"] == "readiness.changed"]
    assert [(line["level"], line["storage:local"]) for line in changes] == [
        ("warning", "the root is missing"),
        ("info", "ok"),
    ]


async def test_a_database_that_is_gone_is_named_without_its_address(tmp_path: Path, postgres_url: str) -> None:
    async with site_on(tmp_path, postgres_url) as site:
        await site.runtime.database.close()
        response = await site.client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "unavailable")
        assert response.json()["checks"] == {"database": "unreachable", "storage:local": "ok"}
        assert (await site.client.get("/healthz")).status_code == 200
        await site.runtime.database.open()
        assert (await site.client.get("/readyz")).status_code == 200


class SlowBackend(MemoryBackend):
    """Answers a probe when it is let go."""

    def __init__(self, signer: UrlSigner) -> None:
        super().__init__(location="slow", signer=signer)
        self.slow = False
        self.probes = 0
        self.let_go = asyncio.Event()

    async def check(self) -> None:
        """See `Backend.check`. Once it is slow it waits, and then has no space left."""
        if self.slow:
            self.probes += 1
            await self.let_go.wait()
            raise Unavailable(Reason.FULL)


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    database: Database
    storage: Storage


@pytest.fixture
async def slow(sqlite_url: str) -> AsyncIterator[tuple[SlowBackend, Parts]]:
    """A backend that is slow to answer, and what it is a part of."""
    database = Database(sqlite_url)
    await database.open()
    backend = SlowBackend(UrlSigner(b"k" * 32, "http://127.0.0.1", SystemClock()))
    storage = Storage({"slow": backend}, default="slow", timeout_seconds=30)
    await storage.open({})
    backend.slow = True
    settings = Settings.load(secret_key="k" * 32)
    yield backend, Parts(settings, database, storage)
    await storage.close()
    await database.close()


def client_of(routes: list[Route]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(router(routes)), base_url="http://satchel")


async def test_a_part_that_does_not_answer_is_given_up_in_time(slow: tuple[SlowBackend, Parts]) -> None:
    routes = health_routes(slow[1], probe_seconds=2)
    async with client_of(routes) as client, asyncio.timeout(20):
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "storage:slow": "timed out"}


async def test_however_many_ask_the_parts_are_probed_once(slow: tuple[SlowBackend, Parts]) -> None:
    backend, routes = slow[0], health_routes(slow[1], probe_seconds=60)
    async with client_of(routes) as client:
        asking = [asyncio.create_task(client.get("/readyz")) for _ in range(20)]
        await asyncio.sleep(0.02)
        asking[0].cancel()
        backend.let_go.set()
        answers = await asyncio.gather(*asking[1:])
        assert backend.probes == 1
        assert {answer.json()["checks"]["storage:slow"] for answer in answers} == {"no space left"}
        await client.get("/readyz")
        assert backend.probes == 2
