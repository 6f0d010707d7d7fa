"""SIGKILL among workers of one cleanup: every file is purged once and counted once, whoever dies when."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import asyncpg
import pytest

from app.db import Database
from app.models import File, JobName, JobRun, JobStatus
from tests.factories import make_user
from tests.fixtures.deployment import Deployment, JobProcess
from tests.fixtures.jobs import many_trashed
from tests.fixtures.ledger import assert_ledger_is_true, recorded
from tests.fixtures.servers.buckets import S3Server

pytestmark = [pytest.mark.requirement("R27"), pytest.mark.requirement("R28"), pytest.mark.requirement("R30")]

JOB = JobName.ORPHANED_FILE_CLEANUP
WORKERS = 3
# Many small batches and short leases: more moments to be killed at, and less waiting for what the dead held.
SETTINGS = {"JOB_LEASE_SECONDS": "3", "JOB_BATCH_FILES": "20"}


@dataclass
class Portion:
    """Files that the workers step over until it is released: so there is work left at every kill."""

    connection: Any

    @classmethod
    async def hold(cls, database: Database, files: Sequence[File]) -> Self:
        connection = await asyncpg.connect(database.url)
        await connection.execute("BEGIN")
        await connection.execute("SELECT id FROM files WHERE id = ANY($1) FOR UPDATE", [file.id for file in files])
        return cls(connection)

    async def release(self) -> None:
        await self.connection.close()


async def _killed_among_three(deployment: Deployment, files: int, kills: int) -> None:
    chance = random.Random()
    database = deployment.database
    async with deployment.web() as runtime:
        owners = [await make_user() for _ in range(7)]
        made = await many_trashed(runtime, owners, files, timedelta(days=31))
        run = await runtime.jobs.request(None, JOB)
    portions = [await Portion.hold(database, made[number :: kills + 1]) for number in range(kills + 1)]
    workers = list(await asyncio.gather(*(deployment.start("worker", **SETTINGS) for _ in range(WORKERS))))
    for portion in portions[:-1]:
        done = (await JobRun.get(id=run.id)).processed
        await portion.release()
        await _processed(run, done + 1)
        await asyncio.sleep(chance.uniform(0, 0.3))
        await _replace(deployment, workers, chance.randrange(WORKERS))
    assert (await JobRun.get(id=run.id)).status is JobStatus.RUNNING
    await portions[-1].release()
    ended = await deployment.ended(run)

    assert (ended.status, ended.processed, ended.total) == (JobStatus.SUCCEEDED, files, files)
    assert {key: ended.summary[key] for key in ("filesDeleted", "bytesFreed", "failed")} == {
        "filesDeleted": files,
        "bytesFreed": sum(file.size_bytes for file in made),
        "failed": 0,
    }
    assert await JobRun.all().count() == 1
    assert await File.all().count() == 0
    assert [await recorded(database, owner.id) for owner in owners] == [(0, 0)] * len(owners)
    await assert_ledger_is_true(database)
    async with deployment.web() as runtime:
        assert [found.key async for found in runtime.storage.list(runtime.storage.default)] == []


async def _processed(run: JobRun, files: int) -> None:
    async with asyncio.timeout(60):
        while (await JobRun.get(id=run.id)).processed < files:  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.01)


async def _replace(deployment: Deployment, workers: list[JobProcess], number: int) -> None:
    await workers[number].kill()
    workers[number] = await deployment.start("worker", **SETTINGS)


@pytest.mark.long
async def test_two_kills_among_three_workers_on_local_files(deployment: Deployment) -> None:
    await _killed_among_three(deployment, files=2000, kills=2)


@pytest.mark.long
async def test_five_kills_among_three_workers_on_ten_thousand_files_in_s3(
    deployment: Deployment, s3_server: S3Server, used_bucket: str
) -> None:
    deployment.values |= in_bucket(s3_server, used_bucket)
    await _killed_among_three(deployment, files=10_000, kills=5)


@pytest.mark.timeout(1800)
async def test_two_kills_among_three_workers_on_files_in_s3(
    deployment: Deployment, s3_server: S3Server, used_bucket: str
) -> None:
    deployment.values |= in_bucket(s3_server, used_bucket)
    await _killed_among_three(deployment, files=2000, kills=2)


def in_bucket(server: S3Server, bucket: str) -> dict[str, str]:
    """The settings of a deployment that keeps its files there."""
    return {
        "storage_backend": "s3",
        "s3_endpoint": server.endpoint,
        "s3_bucket": bucket,
        "s3_access_key_id": server.access_key_id,
        "s3_secret_access_key": server.secret_access_key,
        "s3_region": server.region,
        "s3_force_path_style": "true",
    }
