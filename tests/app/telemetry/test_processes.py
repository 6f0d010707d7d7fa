"""What the processes of a deployment show of themselves: `/metrics` in each of them, and whether Redis is there."""

import asyncio
import socket
from datetime import timedelta

import httpx
import pytest

from app.models import JobName
from tests.app.telemetry.scraping import scrape
from tests.factories import make_user
from tests.fixtures.deployment import Deployment
from tests.fixtures.jobs import trashed
from tests.fixtures.redis import StartValkey
from tests.fixtures.server import Serve
from tests.fixtures.servers.ports import free_port
from tests.fixtures.servers.process import ServerFailed


async def _json(client: httpx.AsyncClient, url: str) -> tuple[int, dict[str, object]]:
    response = await client.get(url)
    return response.status_code, response.json()


@pytest.mark.requirement("R48")
async def test_every_process_shows_what_it_counts(deployment: Deployment, serve: Serve) -> None:
    ports = {kind: free_port() for kind in ("worker", "scheduler")}
    for kind, port in ports.items():
        await deployment.start(kind, METRICS_PORT=str(port), METRICS_TOKEN="let me see them")
    server = await serve({name.upper(): value for name, value in deployment.values.items()})
    async with deployment.web() as runtime:
        for _ in range(3):
            await trashed(runtime, await make_user(), timedelta(days=31))
        await deployment.ended(await runtime.jobs.request(None, JobName.ORPHANED_FILE_CLEANUP))

    headers = {"authorization": "Bearer let me see them"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        worker = await scrape(client, f"http://127.0.0.1:{ports['worker']}/metrics")
        assert worker.value("cleanup_files_deleted_total", job_name=JobName.ORPHANED_FILE_CLEANUP.value) == 3
        scheduler = await scrape(client, f"http://127.0.0.1:{ports['scheduler']}/metrics")
        assert scheduler.value("cleanup_files_deleted_total", job_name=JobName.ORPHANED_FILE_CLEANUP.value) == 0
        web = await scrape(client, f"{server.base_url}/metrics")
        assert {each.value("storage_bytes_used") for each in (worker, scheduler, web)} == {0}
        assert all("storage_bytes_used" in each.names for each in (worker, scheduler, web))
        for port in ports.values():
            unknown = await client.get(f"http://127.0.0.1:{port}/metrics", headers={"authorization": "Bearer no"})
            assert unknown.status_code == 401
            status, ready = await _json(client, f"http://127.0.0.1:{port}/readyz")
            assert (status, ready["status"]) == (200, "ready")
            assert ready["checks"] == {"database": "ok", "storage:local": "ok", "redis": "ok"}


async def test_without_redis_a_server_is_degraded_and_says_so(
    serve: Serve, valkey: StartValkey, sqlite_url: str
) -> None:
    redis = valkey()
    environment = {"REDIS_URL": redis.url, "DATABASE_URL": sqlite_url, "SECRET_KEY": "k" * 32}
    server = await serve(environment)
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await _json(client, f"{server.base_url}/readyz"))[1]["status"] == "ready"
        await asyncio.to_thread(redis.stop)
        status, ready = await _json(client, f"{server.base_url}/readyz")
        assert (status, ready["status"]) == (200, "degraded")
        assert ready["checks"] == {"database": "ok", "storage:local": "ok", "redis": "unreachable"}
        valkey(redis.port)
        assert (await _json(client, f"{server.base_url}/readyz"))[1]["status"] == "ready"


async def test_a_port_in_use_stops_the_start_with_one_line(deployment: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed) as failed:
            await deployment.start("scheduler", METRICS_PORT=str(port))
    line = f"error: METRICS_HOST, METRICS_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert line in str(failed.value).splitlines()
