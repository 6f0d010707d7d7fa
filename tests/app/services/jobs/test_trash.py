"""`orphaned_file_cleanup`: the trash is emptied when its time has come, to the second, and the ledger follows the rows."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.auth import Principal
from app.clock import FixedClock
from app.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from app.models import Alert, AlertSeverity, File, FileStatus, JobName, JobRun, JobStatus, User
from app.runtime import Runtime
from tests.app.services.jobs.conftest import Deployment
from tests.factories import make_assignment, make_attachment, make_file, make_user, make_user_limit
from tests.fixtures.jobs import cleaned, is_stored, many_trashed, run_job, succeed, trashed
from tests.fixtures.ledger import assert_ledger_is_true, recorded

JOB = JobName.ORPHANED_FILE_CLEANUP
DUE = timedelta(days=30, seconds=1)
SIZE = len(b"once a film")


async def stored(runtime: Runtime, owner: User, content: bytes, **fields: Any) -> File:
    return await make_file(owner, content=content, location=runtime.storage.default, storage=runtime.storage, **fields)


def principal(owner: User) -> Principal:
    return Principal(owner.id, is_system_admin=False)


@pytest.fixture
async def charging(deployment: Deployment) -> AsyncIterator[Runtime]:
    """A deployment whose trash counts toward the quota."""
    async with deployment(trash_counts_toward_quota=True) as opened:
        yield opened


@pytest.mark.requirement("R27")
@pytest.mark.requirement("R28")
@pytest.mark.requirement("R29")
async def test_thirty_days_and_a_second_are_too_long_and_a_minute_less_is_not(runtime: Runtime) -> None:
    owner = await make_user()
    kept = [
        await trashed(runtime, owner, timedelta(days=29, hours=23, minutes=59)),
        await trashed(runtime, owner, timedelta(days=30)),
        await stored(runtime, owner, b"in use"),
    ]
    purged = await trashed(runtime, owner, DUE)

    assert await succeed(runtime, JOB) == cleaned(1, SIZE)

    assert {file.id for file in await File.all()} == {file.id for file in kept}
    assert [await is_stored(runtime, file) for file in (*kept, purged)] == [True, True, True, False]
    assert await recorded(runtime.database, owner.id) == (len(b"in use"), 2 * SIZE)
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R27")
async def test_the_clock_of_the_application_counts_and_the_days_can_be_set(
    deployment: Deployment, clock: FixedClock
) -> None:
    async with deployment(trash_retention_days=2) as runtime:
        owner = await make_user()
        await trashed(runtime, owner, timedelta(0))
        clock.advance(days=2)
        assert await succeed(runtime, JOB) == cleaned(0, 0)
        clock.advance(seconds=1)
        assert await succeed(runtime, JOB) == cleaned(1, SIZE)


@pytest.mark.requirement("R30")
async def test_what_is_still_charged_is_released_with_the_row(charging: Runtime) -> None:
    owners = [await make_user() for _ in range(3)]
    for number, owner in enumerate(owners):
        await stored(charging, owner, b"kept")
        for _ in range(number + 1):
            await trashed(charging, owner, DUE, charged_bytes=SIZE)
    assert await recorded(charging.database, owners[2].id) == (4 + 3 * SIZE, 3 * SIZE)

    assert await succeed(charging, JOB) == cleaned(6, 6 * SIZE)

    assert [await recorded(charging.database, owner.id) for owner in owners] == [(4, 0)] * 3
    await assert_ledger_is_true(charging.database)


@pytest.mark.requirement("R30")
@pytest.mark.parametrize("first", [True, False])
async def test_nothing_is_released_twice_when_the_trash_begins_or_ceases_to_count(
    deployment: Deployment, backend: str, clock: FixedClock, first: bool
) -> None:
    """Each file goes by what its own row says, whatever the setting was at its delete and is now."""
    kept = "local" if backend == "memory" else backend  # memory does not outlive a process
    async with deployment(storage_backend=kept, trash_counts_toward_quota=first) as before:
        owner = await make_user()
        files = [await stored(before, owner, b"x" * 100) for _ in "abcd"]
        for file in files[:2]:
            await before.files.delete(principal(owner), file.id)
        assert await recorded(before.database, owner.id) == (400 if first else 200, 200)
    async with deployment(storage_backend=kept, trash_counts_toward_quota=not first) as after:
        for file in files[2:]:
            await after.files.delete(principal(owner), file.id)
        assert await recorded(after.database, owner.id) == (200, 400)
        clock.advance(days=31)
        assert await succeed(after, JOB) == cleaned(4, 400)
        assert await recorded(after.database, owner.id) == (0, 0)
        await assert_ledger_is_true(after.database)


async def test_a_file_that_somebody_purges_under_that_setting_is_released_at_once(charging: Runtime) -> None:
    owner = await make_user()
    file = await trashed(charging, owner, DUE, charged_bytes=SIZE)
    await charging.files.purge(principal(owner), file.id)
    assert await recorded(charging.database, owner.id) == (0, 0)
    assert not await File.exists(id=file.id)


async def test_what_a_killed_purge_left_is_finished(runtime: Runtime) -> None:
    owner = await make_user()
    left = await stored(runtime, owner, b"once a film", status=FileStatus.PURGING)
    assert await succeed(runtime, JOB) == cleaned(1, SIZE)
    assert not await is_stored(runtime, left)


@pytest.mark.requirement("R31")
async def test_more_than_a_batch_is_worked_through_to_the_end_and_told_in_the_summary(deployment: Deployment) -> None:
    async with deployment(job_batch_files=100) as runtime:
        await _more_than_a_batch(runtime, 250)


@pytest.mark.long
async def test_so_it_is_with_the_largest_batches(runtime: Runtime) -> None:
    await _more_than_a_batch(runtime, 1050)


async def _more_than_a_batch(runtime: Runtime, files: int) -> None:
    owners = [await make_user() for _ in range(3)]
    made = await many_trashed(runtime, owners, files, DUE)
    with capture_logs() as logs:
        run = await run_job(runtime, JOB)
    assert (run.status, run.total, run.processed) == (JobStatus.SUCCEEDED, files, files)
    size = sum(file.size_bytes for file in made)
    assert run.summary == {"filesDeleted": files, "bytesFreed": size, "failed": 0, "seconds": 0.0}
    [told] = [line for line in logs if line["event"] == "job.finished"]
    assert run.summary.items() <= told.items()
    assert (told["job"], told["run_id"], told["status"]) == (JOB.value, str(run.id), "SUCCEEDED")
    assert await File.all().count() == 0
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R50")
@pytest.mark.parametrize("files", [3, 4])
async def test_more_orphaned_files_than_the_threshold_are_an_alert(deployment: Deployment, files: int) -> None:
    async with deployment(alert_orphan_threshold=3) as runtime:
        owner = await make_user()
        for _ in range(files):
            await trashed(runtime, owner, DUE)
        await run_job(runtime, JOB, dry_run=True)
        assert await Alert.all().count() == 0
        run = await run_job(runtime, JOB)
        alerts = await Alert.all()
        if files == 3:
            assert alerts == []
            return
        assert [(alert.kind, alert.severity, alert.job_run_id) for alert in alerts] == [
            ("orphaned_files", AlertSeverity.WARNING, run.id)
        ]
        assert alerts[0].details == {"files": 4, "bytes": 4 * SIZE, "threshold": 3}


async def test_a_dry_run_says_what_would_go_and_leaves_every_row_and_byte(runtime: Runtime) -> None:
    owner = await make_user()
    files = [await trashed(runtime, owner, DUE) for _ in range(3)]
    before = await runtime.database.fetch("SELECT * FROM files ORDER BY id")
    run = await run_job(runtime, JOB, dry_run=True)
    assert run.summary == {"filesDeleted": 3, "bytesFreed": 3 * SIZE, "failed": 0, "seconds": 0.0}
    assert (run.claim_token, run.claim_expires_at) == (None, None)
    assert await runtime.database.fetch("SELECT * FROM files ORDER BY id") == before
    assert all([await is_stored(runtime, file) for file in files])


async def test_a_purged_file_takes_its_attachments_and_avatars_with_it(runtime: Runtime) -> None:
    owner = await make_user()
    file = await trashed(runtime, owner, DUE)
    await make_attachment(await make_assignment(), file)
    await User.filter(id=owner.id).update(avatar_id=file.id)
    assert await succeed(runtime, JOB) == cleaned(1, SIZE)
    assert (await User.get(id=owner.id)).avatar_id is None


@pytest.mark.parametrize("count", [80, pytest.param(200, marks=pytest.mark.long)])
async def test_restores_that_race_the_cleanup_win_wholly_or_lose_wholly(runtime: Runtime, count: int) -> None:
    """Restores of overdue files while they are cleaned up; some of them do not fit the quota and stay overdue."""
    owner, poor = await make_user(), await make_user()
    files = [await trashed(runtime, owner if number % 4 else poor, DUE) for number in range(count)]
    await make_user_limit(poor, storage_quota_bytes=count // 10 * SIZE)
    await make_user_limit(owner, storage_quota_bytes=10_000)

    async def restore(file: File) -> bool:
        await asyncio.sleep(0)
        try:
            await runtime.files.restore(principal(owner if file.owner_id == owner.id else poor), file.id)
        except (Conflict, Forbidden, NotFound, QuotaExceeded):
            return False
        return True

    half = [asyncio.create_task(restore(file)) for file in files[::2]]
    await half[0]  # one for certain; the run meets the others on their way
    work = asyncio.create_task(run_job(runtime, JOB))
    rest = [asyncio.create_task(restore(file)) for file in files[1::2]]
    won = dict(zip([file.id for file in files[::2] + files[1::2]], await asyncio.gather(*half, *rest), strict=True))
    run = await work

    # Every fourth file is of the one whose quota is small, for every tenth.
    assert 1 <= sum(won.values()) <= count * 3 // 4 + count // 10
    rows = {row.id: row for row in await File.all()}
    assert set(rows) == {file_id for file_id, restored in won.items() if restored}
    assert run.summary["filesDeleted"] == count - len(rows)
    for file in files:
        assert await is_stored(runtime, file) == (file.id in rows)
        if row := rows.get(file.id):
            assert (row.status, row.charged_bytes, row.deleted_at) == (FileStatus.ACTIVE, SIZE, None)
    await assert_ledger_is_true(runtime.database)


async def test_a_run_waits_for_a_restore_that_may_yet_be_refused(runtime: Runtime) -> None:
    """Locked files are stepped over, but never taken for none: nothing that is due is left for tomorrow."""
    owner = await make_user()
    file = await trashed(runtime, owner, DUE)
    held, refused = asyncio.Event(), asyncio.Event()

    async def hesitate() -> None:
        async def unit() -> None:
            await File.filter(id=file.id).select_for_update().first()
            held.set()
            await refused.wait()

        await runtime.database.transaction(unit)

    restore = asyncio.create_task(hesitate())
    await held.wait()
    work = asyncio.create_task(run_job(runtime, JOB))
    await asyncio.sleep(0.3)
    assert not work.done()
    refused.set()
    await restore
    assert (await work).summary["filesDeleted"] == 1
    assert await JobRun.filter(status=JobStatus.SUCCEEDED).count() == 1
