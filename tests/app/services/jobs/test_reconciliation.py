"""`quota_reconciliation`: the ledger is put right from the files, beside everything that moves both."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.auth import Principal
from app.errors import SatchelError
from app.models import Alert, AlertSeverity, FileStatus, JobName, JobRun, JobStatus, User, UserStorage
from app.runtime import Runtime
from app.services.alerts import Alerts
from app.services.job_runs import JobRuns
from app.services.jobs import JobService
from app.services.ledger import Ledger
from app.services.reconciliation import Reconciliation
from app.services.uploads import UploadRequest
from tests.app.services.conftest import Source
from tests.app.services.jobs.conftest import Deployment
from tests.factories import make_file, make_user
from tests.fixtures.jobs import run_job, succeed
from tests.fixtures.ledger import assert_ledger_is_true, recorded

JOB = JobName.QUOTA_RECONCILIATION
MIB = 1024 * 1024


def checked(users: int, wrong: int) -> dict[str, int]:
    return {"usersChecked": users, "usersUpdated": wrong, "discrepancies": wrong}


async def drift(user: User, *, used: int | None = None, trash: int | None = None) -> None:
    values = {"used_bytes": used, "trash_bytes": trash}
    await UserStorage.filter(user_id=user.id).update(**{name: v for name, v in values.items() if v is not None})


def in_chunks(runtime: Runtime, size: int) -> JobService:
    """The service with chunks of another size."""
    database, clock = runtime.database, runtime.clock
    events = runtime.events
    alerts = Alerts(database, clock, events=events)
    runs = JobRuns(database, alerts, clock, lease_seconds=60, events=events)
    ledger = Ledger(database, trash_quota_factor=2)
    job = Reconciliation(database, runs, ledger, alerts, alert_bytes=100 * MIB, events=events, chunk=size)
    return JobService(database, runs, alerts, [job], clock)


@pytest.mark.requirement("R34")
@pytest.mark.requirement("R35")
@pytest.mark.requirement("R36")
@pytest.mark.requirement("R37")
async def test_what_is_wrong_is_put_right_and_told_and_the_rest_is_left_alone(runtime: Runtime) -> None:
    right, high, low, trash = [await make_user() for _ in range(4)]
    for user in (right, high, low, trash):
        await make_file(user, size_bytes=1000, location=runtime.storage.default)
        await make_file(user, size_bytes=70, status=FileStatus.PENDING, location=runtime.storage.default)
        await make_file(
            user, size_bytes=300, charged_bytes=300, status=FileStatus.SOFT_DELETED, location=runtime.storage.default
        )
    await drift(high, used=5000)
    await drift(low, used=0)
    await drift(trash, trash=0)

    with capture_logs() as logs:
        assert await succeed(runtime, JOB) == checked(4, 3)

    assert [await recorded(runtime.database, user.id) for user in (right, high, low, trash)] == [(1370, 300)] * 4
    told = {line["user_id"]: line for line in logs if line["event"] == "quota.discrepancy"}
    facts = {key: (line["expected"], line["actual"], line["diff"]) for key, line in told.items()}
    assert facts == {
        str(high.id): (1370, 5000, 3630),
        str(low.id): (1370, 0, 1370),
        str(trash.id): (1370, 1370, 0),
    }
    assert (told[str(trash.id)]["expected_trash"], told[str(trash.id)]["actual_trash"]) == (300, 0)
    assert await succeed(runtime, JOB) == checked(4, 0)


@pytest.mark.requirement("R39")
async def test_a_missing_row_of_the_ledger_is_made(runtime: Runtime) -> None:
    empty, owner = await make_user(), await make_user()
    await make_file(owner, size_bytes=1000, location=runtime.storage.default)
    await UserStorage.all().delete()

    assert await succeed(runtime, JOB) == checked(2, 1)

    assert await recorded(runtime.database, owner.id) == (1000, 0)
    assert await UserStorage.filter(user_id=empty.id).exists()
    assert await succeed(runtime, JOB) == checked(2, 0)


@pytest.mark.requirement("R38")
async def test_only_what_is_off_by_more_than_the_threshold_is_an_alert(runtime: Runtime) -> None:
    users = [await make_user() for _ in range(30)]
    for number, user in enumerate(users):
        await UserStorage.create(user_id=user.id, used_bytes=100 * MIB + (number > 4))
    run = await run_job(runtime, JOB)
    assert run.summary["discrepancies"] == 30
    alerts = await Alert.all()
    assert [(alert.kind, alert.severity, alert.job_run_id) for alert in alerts] == [
        ("quota_discrepancy", AlertSeverity.WARNING, run.id)
    ]
    details = alerts[0].details
    assert (details["discrepancies"], details["largestBytes"], len(details["users"])) == (25, 100 * MIB + 1, 20)
    assert details["users"][0]["diff"] == 100 * MIB + 1
    await run_job(runtime, JOB)
    assert await Alert.all().count() == 1


async def test_a_run_has_one_alert_however_many_of_its_chunks_have_something_to_tell(runtime: Runtime) -> None:
    for _ in range(5):
        await UserStorage.create(user_id=(await make_user()).id, used_bytes=200 * MIB)
    jobs = in_chunks(runtime, 2)
    run = await jobs.work((await jobs.request(None, JOB)).id)
    assert run.summary["usersUpdated"] == 5
    alert = await Alert.get(job_run_id=run.id)
    assert (alert.details["discrepancies"], len(alert.details["users"])) == (5, 5)


@pytest.mark.parametrize("users", [1, 2, 3, 4, 5])
async def test_every_user_is_checked_once_whatever_the_size_of_chunks(runtime: Runtime, users: int) -> None:
    for _ in range(users):
        owner = await make_user()
        await make_file(owner, size_bytes=10, location=runtime.storage.default)
        await drift(owner, used=0)
    jobs = in_chunks(runtime, 2)
    rehearsal = await jobs.work((await jobs.request(None, JOB, dry_run=True)).id)
    assert rehearsal.summary == {**checked(users, users), "seconds": 0.0}
    run = await jobs.work((await jobs.request(None, JOB)).id)
    assert run.summary == {**checked(users, users), "seconds": 0.0}
    assert (run.processed, run.total) == (users, users)
    await assert_ledger_is_true(runtime.database)


async def test_a_dry_run_changes_nothing_and_makes_no_rows(runtime: Runtime) -> None:
    owner = await make_user()
    await make_user()
    await make_file(owner, size_bytes=10, location=runtime.storage.default)
    await drift(owner, used=200 * MIB)
    assert await succeed(runtime, JOB, dry_run=True) == checked(2, 1)
    assert await recorded(runtime.database, owner.id) == (200 * MIB, 0)
    assert await UserStorage.all().count() == 1
    assert await Alert.all().count() == 0


@pytest.mark.requirement("R34")
async def test_an_upload_that_commits_while_the_job_waits_for_the_ledger_is_not_lost(runtime: Runtime) -> None:
    """The upload holds the ledger row, uncommitted; the job waits for it, and sums what is true after it."""
    owner = await make_user()
    await make_file(owner, size_bytes=1000, location=runtime.storage.default)
    await drift(owner, used=7)
    run = await runtime.jobs.request(None, JOB)
    holding, commit = asyncio.Event(), asyncio.Event()

    async def upload() -> None:
        async def unit() -> None:
            await make_file(owner, size_bytes=500, location=runtime.storage.default)
            holding.set()
            await commit.wait()

        await runtime.database.transaction(unit)

    uploading = asyncio.create_task(upload())
    await holding.wait()
    work = asyncio.create_task(runtime.jobs.work(run.id))
    await asyncio.sleep(0.3)
    assert not work.done()
    commit.set()
    await uploading
    assert (await work).summary == {**checked(1, 1), "seconds": 0.0}
    assert await recorded(runtime.database, owner.id) == (1500, 0)


@contextlib.asynccontextmanager
async def traffic(runtime: Runtime, users: list[User], clients: int) -> AsyncIterator[list[int]]:
    """Clients that upload, delete, restore and purge for as long as the body takes; the numbers of what they did."""
    stop = asyncio.Event()

    async def client(number: int) -> int:
        chance, done = random.Random(number), 0
        while not stop.is_set():
            owner = chance.choice(users)
            principal = Principal(owner.id, is_system_admin=False)
            with contextlib.suppress(SatchelError):
                file = await runtime.uploads.upload(principal, UploadRequest(), Source([b"x" * chance.randint(1, 999)]))
                await runtime.files.delete(principal, file.id)
                await (runtime.files.restore if chance.random() < 0.5 else runtime.files.purge)(principal, file.id)
                done += 1
        return done

    tasks = [asyncio.create_task(client(number)) for number in range(clients)]
    done: list[int] = []
    try:
        yield done
    finally:
        stop.set()
        done += await asyncio.gather(*tasks)


async def _drifts_are_repaired_beside_traffic(runtime: Runtime, drifts: int) -> None:
    quiet = [await make_user() for _ in range(drifts)]
    busy = [await make_user() for _ in range(8)]
    for user in quiet:
        await UserStorage.create(user_id=user.id, used_bytes=random.randint(1, 10**9))
    jobs = in_chunks(runtime, max(5, drifts // 10))
    with capture_logs() as logs:
        async with traffic(runtime, busy, 8) as done:
            await asyncio.sleep(0.2)
            first = await jobs.work((await jobs.request(None, JOB)).id)
            second = await jobs.work((await jobs.request(None, JOB)).id)
    assert min(done) > 0
    assert first.summary == {**checked(drifts + 8, drifts), "seconds": 0.0}
    assert second.summary == {**checked(drifts + 8, 0), "seconds": 0.0}
    told = [line["user_id"] for line in logs if line["event"] == "quota.discrepancy"]
    assert sorted(told) == sorted(str(user.id) for user in quiet)
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R36")
async def test_drifts_are_repaired_and_reported_once_while_clients_upload_and_delete(runtime: Runtime) -> None:
    await _drifts_are_repaired_beside_traffic(runtime, 60)


@pytest.mark.long
async def test_a_thousand_drifts_are_repaired_while_clients_upload_and_delete(runtime: Runtime) -> None:
    await _drifts_are_repaired_beside_traffic(runtime, 1000)


async def test_a_run_whose_worker_died_goes_on_where_it_was(runtime: Runtime, deployment: Deployment) -> None:
    for _ in range(5):
        await UserStorage.create(user_id=(await make_user()).id, used_bytes=5)
    jobs = in_chunks(runtime, 2)
    run = await jobs.request(None, JOB)
    # What a worker leaves that was killed after its first chunk.
    first = sorted([user.id for user in await User.all()], key=str)[:2]
    await UserStorage.filter(user_id__in=first).update(used_bytes=0)
    await runtime.database.execute(
        "UPDATE job_runs SET status = 'RUNNING', started_at = created_at, processed = 2, total = 5, cursor = $2,"
        f" claim_token = $3, claim_expires_at = {runtime.database.now_plus('$4')} WHERE id = $1",
        run.id,
        str(first[-1]),
        run.id,
        -1,
    )
    await JobRun.filter(id=run.id).update(summary={**checked(2, 2), "seconds": 0.0})
    finished = await jobs.work(run.id)
    assert (finished.status, finished.reclaims, finished.processed) == (JobStatus.SUCCEEDED, 1, 5)
    assert finished.summary == {**checked(5, 5), "seconds": 0.0}
    await assert_ledger_is_true(runtime.database)
