"""An alert is a row of its cause's transaction, and so is what will deliver it."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.models import Alert, AlertDelivery, AlertSeverity, JobName, JobRun, UserStorage
from app.runtime import Runtime
from app.services.alerts import MAX_ITEMS, MAX_TEXT, AlertKind
from tests.app.services.alerts.conftest import Raise
from tests.factories import make_user
from tests.fixtures.jobs import run_job, trashed

pytestmark = pytest.mark.requirement("R50")


async def test_an_alert_its_delivery_and_its_line_in_the_log_come_with_the_commit(
    runtime: Runtime, alarm: Raise
) -> None:
    with capture_logs() as lines:
        alert_id = await alarm("needles lost")

    delivery = await AlertDelivery.get()
    assert (delivery.alert_id, delivery.sink, delivery.attempts) == (alert_id, "webhook", 0)
    assert delivery.delivered_at is None
    told = {"alert_id": str(alert_id), "kind": "job_overdue", "severity": "CRITICAL", "log_level": "warning"}
    assert lines == [{"event": "alert.raised", **told}]


async def test_a_cause_that_is_rolled_back_leaves_no_alert_no_delivery_and_no_line(runtime: Runtime) -> None:
    async def unit() -> None:
        await runtime.alerts.raise_in_unit(AlertKind.JOB_FAILED, AlertSeverity.CRITICAL, "lost", {}, None)
        raise LookupError

    with capture_logs() as lines, pytest.raises(LookupError):
        await runtime.database.transaction(unit)

    assert (await Alert.all().count(), await AlertDelivery.all().count(), lines) == (0, 0, [])


async def test_a_run_has_one_alert_of_a_kind_and_one_delivery_of_it(runtime: Runtime) -> None:
    run = await run_job(runtime, JobName.QUOTA_RECONCILIATION)

    async def unit(message: str, kind: AlertKind) -> None:
        await runtime.alerts.raise_in_unit(kind, AlertSeverity.WARNING, message, {}, run.id)

    with capture_logs() as lines:
        for message in ("one", "two"):
            await runtime.database.transaction(lambda: unit(message, AlertKind.QUOTA_DISCREPANCY))  # noqa: B023 - awaited at once
        await runtime.database.transaction(lambda: unit("three", AlertKind.JOB_FAILED))

    assert sorted((alert.kind, alert.message) for alert in await Alert.all()) == [
        ("job_failed", "three"),
        ("quota_discrepancy", "two"),
    ]
    assert await AlertDelivery.all().count() == 2
    assert [line["kind"] for line in lines if line["event"] == "alert.raised"] == ["quota_discrepancy", "job_failed"]


async def test_messages_and_details_are_of_bounded_size(runtime: Runtime) -> None:
    details = {"users": [{"name": "x" * 5000}] * 500, "count": 500, "ratio": None}
    await runtime.database.transaction(
        lambda: runtime.alerts.raise_in_unit(AlertKind.JOB_FAILED, AlertSeverity.INFO, "y" * 5000, details, None)
    )

    alert = await Alert.get()
    assert alert.message == "y" * MAX_TEXT
    assert alert.details == {"users": [{"name": "x" * MAX_TEXT}] * MAX_ITEMS, "count": 500, "ratio": None}


async def test_more_orphaned_files_than_the_threshold_are_an_alert_that_is_to_be_delivered(runtime: Runtime) -> None:
    owner = await make_user()
    await run_job(runtime, JobName.ORPHANED_FILE_CLEANUP)
    assert await Alert.all().count() == 0
    await trashed(runtime, owner, timedelta(days=31))
    await run_job(runtime, JobName.ORPHANED_FILE_CLEANUP)

    assert (await Alert.get()).kind == "orphaned_files"
    assert (await AlertDelivery.get()).alert_id == (await Alert.get()).id


async def test_a_cleanup_that_fails_is_an_alert_that_is_to_be_delivered(runtime: Runtime) -> None:
    run = await runtime.jobs.request(None, JobName.ORPHANED_FILE_CLEANUP)
    await JobRun.filter(id=run.id).update(status="RUNNING", reclaims=4, started_at=runtime.clock.now())
    expire = f"UPDATE job_runs SET claim_expires_at = {runtime.database.now_plus('$1')}"
    await runtime.database.execute(expire, -1)
    await runtime.jobs.work(run.id)

    alert = await Alert.get()
    assert (alert.kind, alert.job_run_id) == ("job_failed", run.id)
    assert (await AlertDelivery.get()).alert_id == alert.id


@pytest.mark.requirement("R38")
async def test_a_discrepancy_over_100_megabytes_is_an_alert_that_is_to_be_delivered(runtime: Runtime) -> None:
    limit = 104_857_600
    for size, alerts in ((limit, 0), (limit + 1, 1)):
        owner = await make_user()
        await UserStorage.filter(user_id=owner.id).delete()
        await UserStorage.create(user_id=owner.id, used_bytes=size)
        await run_job(runtime, JobName.QUOTA_RECONCILIATION)
        assert await AlertDelivery.all().count() == alerts
    assert (await Alert.get()).kind == "quota_discrepancy"
