"""Totals over all processes, for those who watch the service as a whole.

Without Redis there is one process, and its own counters are the totals. With it every process adds what it has counted to sums
in Redis, about once a second and whenever somebody looks. A batch has a number, so one whose answer was lost is added once; while
Redis is away the counts wait. What a process holds just now (uploads in progress) is an entry that expires: it vanishes
with a process that is killed.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import structlog

from app.clock import Clock
from app.redis_errors import redis_away
from app.tasks import end_task
from app.telemetry.figures import Figures
from app.telemetry.metrics import Metrics

BEAT_SECONDS = 1.0
_ALIVE_MS = 10_000
_REMEMBERED_SECONDS = 24 * 3600  # so long the number of a batch is known: longer than its sender tries
_ANSWER_SECONDS = 2.0

_SUMS = "satchel:totals:sums"
_ALIVE = "satchel:totals:alive"
_LEVELS = "satchel:totals:levels"
_BATCH = "satchel:totals:batch:"

# One atomic step: take a batch unless it is known, say that this process is alive, forget the dead, and answer with the totals.
# KEYS: sums, alive, levels, batch. ARGV: process, uploads in progress, milliseconds alive, seconds remembered, batch, increments.
_EXCHANGE = """
local names = {'file_uploads', 'file_downloads', 'quota_exceeded', 'cleanup_files_deleted'}
if tonumber(redis.call('GET', KEYS[4]) or '0') < tonumber(ARGV[5]) then
    for i, name in ipairs(names) do
        if ARGV[5 + i] ~= '0' then redis.call('HINCRBY', KEYS[1], name, ARGV[5 + i]) end
    end
    redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[4])
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('HDEL', KEYS[3], dead)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
local uploads = 0
for _, each in ipairs(redis.call('HVALS', KEYS[3])) do uploads = uploads + each end
local sums = redis.call('HMGET', KEYS[1], unpack(names))
local answer = {uploads}
for i = 1, #names do answer[i + 1] = tonumber(sums[i] or '0') end
return answer
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The totals at one moment; bytes where it says so."""

    at: datetime
    file_uploads_total: int
    file_downloads_total: int
    storage_bytes_used: int
    quota_exceeded_total: int
    cleanup_files_deleted_total: int
    uploads_in_progress: int


@dataclass(frozen=True, slots=True)
class _Counts:
    """What has been counted, in the order of the script."""

    file_uploads: int = 0
    file_downloads: int = 0
    quota_exceeded: int = 0
    cleanup_files_deleted: int = 0

    @classmethod
    def of(cls, metrics: Metrics) -> "_Counts":
        return cls(
            metrics.file_uploads_total.value,
            metrics.file_downloads_total.value,
            metrics.quota_exceeded_total.value,
            metrics.cleanup_files_deleted_total.value,
        )

    @property
    def values(self) -> tuple[int, int, int, int]:
        return self.file_uploads, self.file_downloads, self.quota_exceeded, self.cleanup_files_deleted

    def since(self, earlier: "_Counts") -> "_Counts":
        return _Counts(*(now - then for now, then in zip(self.values, earlier.values, strict=True)))


class Totals(Protocol):
    """The totals. They never go down while the database and Redis keep what they have."""

    async def open(self) -> None:
        """Begin to take part. Must not wait for anything that may be away."""
        ...

    async def close(self) -> None:
        """Hand in what has been counted, if that is possible at once, and take part no more."""
        ...

    async def snapshot(self) -> Snapshot | None:
        """The totals now. None while nothing true can be said, since Redis or the database is away. Never raises."""
        ...


class LocalTotals:
    """Those of the only process, since its start."""

    def __init__(self, metrics: Metrics, figures: Figures, clock: Clock) -> None:
        self._metrics = metrics
        self._figures = figures
        self._clock = clock

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    async def snapshot(self) -> Snapshot | None:
        """The totals now."""
        used = await self._figures.storage_bytes_used()
        counts = _Counts.of(self._metrics)
        uploading = self._metrics.uploads_in_progress.value
        return None if used is None else _snapshot(self._clock.now(), counts, used, uploading)


class RedisTotals:
    """Those of all processes on one Redis, since it began to keep them."""

    def __init__(
        self, url: str, metrics: Metrics, figures: Figures, clock: Clock, *, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        from redis.asyncio import Redis  # not where there is none

        self._metrics = metrics
        self._figures = figures
        self._clock = clock
        self._beat_seconds = beat_seconds
        self._client = Redis.from_url(
            url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, max_connections=2
        )
        self._process = uuid4().hex
        self._taken = _Counts()  # what Redis has confirmed
        self._batch = 1
        self._under_way: _Counts | None = (
            None  # the batch that was sent and not confirmed: it must be repeated as it was
        )
        self._exchanging = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._away = False

    async def open(self) -> None:
        """Begin to hand in."""
        self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Hand in the last counts, if Redis is there."""
        if self._beating is not None:
            await end_task(self._beating)
        with suppress(*redis_away()):
            await self._exchange()
            await self._exchange()  # the first one may have repeated an earlier batch
            await self._client.zrem(_ALIVE, self._process)
            await self._client.hdel(_LEVELS, self._process)
        await self._client.aclose()

    async def snapshot(self) -> Snapshot | None:
        """The totals now, this process's last counts included."""
        used = await self._figures.storage_bytes_used()
        try:
            if self._under_way is not None:
                await self._exchange()
            counts, uploading = await self._exchange()
        except redis_away():
            return None
        return None if used is None else _snapshot(self._clock.now(), counts, used, uploading)

    async def _beat(self) -> None:
        while True:
            try:
                await self._exchange()
                self._note(away=False)
            except redis_away() as error:
                self._note(away=True, error=type(error).__name__)
            await asyncio.sleep(self._beat_seconds)

    def _note(self, *, away: bool, **facts: str) -> None:
        if away != self._away:
            self._away = away
            (_log.warning if away else _log.info)("metrics.totals_away" if away else "metrics.totals_back", **facts)

    async def _exchange(self) -> tuple[_Counts, int]:
        """Hand in what is new. The sums of all processes, and their uploads in progress. Raises what `redis_away` names."""
        async with self._exchanging:
            batch = self._under_way or _Counts.of(self._metrics).since(self._taken)
            self._under_way = batch
            answer: list[Any] = await self._client.eval(
                _EXCHANGE,
                4,
                _SUMS,
                _ALIVE,
                _LEVELS,
                _BATCH + self._process,
                self._process,
                str(self._metrics.uploads_in_progress.value),
                str(_ALIVE_MS),
                str(_REMEMBERED_SECONDS),
                str(self._batch),
                *map(str, batch.values),
            )
            self._under_way = None
            self._batch += 1
            self._taken = _Counts(*(a + b for a, b in zip(self._taken.values, batch.values, strict=True)))
            return _Counts(*(int(each) for each in answer[1:])), int(answer[0])


def _snapshot(at: datetime, counts: _Counts, used_bytes: int, uploading: int) -> Snapshot:
    return Snapshot(
        at=at,
        file_uploads_total=counts.file_uploads,
        file_downloads_total=counts.file_downloads,
        storage_bytes_used=used_bytes,
        quota_exceeded_total=counts.quota_exceeded,
        cleanup_files_deleted_total=counts.cleanup_files_deleted,
        uploads_in_progress=uploading,
    )
