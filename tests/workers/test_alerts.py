"""Alerts leave beside the work: from the web process without Redis, from workers and schedulers with it (R50)."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from app.clock import FixedClock, SystemClock
from app.models import Alert, AlertDelivery, AlertSeverity, JobName, JobStatus
from app.runtime import Runtime, open_runtime
from app.services.alert_sinks import Webhook
from app.services.alerts import AlertKind
from app.settings import Settings
from tests.factories import make_user
from tests.fixtures.alert_sink import AlertSink, let_deliveries_be_due
from tests.fixtures.deployment import Deployment
from tests.fixtures.jobs import cleaned, run_job, succeed, trashed
from workers.alerts import keep_delivering
from workers.main import web_jobs

pytestmark = pytest.mark.requirement("R50")


def settings_of(database_url: str, folder: Path, url: str) -> Settings:
    return Settings.load(
        database_url=database_url,
        secret_key="s" * 32,
        storage_backend="memory",
        data_dir=folder / "data",
        alert_webhook_url=url,
        alert_orphan_threshold=0,
    )


async def alarm(runtime: Runtime) -> None:
    details = {"job": "knitting"}
    await runtime.database.transaction(
        partial(runtime.alerts.raise_in_unit, AlertKind.JOB_FAILED, AlertSeverity.CRITICAL, "lost", details, None)
    )


async def test_an_alert_of_this_process_leaves_at_once(
    database_url: str, tmp_path: Path, sink: AlertSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_delivering, "__kwdefaults__", {"poll_seconds": 3600})  # it is told, and need not look
    async with open_runtime(settings_of(database_url, tmp_path, sink.url), FixedClock()) as runtime:
        runtime.database.bind()
        async with web_jobs(runtime, scheduled=False):
            await asyncio.sleep(0.3)  # the first look is over
            for count in (1, 2):
                await alarm(runtime)
                await sink.has_taken(count)


async def test_an_alert_of_another_process_is_found_by_looking(
    database_url: str, tmp_path: Path, sink: AlertSink
) -> None:
    settings = settings_of(database_url, tmp_path, sink.url)
    async with open_runtime(settings) as here, open_runtime(settings) as there:
        looking = asyncio.create_task(keep_delivering(here.alert_deliveries, here.database, poll_seconds=0.1))
        there.database.bind()
        await alarm(there)
        await sink.has_taken(1)
        looking.cancel()
        await asyncio.wait([looking])
        assert looking.cancelled()


async def test_a_webhook_that_does_not_answer_keeps_no_job_waiting(
    database_url: str, tmp_path: Path, sink: AlertSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Webhook.__init__, "__kwdefaults__", {"timeout_seconds": 60})
    sink.gate.clear()
    async with open_runtime(settings_of(database_url, tmp_path, sink.url), SystemClock()) as runtime:
        runtime.database.bind()
        owner = await make_user()
        async with web_jobs(runtime, scheduled=False):
            for number in (1, 2):
                await trashed(runtime, owner, timedelta(days=31))
                async with asyncio.timeout(30):
                    assert await succeed(runtime, JobName.ORPHANED_FILE_CLEANUP) == cleaned(1, len(b"once a film"))
                await sink.has_been_asked(1)
                assert (len(sink.taken), await Alert.all().count()) == (0, number)
            sink.gate.set()
            await sink.has_taken(2)


async def test_a_webhook_that_is_down_makes_no_job_fail(database_url: str, tmp_path: Path, sink: AlertSink) -> None:
    await sink.stop()
    async with open_runtime(settings_of(database_url, tmp_path, sink.url)) as runtime:
        runtime.database.bind()
        await trashed(runtime, await make_user(), timedelta(days=31))
        async with web_jobs(runtime, scheduled=False):
            run = await run_job(runtime, JobName.ORPHANED_FILE_CLEANUP)
            assert run.status is JobStatus.SUCCEEDED
            async with asyncio.timeout(30):
                while (await AlertDelivery.get()).last_error is None:  # noqa: ASYNC110 - by a task of the process
                    await asyncio.sleep(0.02)
            await sink.start()
            await let_deliveries_be_due(runtime.database)
            await alarm(runtime)
            await sink.has_taken(2)


async def test_a_database_that_is_away_while_deliveries_are_looked_for_is_no_end(
    sqlite_url: str, tmp_path: Path, sink: AlertSink
) -> None:
    async with open_runtime(settings_of(sqlite_url, tmp_path, sink.url)) as runtime:
        await runtime.database.close()
        looking = asyncio.create_task(keep_delivering(runtime.alert_deliveries, runtime.database, poll_seconds=0.01))
        await asyncio.sleep(0.2)
        assert not looking.done()
        looking.cancel()
        await asyncio.wait([looking])


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
async def test_workers_and_schedulers_deliver_what_any_process_raised(
    deployment: Deployment, sink: AlertSink, kind: str
) -> None:
    deployment.values["alert_webhook_url"] = sink.url
    async with deployment.web() as runtime:  # which leaves it to them
        runtime.database.bind()
        await alarm(runtime)
        await asyncio.sleep(0.3)
        assert sink.asked == []
    process = await deployment.start(kind)
    await sink.has_taken(1, seconds=30)
    await process.says("alert.delivered")
    assert "open-sesame" not in process.log()
    assert await process.terminate() == 0
