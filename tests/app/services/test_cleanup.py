"""The sweep after uploads: what they and purges left behind is finished, never too early, whatever the store says."""

import pytest

from app.auth import Principal
from app.models import File, FileStatus, JobName, User
from app.runtime import Runtime
from tests.factories import make_file, make_user
from tests.fixtures.jobs import cleaned, is_stored, let_claims_end, succeed
from tests.fixtures.ledger import assert_ledger_is_true, recorded

CONTENT = b"half a film"
JOB = JobName.EXPIRED_UPLOAD_CLEANUP


async def pending(runtime: Runtime, owner: User, *, lease_seconds: int) -> File:
    file = await make_file(
        owner, content=CONTENT, status=FileStatus.PENDING, location="memory", storage=runtime.storage
    )
    await runtime.database.execute(
        f"UPDATE files SET lease_expires_at = {runtime.database.now_plus('$2')} WHERE id = $1", file.id, lease_seconds
    )
    return file


async def purging(runtime: Runtime, owner: User, *, due_in_seconds: int) -> File:
    file = await make_file(
        owner, content=CONTENT, status=FileStatus.PURGING, location="memory", storage=runtime.storage
    )
    await runtime.database.execute(
        f"UPDATE files SET purge_next_attempt_at = {runtime.database.now_plus('$2')} WHERE id = $1",
        file.id,
        due_in_seconds,
    )
    return file


async def test_an_upload_is_given_up_only_when_its_lease_ended_long_ago(runtime: Runtime) -> None:
    owner = await make_user()
    alive = await pending(runtime, owner, lease_seconds=60)
    silent = await pending(runtime, owner, lease_seconds=-880)
    dead = await pending(runtime, owner, lease_seconds=-920)
    assert await succeed(runtime, JOB) == cleaned(1, len(CONTENT))
    assert {row.id for row in await File.all()} == {alive.id, silent.id}
    assert not await is_stored(runtime, dead)
    assert await is_stored(runtime, alive)
    assert await recorded(runtime.database, owner.id) == (2 * len(CONTENT), 0)
    await assert_ledger_is_true(runtime.database)


async def test_bytes_of_a_purge_go_only_when_they_are_due(runtime: Runtime) -> None:
    owner = await make_user()
    due = await purging(runtime, owner, due_in_seconds=-1)
    later = await purging(runtime, owner, due_in_seconds=60)
    assert await succeed(runtime, JOB) == cleaned(1, len(CONTENT))
    assert not await is_stored(runtime, due)
    assert await is_stored(runtime, later)
    assert [row.id for row in await File.all()] == [later.id]


async def test_a_dry_run_counts_and_changes_nothing(runtime: Runtime) -> None:
    owner = await make_user()
    dead = await pending(runtime, owner, lease_seconds=-1000)
    due = await purging(runtime, owner, due_in_seconds=-1)
    before = await runtime.database.fetch("SELECT * FROM files ORDER BY id")
    assert await succeed(runtime, JOB, dry_run=True) == cleaned(2, 2 * len(CONTENT))
    assert await runtime.database.fetch("SELECT * FROM files ORDER BY id") == before
    assert await is_stored(runtime, dead)
    assert await is_stored(runtime, due)


async def test_a_file_whose_bytes_cannot_be_deleted_is_kept_and_tried_again(runtime: Runtime) -> None:
    owner = await make_user()
    stuck = await purging(runtime, owner, due_in_seconds=-1)
    await runtime.storage.close()
    assert await succeed(runtime, JOB) == cleaned(0, 0, failed=1)
    row = await File.get(id=stuck.id)
    assert (row.purge_attempts, row.purge_last_error, row.claim_token) == (1, "Unavailable", None)
    # Not due again for a minute: the next sweep leaves it alone instead of knocking at once.
    assert await succeed(runtime, JOB) == cleaned(0, 0)
    await let_claims_end(runtime.database)
    assert await succeed(runtime, JOB) == cleaned(0, 0, failed=1)


async def test_a_batch_of_many_owners_keeps_every_ledger(runtime: Runtime) -> None:
    owners = [await make_user() for _ in range(5)]
    for owner in owners:
        await make_file(owner, size_bytes=500, location="memory")
        for _ in range(4):
            await pending(runtime, owner, lease_seconds=-1000)
    assert await succeed(runtime, JOB) == cleaned(20, 20 * len(CONTENT))
    assert [await recorded(runtime.database, owner.id) for owner in owners] == [(500, 0)] * 5
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R6")
async def test_emptying_the_trash_works_through_more_than_one_batch(runtime: Runtime) -> None:
    owner = await make_user()
    principal = Principal(owner.id, is_system_admin=False)
    kept = await make_file(owner, size_bytes=10, location="memory")
    template = await make_file(owner, size_bytes=1, location="memory", status=FileStatus.SOFT_DELETED)
    await runtime.database.execute(
        f"""
        INSERT INTO files (id, owner_id, name, name_folded, mime_type, size_bytes, charged_bytes, status, location_id,
            storage_key, created_at, updated_at, deleted_at, purge_attempts)
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1100)
        SELECT {_NUMBERED_UUID[runtime.database.dialect]}, owner_id, name, name_folded, mime_type, 1, 0, status, location_id,
            'system/2026/01/' || {_NUMBERED_TEXT[runtime.database.dialect]} || '.txt', created_at, updated_at, deleted_at, 0
        FROM files CROSS JOIN numbers WHERE files.id = $1
        """,
        template.id,
    )
    await runtime.database.execute("UPDATE user_storage SET trash_bytes = 1101 WHERE user_id = $1", owner.id)
    emptied = await runtime.files.empty_trash(principal)
    assert (emptied.files_purged, emptied.bytes_freed) == (1101, 1101)
    assert [row.id for row in await File.all()] == [kept.id]
    assert await recorded(runtime.database, owner.id) == (10, 0)


_NUMBERED_TEXT = {
    "sqlite": "printf('00000000-0000-4000-8000-%012d', n)",
    "postgres": "'00000000-0000-4000-8000-' || lpad(n::text, 12, '0')",
}
_NUMBERED_UUID = {"sqlite": _NUMBERED_TEXT["sqlite"], "postgres": f"({_NUMBERED_TEXT['postgres']})::uuid"}
