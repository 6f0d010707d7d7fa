"""Workers and schedulers as processes, on PostgreSQL and Valkey: killed, stopped, and without Redis for a while."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.models import File, FileStatus, JobName, JobRun, JobStatus
from tests.factories import make_file
from tests.fixtures.deployment import Deployment
from tests.fixtures.ledger import assert_ledger_is_true
from tests.fixtures.redis import StartValkey
from tests.fixtures.server import ROOT, Serve
from workers.main import EXIT_FORCED

pytestmark = [pytest.mark.requirement("R26"), pytest.mark.requirement("R33")]

CLEANUP = JobName.ORPHANED_FILE_CLEANUP


async def overdue_files(deployment: Deployment, count: int = 20) -> None:
    """Files that the cleanup takes. Nothing is stored of them: their bytes are deleted all the same."""
    async with deployment.web() as runtime:  # which makes the location
        assert runtime.storage.default == "local"
    for _ in range(count):
        await make_file(status=FileStatus.SOFT_DELETED, deleted_at=datetime.now(UTC) - timedelta(days=31))


@asynccontextmanager
async def files_locked(deployment: Deployment) -> AsyncIterator[None]:
    """While somebody else holds the files, a cleanup of them begins and does not end."""
    async with row_lock(deployment, "SELECT id FROM files FOR UPDATE"):
        yield


@asynccontextmanager
async def row_lock(deployment: Deployment, statement: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(deployment.database.url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def asked(deployment: Deployment, job: JobName = CLEANUP) -> JobRun:
    async with deployment.web() as runtime:
        return await runtime.jobs.request(None, job)


@pytest.mark.usefixtures("cold_start")
async def test_two_schedulers_and_two_workers_give_every_tick_one_run_and_stop_at_once(deployment: Deployment) -> None:
    schedulers = await asyncio.gather(deployment.start("scheduler"), deployment.start("scheduler"))
    workers = await asyncio.gather(deployment.start("worker"), deployment.start("worker"))
    async with asyncio.timeout(30):
        while await JobRun.filter(status=JobStatus.SUCCEEDED).count() < len(JobName):  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.1)
    runs = await JobRun.all()
    assert {run.job for run in runs} == set(JobName)
    assert len({(run.job, run.tick) for run in runs}) == len(
        runs
    )  # ten minutes may be over meanwhile, and another tick due
    assert all(run.tick is not None and run.reclaims == 0 for run in runs)
    for worker in workers:
        await worker.says("jobs.listening")
    assert [await process.terminate() for process in (*schedulers, *workers)] == [0] * 4
    assert [scheduler.said("scheduler.stop_forced") for scheduler in schedulers] == [0, 0]
    assert [worker.said("worker.stop_forced") for worker in workers] == [0, 0]
    assert sum("Traceback" in process.log() for process in deployment.started) == 0


async def test_a_worker_that_is_killed_on_a_quiet_queue_loses_nothing(deployment: Deployment) -> None:
    await overdue_files(deployment)
    async with files_locked(deployment):
        first = await deployment.start("worker", JOB_LEASE_SECONDS="5")
        run = await asked(deployment)
        await deployment.begun(run)
        await first.kill()
    # No message comes any more: the one there was has been read and acknowledged.
    await deployment.start("worker", JOB_LEASE_SECONDS="5")
    ended = await deployment.ended(run)
    assert (ended.status, ended.summary["filesDeleted"]) == (JobStatus.SUCCEEDED, 20)
    assert await File.all().count() == 0
    await assert_ledger_is_true(deployment.database)


async def test_a_worker_that_stops_gives_back_what_it_held(deployment: Deployment) -> None:
    await overdue_files(deployment)
    async with files_locked(deployment):
        first = await deployment.start("worker")
        run = await asked(deployment)
        await deployment.begun(run)
        assert await first.terminate() == 0
        left = await JobRun.get(id=run.id)
        assert (left.status, left.claim_expires_at) == (JobStatus.RUNNING, None)
    assert first.said("worker.stopping") == first.said("worker.stopped") == 1
    await deployment.start("worker")
    ended = await deployment.ended(run)
    assert (ended.status, ended.reclaims, ended.summary["filesDeleted"]) == (JobStatus.SUCCEEDED, 0, 20)


async def test_a_worker_that_stops_finishes_what_it_can(deployment: Deployment) -> None:
    await overdue_files(deployment)
    async with files_locked(deployment):
        worker = await deployment.start("worker")
        run = await asked(deployment)
        await deployment.begun(run)
        stopping = asyncio.create_task(worker.terminate())
        await worker.says("worker.stopping")
    assert await stopping == 0
    ended = await JobRun.get(id=run.id)
    assert (ended.status, ended.summary["filesDeleted"]) == (JobStatus.SUCCEEDED, 20)


async def test_a_worker_that_cannot_give_back_anything_is_gone_within_thirty_seconds(deployment: Deployment) -> None:
    await overdue_files(deployment)
    async with files_locked(deployment):
        worker = await deployment.start("worker", JOB_LEASE_SECONDS="5")
        run = await asked(deployment)
        await deployment.begun(run)
        async with row_lock(deployment, "SELECT id FROM job_runs FOR UPDATE"):
            assert await worker.terminate() in {0, EXIT_FORCED}
    await deployment.start("worker", JOB_LEASE_SECONDS="5")
    assert (await deployment.ended(run)).status is JobStatus.SUCCEEDED


_HANGING = """
import asyncio, os, signal, time
from workers.main import stop_event
async def main():
    stop = stop_event("worker", last_seconds=0.3)
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    time.sleep(60)
asyncio.run(main())
"""


def test_a_process_that_hangs_while_it_stops_is_ended() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _HANGING], cwd=ROOT, timeout=120, check=False, capture_output=True, text=True
    )
    assert ended.returncode == EXIT_FORCED
    assert "worker.stop_forced" in ended.stdout + ended.stderr


async def test_runs_are_asked_for_and_done_while_redis_is_away_and_after(
    deployment: Deployment, valkey: StartValkey
) -> None:
    redis = valkey()
    deployment.values["redis_url"] = redis.url
    worker = await deployment.start("worker")
    await worker.says("jobs.listening")
    async with deployment.web() as runtime:
        redis.stop()
        await worker.says("jobs.redis_away")
        async with asyncio.timeout(20):  # nobody waits for Redis
            run = await runtime.jobs.request(None, CLEANUP)
        assert run.status is JobStatus.QUEUED
        assert (await deployment.ended(run)).status is JobStatus.SUCCEEDED

        valkey(redis.port)
        await worker.says("jobs.listening", times=2)
        messages = worker.log().count("Executing task work_on_run")
        run = await runtime.jobs.request(None, CLEANUP)
        assert (await deployment.ended(run)).status is JobStatus.SUCCEEDED

    def executed() -> int:
        return worker.log().count("Executing task work_on_run") - messages

    # A worker that looks by itself may have been quicker than the message.
    await asyncio.to_thread(worker.process.wait_until, lambda: executed() > 0, 60)
    assert executed() == 1
    assert await worker.terminate() == 0
    assert "Traceback" not in worker.log()


async def test_processes_start_without_redis_and_find_it_later(
    deployment: Deployment, valkey: StartValkey, serve: Serve
) -> None:
    redis = valkey()
    redis.stop()
    deployment.values["redis_url"] = redis.url
    worker = await deployment.start("worker")
    scheduler = await deployment.start("scheduler")
    server = await serve({name.upper(): value for name, value in deployment.values.items()})
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(f"{server.base_url}/readyz")).status_code == 200
    async with asyncio.timeout(30):
        while await JobRun.filter(status=JobStatus.SUCCEEDED).count() < len(JobName):  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.1)
    valkey(redis.port)
    await worker.says("jobs.listening")
    assert [await worker.terminate(), await scheduler.terminate()] == [0, 0]


async def test_several_workers_share_one_run(deployment: Deployment) -> None:
    await overdue_files(deployment, 50)
    workers = [await deployment.start("worker"), await deployment.start("worker")]
    async with files_locked(deployment):
        run = await asked(deployment)
        await asyncio.gather(*(worker.says("jobs.began") for worker in workers))
    ended = await deployment.ended(run)
    assert (ended.status, ended.summary["filesDeleted"], ended.reclaims) == (JobStatus.SUCCEEDED, 50, 0)


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
async def test_without_redis_there_are_no_such_processes(kind: str, tmp_path: Path, serve: Serve) -> None:
    with pytest.raises(Exception, match=f"error: REDIS_URL: a {kind} needs it"):
        await serve(arguments=(kind,), data_dir=tmp_path / "untouched")
    assert not (tmp_path / "untouched").exists()
