"""Totals over all processes: of one, of several that share a Redis, and of those that die or lose it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from app.clock import FixedClock
from app.db import Database
from app.models import UserStorage
from app.telemetry.figures import Figures
from app.telemetry.metrics import Metrics
from app.telemetry.setup import Telemetry
from app.telemetry.totals import LocalTotals, RedisTotals, Snapshot, Totals
from tests.factories import make_user
from tests.fixtures.redis import StartValkey

pytestmark = pytest.mark.requirement("R47")


class Process:
    """What one process counts, and its part in the totals. It hands in only when it is told to, or asked."""

    def __init__(self, database: Database, url: str | None, stack: AsyncExitStack) -> None:
        telemetry = Telemetry()
        stack.push_async_callback(telemetry.close)
        self.metrics: Metrics = telemetry.metrics
        self.figures = Figures(database, self.metrics, old_seconds=0)
        stack.push_async_callback(self.figures.close)
        clock = FixedClock()
        self.totals: Totals = (
            RedisTotals(url, self.metrics, self.figures, clock, beat_seconds=3600)
            if url
            else LocalTotals(self.metrics, self.figures, clock)
        )
        stack.push_async_callback(self.totals.close)

    async def seen(self) -> Snapshot:
        """The totals, which must be known."""
        snapshot = await self.totals.snapshot()
        assert snapshot is not None
        return snapshot


Start = Callable[..., Process]


@pytest.fixture
async def start(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts processes, with the URL of their Redis. One that answers late, on a busy machine, is not taken for away."""
    monkeypatch.setattr("app.telemetry.totals._ANSWER_SECONDS", 60.0)
    database = Database(sqlite_url)
    await database.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        yield lambda url=None: Process(database, url, stack)


async def test_the_totals_of_one_process_are_its_own_counters(start: Start, sqlite_url: str) -> None:
    process = start()
    metrics = process.metrics
    metrics.file_uploads_total.add(2, {"backend": "local"})
    metrics.file_uploads_total.add(1, {"backend": "s3"})
    metrics.file_downloads_total.add(4, {"backend": "local"})
    metrics.quota_exceeded_total.add(5)
    metrics.cleanup_files_deleted_total.add(6, {"job_name": "orphaned_file_cleanup"})
    metrics.uploads_in_progress.add(3)
    metrics.uploads_in_progress.add(-1)
    seen = await process.seen()
    assert seen == Snapshot(seen.at, 3, 4, 0, 5, 6, 2)


async def test_the_bytes_are_those_of_the_ledger(start: Start) -> None:
    process = start()
    await _charge(100)
    await _charge(23)
    assert (await process.seen()).storage_bytes_used == 123


async def test_processes_see_what_all_of_them_have_counted(start: Start, redis_url: str) -> None:
    first, second = start(redis_url), start(redis_url)
    first.metrics.file_uploads_total.add(2, {"backend": "local"})
    second.metrics.file_uploads_total.add(3, {"backend": "s3"})
    second.metrics.quota_exceeded_total.add(1)
    first.metrics.uploads_in_progress.add(4)
    await second.totals.snapshot()
    seen = await first.seen()
    assert (seen.file_uploads_total, seen.quota_exceeded_total, seen.uploads_in_progress) == (5, 1, 4)
    again = await second.seen()
    assert (again.file_uploads_total, again.quota_exceeded_total, again.uploads_in_progress) == (5, 1, 4)


async def test_a_process_hands_in_by_itself(start: Start, redis_url: str) -> None:
    first, second = start(redis_url), start(redis_url)
    second.metrics.file_uploads_total.add(7, {"backend": "s3"})
    await second.totals.open()
    async with asyncio.timeout(20):
        while (await first.seen()).file_uploads_total != 7:  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.01)
    await second.totals.close()


async def test_counts_stay_and_uploads_in_progress_go_with_a_process_that_ends(start: Start, redis_url: str) -> None:
    first, second = start(redis_url), start(redis_url)
    await second.totals.open()
    second.metrics.file_uploads_total.add(7, {"backend": "s3"})
    second.metrics.uploads_in_progress.add(2)
    await second.totals.close()
    seen = await first.seen()
    assert (seen.file_uploads_total, seen.uploads_in_progress) == (7, 0)


async def test_uploads_in_progress_of_a_killed_process_vanish(start: Start, redis_url: str) -> None:
    first, second = start(redis_url), start(redis_url)
    second.metrics.uploads_in_progress.add(2)
    second.metrics.file_uploads_total.add(1, {"backend": "s3"})
    await second.totals.snapshot()
    assert (await first.seen()).uploads_in_progress == 2
    async with Redis.from_url(redis_url) as redis:  # as if ten seconds had passed without a word of it
        for process in await redis.hkeys("satchel:totals:levels"):
            await redis.zincrby("satchel:totals:alive", -10_000, process)
    seen = await first.seen()
    assert (seen.uploads_in_progress, seen.file_uploads_total) == (0, 1)


async def test_counts_wait_while_redis_is_away_and_nothing_false_is_said(
    start: Start, valkey: StartValkey, sqlite_url: str
) -> None:
    server = valkey()
    process = start(server.url)
    process.metrics.file_uploads_total.add(1, {"backend": "local"})
    assert (await process.seen()).file_uploads_total == 1
    await asyncio.to_thread(server.stop)
    process.metrics.file_uploads_total.add(1, {"backend": "local"})
    assert await process.totals.snapshot() is None
    process.metrics.file_uploads_total.add(1, {"backend": "local"})
    valkey(server.port)
    # It has come back without its memory: what it had taken is gone with it, what it had not taken is all there.
    assert (await process.seen()).file_uploads_total == 2


async def test_a_batch_whose_answer_was_lost_is_added_once(start: Start, redis_url: str) -> None:
    process = start(redis_url)
    process.metrics.file_uploads_total.add(1, {"backend": "local"})
    task = asyncio.create_task(process.totals.snapshot())
    async with Redis.from_url(redis_url) as redis:
        async with asyncio.timeout(20):
            while not await redis.hget("satchel:totals:sums", "file_uploads"):  # noqa: ASYNC110 - in Redis
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        process.metrics.file_uploads_total.add(1, {"backend": "local"})
        assert (await process.seen()).file_uploads_total == 2
        assert await redis.hget("satchel:totals:sums", "file_uploads") == b"2"


async def test_the_ledger_is_not_added_up_for_each_who_asks(start: Start, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.open()
    telemetry = Telemetry()
    figures = Figures(database, telemetry.metrics)
    assert await figures.storage_bytes_used() == 0
    await _charge(100)
    assert [await figures.storage_bytes_used() for _ in range(3)] == [0, 0, 0]
    await telemetry.close()
    await database.close()


async def _charge(used_bytes: int) -> None:
    await UserStorage.create(user=await make_user(), used_bytes=used_bytes, trash_bytes=0)
