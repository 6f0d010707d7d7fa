"""Sweeps when stores refuse, are away or do not answer, and when workers die: everything goes once, and is counted once."""

import asyncio
from datetime import timedelta

import pytest

from app.models import File, FileStatus, JobName, JobRun, JobStatus
from app.runtime import Runtime
from tests.app.services.jobs.conftest import Deployment
from tests.factories import make_file, make_location, make_user
from tests.fixtures.backends import refuse_deletes, slow_deletes
from tests.fixtures.jobs import (
    cleaned,
    is_stored,
    let_batches_be_due,
    let_claims_end,
    let_runs_be_taken_over,
    run_job,
    succeed,
    trashed,
)
from tests.fixtures.ledger import assert_ledger_is_true, recorded

JOB = JobName.ORPHANED_FILE_CLEANUP
DUE = timedelta(days=30, seconds=1)
SIZE = len(b"once a film")


@pytest.mark.requirement("R32")
async def test_files_that_the_store_refuses_to_delete_are_kept_and_go_with_a_later_run(runtime: Runtime) -> None:
    owner = await make_user()
    store = refuse_deletes(runtime)
    for _ in range(45):
        await trashed(runtime, owner, DUE, charged_bytes=SIZE)

    assert await succeed(runtime, JOB) == cleaned(41, 41 * SIZE, failed=4)

    kept = await File.all()
    assert {file.storage_key for file in kept} == store.refused
    for file in kept:
        assert (file.status, file.purge_attempts, file.purge_last_error) == (FileStatus.PURGING, 1, "Denied")
        assert await is_stored(runtime, file)
    waits = await runtime.database.fetch(
        f"SELECT COUNT(*) AS files FROM files WHERE purge_next_attempt_at > {runtime.database.now_plus('$1')}"
        f" AND purge_next_attempt_at <= {runtime.database.now_plus('$2')}",
        50,
        60,
    )
    assert waits[0]["files"] == 4
    assert await recorded(runtime.database, owner.id) == (4 * SIZE, 0)
    assert await succeed(runtime, JOB) == cleaned(0, 0)  # it is not their time yet

    store.forgiving = True
    await let_claims_end(runtime.database)
    assert await succeed(runtime, JOB) == cleaned(4, 4 * SIZE)
    assert await File.all().count() == 0
    assert await recorded(runtime.database, owner.id) == (0, 0)


@pytest.mark.requirement("R32")
@pytest.mark.parametrize("attempts, minutes", [(0, 1), (1, 2), (5, 32), (10, 1024), (11, 1440), (60, 1440)])
async def test_the_wait_doubles_with_every_failure_up_to_a_day(runtime: Runtime, attempts: int, minutes: int) -> None:
    file = await make_file(status=FileStatus.PURGING, location=runtime.storage.default, purge_attempts=attempts)
    await runtime.storage.close()
    await run_job(runtime, JOB)
    seconds = minutes * 60
    found = await runtime.database.fetch(
        f"SELECT id FROM files WHERE purge_attempts = $1 AND purge_next_attempt_at <= {runtime.database.now_plus('$2')}"
        f" AND purge_next_attempt_at > {runtime.database.now_plus('$3')}",
        attempts + 1,
        seconds,
        seconds - 30,
    )
    assert len(found) == 1
    assert await File.filter(id=file.id).exists()


async def test_a_file_that_comes_due_again_during_a_run_is_not_counted_by_it_twice(runtime: Runtime) -> None:
    owner = await make_user()
    store = refuse_deletes(runtime)
    store.asked = 9
    refused = await trashed(runtime, owner, DUE)
    slow = slow_deletes(runtime)
    work = asyncio.create_task(run_job(runtime, JOB))
    await slow.deleting.wait()
    later = await trashed(runtime, owner, DUE)  # so that the run goes on after the refusal
    slow.deleting.clear()
    slow.answer.set()
    run = await work
    assert run.summary["failed"] == 1
    assert run.processed == 2
    assert {file.id for file in await File.all()} == {refused.id}
    assert not await is_stored(runtime, later)


