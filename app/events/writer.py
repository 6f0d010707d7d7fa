"""Adding to the stream of Redis: by one task, in batches, each of them once."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from redis.asyncio import Redis

from app.events.bus import Draft
from app.events.entries import EntryId, written
from app.events.link import Link
from app.events.queue import Queue
from app.redis_errors import redis_away
from app.tasks import end_task
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import SpanKind, spans

LONGEST_QUEUE = 10_000  # messages
_BATCH = 500
_DRAIN_SECONDS = 2.0
_REMEMBERED_SECONDS = 24 * 3600  # so long the number of a publisher's batch is known: longer than it tries
_NUMBERS = "satchel:events:batch:"

# One atomic step: add a batch, unless it has been added by an attempt whose answer was lost; the id of its last entry.
# KEYS: stream, number. ARGV: batch, seconds remembered, longest stream, the publisher's entry before, messages.
_ADD = """
local known = redis.call('GET', KEYS[2])
if known then
    local number, last = string.match(known, '(%d+) (.+)')
    if tonumber(number) >= tonumber(ARGV[1]) then return last end
end
local last
for i = 5, #ARGV do
    last = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[i], 'p', ARGV[4])
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. last, 'EX', ARGV[2])
return last
"""


class Writer:
    """Adds what is put into its queue. While Redis is away the queue fills, up to its bound."""

    def __init__(self, client: "Redis", stream: str, max_length: int, link: Link, metrics: Metrics) -> None:
        self._client = client
        self._stream = stream
        self._max_length = max_length
        self._link = link
        self._number_key = _NUMBERS + uuid4().hex
        self._batch = 1
        self.last: EntryId | None = None  # the last entry that is known to have been added
        self.queue = Queue(LONGEST_QUEUE, metrics, "redis queue")
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin. Redis is not asked before there is something to add."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Add what is queued, within seconds, and stop."""
        if self._task is not None:
            await self.queue.drain(_DRAIN_SECONDS)
            await end_task(self._task)

    async def _work(self) -> None:
        while True:
            # The batch stays as it is until it has been added: part of it may be there already, and so may all of it.
            batch = await self.queue.first(_BATCH)
            told: dict[str, str | int] = {"messaging.system": "redis", "messaging.batch.message_count": len(batch)}
            with spans((draft.origin for draft in batch), "publish events", SpanKind.PRODUCER, told):
                self.last = await self._add(batch)
            self._batch += 1
            self.queue.forget(len(batch))

    async def _add(self, batch: Sequence[Draft]) -> EntryId:
        messages = [written(draft) for draft in batch]
        before = "" if self.last is None else str(self.last)
        while True:
            try:
                answer = await self._client.eval(
                    _ADD,
                    2,
                    self._stream,
                    self._number_key,
                    self._batch,
                    _REMEMBERED_SECONDS,
                    self._max_length,
                    before,
                    *messages,
                )
            except redis_away() as error:
                await self._link.failed("writer", error)
            else:
                self._link.works("writer")
                return EntryId.of(answer.decode())
