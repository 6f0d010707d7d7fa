"""Without Redis the web process does the jobs itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.clock import FixedClock
from app.db import Database
from app.models import JobName, JobRun, JobStatus
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.fixtures.server import AppServer, Serve
from workers.main import web_jobs

pytestmark = [pytest.mark.requirement("R26"), pytest.mark.requirement("R33")]


@asynccontextmanager
async def web(database_url: str, folder: Path, *, scheduled: bool) -> AsyncIterator[Runtime]:
    settings = Settings.load(
        database_url=database_url, secret_key="s" * 32, storage_backend="memory", data_dir=folder / "data"
    )
    async with open_runtime(settings, FixedClock()) as runtime:
        runtime.database.bind()
        async with web_jobs(runtime, scheduled=scheduled):
            yield runtime


async def succeeded(count: int) -> list[JobRun]:
    async with asyncio.timeout(20):
        while len(found := await JobRun.filter(status=JobStatus.SUCCEEDED)) < count:  # noqa: ASYNC110 - in other tasks
            await asyncio.sleep(0.02)
    return found


async def test_what_is_asked_for_is_done_at_once(database_url: str, tmp_path: Path) -> None:
    async with web(database_url, tmp_path, scheduled=False) as runtime:
        assert await JobRun.all().count() == 0
        # Nobody looks for runs in a process that does not schedule: it is told.
        for dry_run in (True, False):
            await runtime.jobs.request(None, JobName.QUOTA_RECONCILIATION, dry_run=dry_run)
        assert {run.dry_run for run in await succeeded(2)} == {True, False}


async def test_what_is_due_is_done(database_url: str, tmp_path: Path) -> None:
    async with web(database_url, tmp_path, scheduled=True):
        runs = await succeeded(len(JobName))
    assert sorted(run.job for run in runs) == sorted(JobName)
    assert None not in {run.tick for run in runs}


async def test_nothing_is_begun_by_a_process_that_is_not_to_schedule(sqlite_url: str, tmp_path: Path) -> None:
    async with web(sqlite_url, tmp_path, scheduled=False):
        await asyncio.sleep(0.2)
        assert await JobRun.all().count() == 0


async def test_a_server_does_what_is_due_and_what_a_killed_one_left(serve: Serve, tmp_path: Path) -> None:
    first = await serve()
    database = await opened(first)
    left = {run.id for run in await succeeded(len(JobName))}
    await first.kill()
    # As if it had been killed in the middle.
    await database.execute(
        f"UPDATE job_runs SET status = 'RUNNING', finished_at = NULL, claim_expires_at = {database.now_plus('$1')}", -1
    )
    await database.close()
    second = await serve(data_dir=first.data_dir)
    database = await opened(second)
    # Ten minutes may be over meanwhile, and another run of a job due.
    async with asyncio.timeout(20):
        while await JobRun.filter(id__in=left, status=JobStatus.SUCCEEDED).count() < len(left):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    assert {run.reclaims for run in await JobRun.filter(id__in=left)} == {1}
    await database.close()
    assert await second.terminate() in {0, 143}
    assert "Traceback" not in second.log()


async def opened(server: AppServer) -> Database:
    database = Database(f"sqlite:///{server.data_dir / 'satchel.sqlite3'}")
    await database.open()
    return database


async def test_postgres_without_redis_is_one_process_and_says_so(serve: Serve, postgres_url: str) -> None:
    values = {"DATABASE_URL": postgres_url, "SECRET_KEY": "s" * 32}
    alone = await serve(values)
    assert alone.log().count('"jobs.one_process_only"') == 1
    assert "REDIS_URL is not set" in alone.log()


async def test_a_server_with_redis_leaves_the_work_to_workers(serve: Serve, postgres_url: str, redis_url: str) -> None:
    server = await serve({"DATABASE_URL": postgres_url, "SECRET_KEY": "s" * 32, "REDIS_URL": redis_url})
    assert "jobs.one_process_only" not in server.log()
    database = Database(postgres_url)
    await database.open()
    await asyncio.sleep(0.3)
    assert await JobRun.all().count() == 0
    await database.close()
