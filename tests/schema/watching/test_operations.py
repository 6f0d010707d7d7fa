"""jobProgress, alertRaised and metrics: what system admins watch."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.jobs import NobodyToWake
from app.models import AlertSeverity, JobName, User
from app.services.alerts import AlertKind
from tests.fixtures.app import Satchel
from tests.fixtures.jobs import run_job, trashed
from tests.fixtures.watching import Watcher, subscribed, watch

JOBS = """subscription ($job: JobName, $run: ID) {
  jobProgress(job: $job, runId: $run) { run { id job status processed } processed total message at }
}"""
ALERTS = """subscription ($least: AlertSeverity, $after: String) {
  alertRaised(minSeverity: $least, after: $after) { cursor alert { severity message acknowledgedBy { name } } }
}"""
METRICS = """subscription ($seconds: Int) { metrics(intervalSeconds: $seconds) {
  at fileUploadsTotal fileDownloadsTotal storageBytesUsed quotaExceededTotal cleanupFilesDeletedTotal uploadsInProgress
} }"""


async def progress_of(watcher: Watcher) -> dict[str, Any]:
    progress: dict[str, Any] = (await watcher.next())["jobProgress"]
    return progress


async def raise_alert(satchel: Satchel, message: str, severity: AlertSeverity = AlertSeverity.WARNING) -> None:
    alerts = satchel.runtime.alerts
    await satchel.runtime.database.transaction(
        lambda: alerts.raise_in_unit(AlertKind.JOB_FAILED, severity, message, {}, None)
    )


async def message_of(watcher: Watcher) -> str:
    return str((await watcher.next())["alertRaised"]["alert"]["message"])


@pytest.mark.requirement("R31")
async def test_a_run_is_seen_from_its_begin_to_its_end(embedded: Satchel) -> None:
    for _ in range(3):
        await trashed(embedded.runtime, embedded.user("student"), timedelta(days=31))
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(JOBS, {"job": "ORPHANED_FILE_CLEANUP"})
        await subscribed(embedded)
        await run_job(embedded.runtime, JobName.QUOTA_RECONCILIATION)  # another job
        await run_job(embedded.runtime, JobName.ORPHANED_FILE_CLEANUP)
        seen = [await progress_of(watcher)]
        while seen[-1]["run"]["status"] not in {"SUCCEEDED", "FAILED"}:
            seen.append(await progress_of(watcher))
    assert {one["run"]["job"] for one in seen} == {"ORPHANED_FILE_CLEANUP"}
    assert (seen[-1]["run"]["status"], seen[-1]["processed"], seen[-1]["total"]) == ("SUCCEEDED", 3, 3)
    assert [one["processed"] for one in seen] == sorted(one["processed"] for one in seen)
    assert all(one["processed"] == one["run"]["processed"] for one in seen)


async def test_one_run_is_watched_to_its_end(embedded: Satchel) -> None:
    embedded.runtime.jobs.starter = NobodyToWake()
    run = await embedded.runtime.jobs.request(None, JobName.QUOTA_RECONCILIATION)
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(JOBS, {"run": str(run.id)})
        assert (await progress_of(watcher))["run"]["status"] == "QUEUED"
        await embedded.runtime.jobs.work(run.id)
        while (await progress_of(watcher))["run"]["status"] != "SUCCEEDED":
            pass
        await watcher.complete()
        # Of one that has ended already there is its end to tell.
        await watcher.subscribe(JOBS, {"run": str(run.id)})
        assert (await progress_of(watcher))["run"]["status"] == "SUCCEEDED"
        await watcher.complete()
        await watcher.subscribe(JOBS, {"run": str(uuid4())})
        assert (await watcher.error())["extensions"]["code"] == "NOT_FOUND"


async def test_unfinished_runs_are_told_first(embedded: Satchel) -> None:
    embedded.runtime.jobs.starter = NobodyToWake()
    run = await embedded.runtime.jobs.request(None, JobName.QUOTA_RECONCILIATION)
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(JOBS)
        progress = await progress_of(watcher)
        assert (progress["run"]["status"], progress["message"]) == ("QUEUED", None)
        await embedded.runtime.jobs.work(run.id)


@pytest.mark.requirement("R50")
async def test_alerts_are_told_from_a_severity_on(embedded: Satchel) -> None:
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(ALERTS, {"least": "WARNING"})
        await subscribed(embedded)
        await raise_alert(embedded, "an info", AlertSeverity.INFO)
        await raise_alert(embedded, "a warning")
        await raise_alert(embedded, "a disaster", AlertSeverity.CRITICAL)
        first = (await watcher.next())["alertRaised"]
        assert first["alert"] == {"severity": "WARNING", "message": "a warning", "acknowledgedBy": None}
        assert await message_of(watcher) == "a disaster"
    await subscribed(embedded, 0)
    await raise_alert(embedded, "another")
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(ALERTS, {"after": first["cursor"]})
        assert [await message_of(watcher), await message_of(watcher)] == ["a disaster", "another"]
        await raise_alert(embedded, "an info", AlertSeverity.INFO)
        assert await message_of(watcher) == "an info"


@pytest.mark.requirement("R47")
async def test_totals_are_told_now_and_again(embedded: Satchel) -> None:
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(METRICS, {"seconds": 1})
        first = (await watcher.next())["metrics"]
        await embedded.file(b"x" * 10)
        later = (await watcher.next())["metrics"]
        while later["storageBytesUsed"] == first["storageBytesUsed"]:
            later = (await watcher.next())["metrics"]
    assert later["fileUploadsTotal"] == first["fileUploadsTotal"] + 1
    assert later["storageBytesUsed"] == first["storageBytesUsed"] + 10
    assert later["uploadsInProgress"] == 0


@pytest.mark.parametrize("seconds", [0, -1, 3601])
async def test_an_interval_out_of_bounds_is_bad_input(embedded: Satchel, seconds: int) -> None:
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(METRICS, {"seconds": seconds})
        error = await watcher.error()
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", "intervalSeconds")


@pytest.mark.requirement("R7")
async def test_nobody_else_watches_them(embedded: Satchel) -> None:
    for who in ("student", "teacher", "group_admin", "stranger"):
        async with watch(embedded, who) as watcher:
            for query in (JOBS, ALERTS, METRICS):
                await watcher.subscribe(query)
                assert (await watcher.error())["extensions"]["code"] == "FORBIDDEN"
            await watcher.subscribe(METRICS, {"seconds": 0})  # no more than that is said
            assert (await watcher.error())["extensions"]["code"] == "FORBIDDEN"


async def test_a_system_admin_who_is_none_any_more_watches_them_no_more(embedded: Satchel) -> None:
    await User.filter(id=embedded.user("teacher").id).update(is_system_admin=True)
    async with watch(embedded, "teacher") as watcher:
        for name, query in (("jobs", JOBS), ("alerts", ALERTS), ("metrics", METRICS)):
            await watcher.subscribe(query, {"seconds": 3600} if name == "metrics" else {}, id=name)
        await watcher.next(id="metrics")
        await subscribed(embedded, 3)
        await asyncio.sleep(0.05)  # until each has read its rights
        await embedded.graphql(
            "mutation ($id: ID!) { updateUser(input: {id: $id, isSystemAdmin: false}) { user { id } } }",
            {"id": str(embedded.user("teacher").id)},
            by="system_admin",
        )
        ended = {}
        for _ in range(3):
            message = await watcher.receive()
            assert message["type"] == "error"
            ended[message["id"]] = message["payload"][0]["extensions"]["code"]
    assert ended == dict.fromkeys(("jobs", "alerts", "metrics"), "FORBIDDEN")
