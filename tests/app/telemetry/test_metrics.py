"""`/metrics` as Prometheus scrapes it from a running server (R47, R48)."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.models import JobName
from app.services.alerts import AlertKind
from tests.app.telemetry.scraping import Scrape, scrape
from tests.factories import make_user_limit
from tests.fixtures.app import UPLOAD, Satchel, running
from tests.fixtures.jobs import run_job, trashed
from tests.fixtures.watching import subscribed, watch

pytestmark = pytest.mark.requirement("R47")


async def test_uploads_are_counted_by_backend(satchel: Satchel, backend: str) -> None:
    await satchel.file(b"x" * 1000)
    await satchel.file(b"x" * 24)
    seen = await scrape(satchel.client)
    assert seen.value("file_uploads_total", backend=backend) == 2
    assert seen.value("storage_bytes_used") == 1024
    assert seen.value("uploads_in_progress") == 0
    assert seen.value("upload_size_bytes_sum", backend=backend) == 1024
    assert seen.value("upload_duration_seconds_count", backend=backend) == 2
    assert seen.value("storage_operation_duration_seconds_count", backend=backend, operation="write") == 2


async def test_a_download_is_counted_once_by_its_first_byte_or_by_its_url(satchel: Satchel, backend: str) -> None:
    file = await satchel.file(b"film" * 10)
    query = "query ($id: ID!) { file(id: $id) { signedUrl { url } } }"
    url = (await satchel.graphql(query, {"id": file["id"]}, by="student")).ok()["file"]["signedUrl"]["url"]
    async with httpx.AsyncClient() as client:
        await client.get(url)
        await client.get(url, headers={"range": "bytes=5-9"})
    assert (await scrape(satchel.client)).value("file_downloads_total", backend=backend) == 1


@pytest.mark.requirement("R48")
async def test_refused_quotas_are_counted(embedded: Satchel) -> None:
    await make_user_limit(embedded.user("student"), storage_quota_bytes=100)
    for _ in range(2):
        answer = await embedded.upload(b"x" * 101)
        assert answer.codes == ["QUOTA_EXCEEDED"]
    seen = await scrape(embedded.client)
    assert seen.value("quota_exceeded_total") == 2
    assert seen.value("file_uploads_total", backend="memory") == 0
    assert seen.value("graphql_operations_total", type="mutation", outcome="QUOTA_EXCEEDED") == 2


@pytest.mark.requirement("R48")
async def test_files_that_the_cleanup_deletes_are_counted(embedded: Satchel) -> None:
    for _ in range(3):
        await trashed(embedded.runtime, embedded.user("student"), timedelta(days=31))
    await run_job(embedded.runtime, JobName.ORPHANED_FILE_CLEANUP)
    seen = await scrape(embedded.client)
    job = JobName.ORPHANED_FILE_CLEANUP.value
    assert seen.value("cleanup_files_deleted_total", job_name=job) == 3
    assert seen.value("job_runs_total", job_name=job, outcome="succeeded") == 1
    assert seen.value("job_duration_seconds_count", job_name=job) == 1


async def test_what_rules_look_for_is_zero_before_it_has_happened(embedded: Satchel) -> None:
    """In a series that begins with its first count Prometheus sees no increase."""
    seen = await scrape(embedded.client)
    here = frozenset({("backend", "memory")})
    for name in ("file_uploads_total", "file_downloads_total", "upload_failures_total"):
        assert seen.series(name) == {here: 0}
    jobs = [job.value for job in JobName]
    assert seen.series("cleanup_files_deleted_total") == {frozenset({("job_name", job)}): 0 for job in jobs}
    assert seen.series("job_runs_total") == {
        frozenset({("job_name", job), ("outcome", outcome)}): 0 for job in jobs for outcome in ("succeeded", "failed")
    }
    alerts = seen.series("alerts_total")
    assert set(alerts.values()) == {0}
    assert {dict(labels)["kind"] for labels in alerts if ("severity", "critical") in labels} == set(AlertKind)
    assert set(seen.series("bus_dropped_total").values()) == {0}


async def test_an_upload_is_in_progress_as_long_as_it_comes(embedded: Satchel) -> None:
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> Any:
        operations = json.dumps({"query": UPLOAD, "variables": {"input": {"file": None}}})
        head = "".join(
            f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {"operations": operations, "map": '{"0": ["variables.input.file"]}'}.items()
        )
        yield f'{head}--x\r\ncontent-disposition: form-data; name="0"; filename="a"\r\n\r\n'.encode() + b"x" * 300_000
        half_way.set()
        await go_on.wait()
        yield b"y" * 300_000 + b"\r\n--x--\r\n"

    headers = embedded.headers("student") | {"content-type": "multipart/form-data; boundary=x"}
    sending = asyncio.create_task(embedded.client.post("/graphql", content=body(), headers=headers))
    await half_way.wait()
    async with asyncio.timeout(20):
        while (await scrape(embedded.client)).value("uploads_in_progress") != 1:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    go_on.set()
    assert (await sending).status_code == 200
    assert (await scrape(embedded.client)).value("uploads_in_progress") == 0


async def test_who_watches_is_counted_as_long_as_they_do(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe("subscription { fileEvents { name } }")
        await subscribed(embedded)
        assert (await scrape(embedded.client)).value("subscribers", field="fileEvents") == 1
    async with asyncio.timeout(20):
        while (await scrape(embedded.client)).value("subscribers", field="fileEvents"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_requests_are_counted_by_route_and_never_by_path(embedded: Satchel) -> None:
    await embedded.graphql("{ me { id } }", by="student")
    await embedded.client.get("/files/a-secret-token")
    await embedded.client.get("/no/such/place", headers={"host": "chosen.example"})
    await embedded.client.request("PROPFIND", "/graphql")
    seen = await scrape(embedded.client)
    count = "http_server_request_duration_seconds_count"
    graphql = {"http_request_method": "POST", "http_route": "/graphql"}
    assert seen.value(count, **graphql, http_response_status_code="200") == 1
    assert seen.value("http_server_response_body_size_bytes_count", **graphql) == 1
    assert seen.value("http_server_request_body_size_bytes_sum", **graphql) > 20
    assert seen.value(count, http_request_method="GET", http_route="none", http_response_status_code="404") == 1
    assert seen.value("graphql_operation_duration_seconds_count", type="query", field="me") == 1
    assert "_OTHER" in seen.labels["http_request_method"]
    assert "secret" not in seen.text
    assert "chosen.example" not in seen.text


async def test_no_label_is_a_clients_to_choose(embedded: Satchel) -> None:
    await embedded.file(b"x", name="a-name-of-mine.txt")
    await embedded.graphql("query AnOperationOfMine { me { anAlias: id } alsoMine: me { id } }", by="student")
    await embedded.graphql("query { noSuchFieldOfMine }", by="student")
    await embedded.graphql("query A { me { id } } query B { me { id } }", by="student")
    seen = await scrape(embedded.client)
    ids = {str(embedded.user(who).id) for who in embedded.people}
    assert not [word for word in (*ids, "OfMine", "of-mine", "alsoMine", "anAlias") if word in seen.text]
    assert seen.value("graphql_operations_total", type="none", outcome="GRAPHQL_VALIDATION_FAILED") == 2


async def test_two_servers_in_one_process_share_no_figure(embedded: Satchel, tmp_path: Path) -> None:
    await embedded.file(b"12345")
    async with running(embedded.runtime.database.url, "memory", tmp_path / "other", {}) as other:
        assert (await scrape(other.client)).value("file_uploads_total", backend="memory") == 0
        embedded.runtime.database.bind()
    assert (await scrape(embedded.client)).value("file_uploads_total", backend="memory") == 1


@pytest.mark.parametrize("app_settings", [{"metrics_token": "let me see them"}])
async def test_with_a_token_only_who_has_it_may_read(embedded: Satchel) -> None:
    for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic bGV0"}, embedded.headers("student")):
        refused = await embedded.client.get("/metrics", headers=header)
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"] == "Bearer"
    given = await embedded.client.get("/metrics", headers={"authorization": "Bearer let me see them"})
    assert given.status_code == 200
    assert Scrape(given.text).value("http_server_request_duration_seconds_count") == 0
    assert "http_server_request_duration_seconds_count" in given.text


async def test_only_reading_is_possible(embedded: Satchel) -> None:
    assert (await embedded.client.head("/metrics")).status_code == 200
    assert (await embedded.client.post("/metrics")).status_code == 405