async def test_files_in_a_location_that_is_not_ready_wait_and_the_others_go(runtime: Runtime) -> None:
    owner = await make_user()
    await make_location("attic")  # nothing here is configured by that name
    for _ in range(3):
        await make_file(owner, status=FileStatus.SOFT_DELETED, deleted_at=runtime.clock.now() - DUE, location="attic")
    gone = await trashed(runtime, owner, DUE)

    assert await succeed(runtime, JOB) == cleaned(1, SIZE, failed=3)

    assert not await is_stored(runtime, gone)
    left = await File.all()
    assert [(file.location_id, file.purge_attempts, file.purge_last_error) for file in left] == [
        ("attic", 1, "Unavailable")
    ] * 3
    await assert_ledger_is_true(runtime.database)


async def test_a_batch_of_a_silent_worker_is_taken_over_and_counted_once(
    runtime: Runtime, deployment: Deployment, backend: str
) -> None:
    """The first worker's store does not answer until a second one has done its work: then it finds nothing to settle."""
    owner = await make_user()
    for _ in range(20):
        await trashed(runtime, owner, DUE, charged_bytes=SIZE)
    slow = slow_deletes(runtime)
    run = await runtime.jobs.request(None, JOB)
    late = asyncio.create_task(runtime.jobs.work(run.id))
    await slow.deleting.wait()

    await let_runs_be_taken_over(runtime.database)
    async with deployment() as other:
        if backend == "memory":
            other.storage.locations["memory"].backend = slow.inner
            other.storage.locations["memory"].reason = None
        work = asyncio.create_task(other.jobs.work(run.id))
        async with asyncio.timeout(20):
            while not (await JobRun.get(id=run.id)).reclaims:  # noqa: ASYNC110 - it is another process's, so to speak
                await asyncio.sleep(0.01)
        await let_batches_be_due(other.database)
        finished = await work
    assert (finished.status, finished.reclaims) == (JobStatus.SUCCEEDED, 1)
    runtime.database.bind()
    slow.answer.set()
    assert (await late).summary == finished.summary

    told = await JobRun.get(id=run.id)
    assert told.summary == {"filesDeleted": 20, "bytesFreed": 20 * SIZE, "failed": 0, "seconds": 0.0}
    assert told.processed == 20
    assert await recorded(runtime.database, owner.id) == (0, 0)


async def test_a_run_does_not_end_while_another_worker_still_holds_a_batch_of_it(
    runtime: Runtime, deployment: Deployment
) -> None:
    owner = await make_user()
    await trashed(runtime, owner, DUE)
    slow = slow_deletes(runtime)
    run = await runtime.jobs.request(None, JOB)
    first = asyncio.create_task(runtime.jobs.work(run.id))
    await slow.deleting.wait()
    async with deployment() as other:
        second = asyncio.create_task(other.jobs.work(run.id))
        await asyncio.sleep(0.3)
        assert not second.done()
        slow.answer.set()
        ended = [await first, await second]
    assert [(each.status, each.reclaims) for each in ended] == [(JobStatus.SUCCEEDED, 0)] * 2
    assert ended[0].summary["filesDeleted"] == 1


async def test_a_worker_that_is_stopped_gives_back_its_batch_at_once(runtime: Runtime) -> None:
    owner = await make_user()
    await trashed(runtime, owner, DUE)
    slow = slow_deletes(runtime)
    run = await runtime.jobs.request(None, JOB)
    work = asyncio.create_task(runtime.jobs.work(run.id))
    await slow.deleting.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    stopped = await JobRun.get(id=run.id)
    assert (stopped.status, stopped.claim_expires_at) == (JobStatus.RUNNING, None)

    slow.answer.set()
    finished = await runtime.jobs.work(run.id)  # without waiting for any lease
    assert (finished.status, finished.reclaims) == (JobStatus.SUCCEEDED, 0)
    assert finished.summary["filesDeleted"] == 1


async def test_the_other_sweep_leaves_alone_what_a_run_has_in_hand(runtime: Runtime) -> None:
    owner = await make_user()
    await trashed(runtime, owner, DUE)
    slow = slow_deletes(runtime)
    work = asyncio.create_task(run_job(runtime, JOB))
    await slow.deleting.wait()
    await let_claims_end(runtime.database)
    assert await succeed(runtime, JobName.EXPIRED_UPLOAD_CLEANUP) == cleaned(0, 0)
    slow.answer.set()
    assert (await work).summary["filesDeleted"] == 1
