"""A bucket that can be reached in order, and through a proxy that can be told what shall go wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from app.storage.backend import Backend
from app.storage.s3 import S3Backend, S3Config
from tests.contract.harness import is_key
from tests.contract.s3_harness import S3Harness, config_for
from tests.faults.proxy import FaultProxy
from tests.fixtures.s3 import NewBucket
from tests.fixtures.servers.buckets import S3Server

# A store that is silent is given up after so many seconds without progress; clearing up may take as long again.
PATIENCE_SECONDS = 0.5
GRACE_SECONDS = 0.5
# Where the store shall answer, a busy machine must not pass for a silent store.
PATIENT_SECONDS = 30.0
# What a call may take in all, with its repetitions and on a busy machine.
IN_TIME_SECONDS = 30.0
PART_BYTES = 256 * 1024


@dataclass
class FaultyStore:
    """A bucket with two ways to it: `backend` leads through the proxy, `direct` does not."""

    backend: Backend
    proxy: FaultProxy
    direct: S3Harness
    config: S3Config

    @asynccontextmanager
    async def another(
        self, *, timeout_seconds: float, grace_seconds: float = GRACE_SECONDS
    ) -> AsyncIterator["FaultyStore"]:
        """The same with a backend of another patience."""
        config = replace(self.config, timeout_seconds=timeout_seconds)
        backend = S3Backend(config, location="main", grace_seconds=grace_seconds)
        await backend.open()
        try:
            yield replace(self, backend=backend)
        finally:
            await backend.close()

    async def keys(self) -> list[str]:
        """What is visible in the bucket."""
        return [info.key async for info in self.direct.backend.list()]

    async def assert_cleared_by_delete(self, key: str) -> None:
        """After a delete, nothing is left of the key, whole or unfinished."""
        self.proxy.heal()
        await self.direct.backend.delete(key)
        assert await self.keys() == []
        assert await self.direct.leftovers() == []


@pytest.fixture
async def faulty(rclone_server: S3Server, new_bucket: NewBucket) -> AsyncIterator[FaultyStore]:
    """A bucket for parts as small as only this server takes them, and a backend that waits for it."""
    bucket = new_bucket(rclone_server)
    direct = S3Harness(rclone_server, bucket, part_bytes=PART_BYTES)
    await direct.backend.open()
    async with FaultProxy(rclone_server.endpoint) as proxy:
        config = config_for(
            rclone_server, bucket, endpoint=proxy.endpoint, timeout_seconds=PATIENT_SECONDS, part_bytes=PART_BYTES
        )
        backend = S3Backend(config, location="main", grace_seconds=GRACE_SECONDS)
        await backend.open()
        store = FaultyStore(backend, proxy, direct, config)
        yield store
        proxy.heal()
        async with asyncio.timeout(IN_TIME_SECONDS):
            await backend.close()
    assert [key for key in await store.keys() if not is_key(key)] == []
    await direct.backend.close()


@pytest.fixture
async def hasty(faulty: FaultyStore) -> AsyncIterator[FaultyStore]:
    """The same with a backend that gives a silent store up soon. Nothing may be expected to succeed through it."""
    async with faulty.another(timeout_seconds=PATIENCE_SECONDS) as store:
        yield store
