"""Traces and metrics by OTLP, from several processes to one collector (R46, R47)."""

import httpx
import pytest

from app.auth import Tokens
from app.clock import SystemClock
from tests.factories import make_user
from tests.fixtures.deployment import SECRET, Deployment
from tests.fixtures.otlp import Collector
from tests.fixtures.server import Serve

RUN_JOB = "mutation { runJob(input: {job: ORPHANED_FILE_CLEANUP}) { jobRun { uuid } } }"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.requirement("R46")
@pytest.mark.requirement("R47")
async def test_a_job_that_a_request_asks_for_is_part_of_its_trace_in_another_process(
    deployment: Deployment, serve: Serve, collector: Collector
) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
    }
    await deployment.start("worker", **environment, OTEL_SERVICE_NAME="the-worker")
    shared = {name.upper(): value for name, value in deployment.values.items()}
    server = await serve(shared | environment)
    admin = await make_user(is_system_admin=True)
    token = Tokens(SECRET.encode(), clock=SystemClock(), expires_seconds=3600).issue(admin.id, 0).token
    headers = {"authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        answer = await client.post(server.graphql_url, json={"query": RUN_JOB})
    run_id = answer.json()["data"]["runJob"]["jobRun"]["uuid"]

    names = ["POST /graphql", "mutation runJob", "send job run", "process job run", "job orphaned_file_cleanup"]
    await collector.until(lambda: all(collector.named(name) for name in names))
    chain = [next(each for each in collector.named(name) if each[1].trace_id.hex() == TRACE) for name in names]
    assert [service for service, _ in chain] == ["satchel", "satchel", "satchel", "the-worker", "the-worker"]
    parents = [span.span_id for _, span in chain[:-1]]
    assert [span.parent_span_id for _, span in chain[1:]] == parents
    assert chain[0][1].parent_span_id.hex() == "b7ad6b7169203331"
    work = {item.key: item.value.string_value for item in chain[3][1].attributes}
    assert work == {"job.run_id": run_id}

    def below_the_job(name: str) -> bool:
        return any(service == "the-worker" and span.trace_id.hex() == TRACE for service, span in collector.named(name))

    await collector.until(lambda: below_the_job("COMMIT") and below_the_job("publish events"))
    assert any(service == "satchel" and span.trace_id.hex() == TRACE for service, span in collector.named("INSERT"))
    await collector.until(lambda: {"graphql_operations_total", "job_duration"} <= collector.metrics)
    assert [secret for secret in (token, SECRET, admin.email, admin.name) if secret in collector.text] == []


async def test_a_collector_that_is_away_keeps_no_server_from_serving_or_stopping(serve: Serve) -> None:
    server = await serve({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"})
    async with httpx.AsyncClient(timeout=60) as client:
        for _ in range(3):
            assert (await client.post(server.graphql_url, json={"query": "{ __typename }"})).status_code == 200
    assert await server.terminate() in {0, 143}
