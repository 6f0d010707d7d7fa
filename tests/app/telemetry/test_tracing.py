"""One trace from the request to all that was done for it (R46), and nothing in it that is none of its readers' business."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from app.telemetry.setup import Telemetry
from tests.app.telemetry.spans import Recorded, facts, trace_of
from tests.fixtures.app import UPLOAD, Satchel, running
from tests.fixtures.logs import LogLines

pytestmark = pytest.mark.requirement("R46")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"}


@pytest.fixture
def recorded() -> Recorded:
    """The spans of the application."""
    return Recorded()


@pytest.fixture
async def traced(
    app_database_url: str,
    backend: str,
    store_settings: dict[str, Any],
    tmp_path: Path,
    recorded: Recorded,
) -> AsyncIterator[Satchel]:
    """The running application with tracing, on every database and storage backend."""
    async with running(app_database_url, backend, tmp_path, store_settings, recorded.telemetry) as satchel:
        recorded.clear()
        yield satchel


@pytest.fixture
async def small(sqlite_url: str, tmp_path: Path, recorded: Recorded) -> AsyncIterator[Satchel]:
    """The same on SQLite and memory."""
    async with running(sqlite_url, "memory", tmp_path, {}, recorded.telemetry) as satchel:
        recorded.clear()
        yield satchel


async def test_an_upload_is_one_trace_down_to_the_database_and_the_store(
    traced: Satchel, recorded: Recorded, setup: tuple[str, str]
) -> None:
    database, backend = setup
    response = await traced.client.post(
        "/graphql",
        data={
            "operations": json.dumps({"query": UPLOAD, "variables": {"input": {"file": None}}}),
            "map": json.dumps({"0": ["variables.input.file"]}),
        },
        files={"0": ("notes.txt", b"x" * 1000, "text/plain")},
        headers=traced.headers("student") | PARENT,
    )
    assert response.json()["data"]["uploadFile"]["file"]["sizeBytes"] == 1000

    request = await recorded.request()
    assert (request.name, request.kind, trace_of(request)) == ("POST /graphql", SpanKind.SERVER, TRACE)
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert facts(request) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
    }
    assert {trace_of(span) for span in recorded.all} == {TRACE}
    below = {span.name: span for span in recorded.below(request)}
    assert len(recorded.all) == len(recorded.below(request)) + 1  # nothing stands aside
    operation = below["mutation uploadFile"]
    assert facts(operation) == {
        "graphql.operation.type": "mutation",
        "graphql.field": "uploadFile",
        "graphql.outcome": "ok",
    }
    write = next(span for span in recorded.below(operation) if span.name == "storage write")
    assert facts(write) == {"storage.backend": backend, "storage.operation": "write", "storage.bytes": 1000}
    assert [span.name for span in recorded.below(write)] == (["S3 PUT"] if backend == "s3" else [])
    system = "sqlite" if database == "sqlite" else "postgresql"
    statements = [span for span in recorded.below(operation) if "db.query.text" in facts(span)]
    assert {facts(span)["db.system.name"] for span in statements} == {system}
    assert "COMMIT" in {span.name for span in statements}
    assert any("INSERT INTO files" in str(facts(span)["db.query.text"]) for span in statements)
    assert {span.kind for span in statements} == {SpanKind.CLIENT}


async def test_no_span_says_what_only_the_client_should_know(traced: Satchel, recorded: Recorded, backend: str) -> None:
    """Names, arguments, keys of objects, tokens, signed URLs, hosts."""
    file = await traced.file(b"y" * 10, name="a-name-of-mine.txt")
    query = 'query ($id: ID!) { file(id: $id) { signedUrl { url } } user(id: "an-argument-of-mine") { id } }'
    answer = await traced.graphql(query, {"id": file["id"]}, by="student")
    url = answer.data["file"]["signedUrl"]["url"]
    async with httpx.AsyncClient() as client:
        assert (await client.get(url, headers={"host": "host-of-mine.example"} if backend != "s3" else {})).content
    assert (await traced.act("deleteFile", file["id"])).ok()
    login = 'mutation { login(input: {email: "mail-of-mine@example.org", password: "secret-of-mine"}) { token } }'
    await traced.graphql(login)
    await asyncio.sleep(0.05)
    text = recorded.text()
    token = traced.people["student"].token
    words = ["of-mine", "notes", "Signature", "X-Amz", token, url.rsplit("/", 1)[-1][:40], file["uuid"]]
    assert [word for word in words if word in text] == []


async def test_a_failure_is_told_by_its_kind(small: Satchel, recorded: Recorded) -> None:
    answer = await small.graphql("query ($id: ID!) { file(id: $id) { id } }", {"id": "not-an-id"}, by="student")
    assert answer.errors
    request = await recorded.request()
    (operation,) = [span for span in recorded.below(request) if span.name == "query file"]
    assert facts(operation)["graphql.outcome"] == answer.codes[0]
    assert request.status.status_code is StatusCode.UNSET  # a client's mistake is no failure of the service


async def test_the_operations_name_is_in_its_span_and_in_the_log(
    small: Satchel, recorded: Recorded, log_lines: LogLines
) -> None:
    await small.graphql(f"query {'N' * 200} {{ me {{ id }} }}", by="student")
    request = await recorded.request()
    (operation,) = [span for span in recorded.below(request) if span.name == "query me"]
    assert facts(operation)["graphql.operation.name"] == "N" * 64
    (line,) = [line for line in log_lines() if line["event"] == "http.request"]
    assert (line["operation"], line["trace_id"]) == ("N" * 64, trace_of(request))
    assert len(line["span_id"]) == 16


@pytest.mark.requirement("R49")
async def test_events_tell_of_the_trace_that_they_happened_in(
    small: Satchel, recorded: Recorded, log_lines: LogLines
) -> None:
    file = await small.file(b"12345", name="a-name.txt")
    request = await recorded.request()
    (line,) = [line for line in log_lines() if line["event"] == "file.uploaded"]
    assert (line["file_id"], line["owner_id"], line["size_bytes"]) == (file["uuid"], str(small.user("student").id), 5)
    assert (line["trace_id"], line["level"]) == (trace_of(request), "info")
    assert "a-name" not in str(line)


async def test_probes_make_no_traces(small: Satchel, recorded: Recorded) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        await small.client.get(path, headers=PARENT)
    await small.graphql("{ me { id } }", by="student")
    await recorded.request()
    assert {span.name for span in recorded.all if span.parent is None} == {"POST /graphql"}


async def test_what_no_request_asked_for_makes_no_trace(small: Satchel, recorded: Recorded) -> None:
    await small.runtime.database.check()
    await small.runtime.totals.snapshot()
    assert recorded.all == ()


async def test_a_broken_traceparent_begins_a_new_trace(small: Satchel, recorded: Recorded) -> None:
    await small.client.post("/graphql", json={"query": "{ __typename }"}, headers={"traceparent": "00-xyz-1-01"})
    assert (await recorded.request()).parent is None


async def test_an_unsampled_trace_is_left_alone(small: Satchel, recorded: Recorded) -> None:
    await small.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
    )
    await small.client.post("/graphql", json={"query": "{ __typename }"})
    await recorded.request()
    assert TRACE not in recorded.text()


async def test_two_requests_at_once_do_not_mix(small: Satchel, recorded: Recorded) -> None:
    await asyncio.gather(*(small.upload(b"x" * 100_000, name=f"{number}.txt") for number in range(5)))
    async with asyncio.timeout(20):
        while len(requests := [span for span in recorded.all if span.name == "POST /graphql"]) < 5:  # noqa: ASYNC110 - a span tells nobody
            await asyncio.sleep(0.005)
    assert len({trace_of(span) for span in requests}) == 5
    for request in requests:
        assert [span.name for span in recorded.below(request)].count("storage write") == 1


@pytest.mark.parametrize("environment", [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SERVICE_NAME": "files"}])
async def test_without_a_word_from_the_environment_there_is_no_tracer(environment: dict[str, str]) -> None:
    telemetry = Telemetry.from_environment(environment)
    assert not telemetry.tracing.on
    with telemetry.tracing.begin("anything", SpanKind.SERVER, PARENT) as span:
        assert span is trace.INVALID_SPAN
        assert trace.get_current_span() is trace.INVALID_SPAN
    await telemetry.close()


async def test_unknown_exporters_are_told_and_not_obeyed(log_lines: LogLines) -> None:
    telemetry = Telemetry.from_environment({"OTEL_TRACES_EXPORTER": "jaeger"})
    assert not telemetry.tracing.on
    (line,) = log_lines()
    assert (line["event"], line["level"], line["exporter"]) == ("telemetry.not_exported", "warning", "jaeger")
    await telemetry.close()


async def test_a_sdk_that_is_disabled_is_off_whatever_else_is_said() -> None:
    telemetry = Telemetry.from_environment({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"})
    assert not telemetry.tracing.on
    await telemetry.close()
