"""The broker of a deployment of several processes: a stream in Redis. Apart from the other, whose processes load no client."""

import asyncio
from collections.abc import AsyncGenerator

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from taskiq import AckableMessage
from taskiq_redis import RedisStreamBroker

from app.redis_errors import redis_away
from app.tasks import end_task
from workers.broker import plain

QUEUE = "satchel:jobs"
GROUP = "satchel:workers"

LONGEST_QUEUE = 1000  # messages; older ones go, and their runs are found in the database
_BLOCK_MS = 2000
_ANSWER_SECONDS = 5.0  # a Redis that is silent for longer is away; more than a reader blocks
_CONNECT_SECONDS = 2.0
_CLAIM_AFTER_MS = 60_000  # between a message's receipt and its acknowledgement lie milliseconds
_CLAIM_LOCK_SECONDS = 10.0
_HEED_SECONDS = 0.1
_FORGET_CONSUMER_MS = 24 * 3600 * 1000


class StreamBroker(RedisStreamBroker):
    """Taskiq's, which can be told to stop listening: cancelled once, one worker in fifteen would go on (see `end_task`)."""

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Messages, until cancelled or closed. One that is read in that very moment is claimed again later."""
        messages = super().listen()
        reading: asyncio.Task[AckableMessage] | None = None
        try:
            while True:
                reading = asyncio.create_task(_next(messages))
                await asyncio.wait([reading])
                yield reading.result()
        finally:
            if reading is not None:
                # A moment later it waits for a message: a pipeline that is cut off leaves a connection behind.
                await asyncio.wait([reading], timeout=_HEED_SECONDS)
                await end_task(reading)
            await messages.aclose()


async def _next(messages: AsyncGenerator[AckableMessage, None]) -> AckableMessage:
    return await anext(messages)


def redis_broker(url: str) -> StreamBroker:
    """The broker of a deployment of several processes. It connects when it is used."""
    broker = StreamBroker(
        url,
        queue_name=QUEUE,
        consumer_group_name=GROUP,
        consumer_id="0",  # a group that is made after the first message reads that message too
        xread_count=1,  # what a worker has fetched, no other one gets: so it fetches what it begins with at once
        xread_block=_BLOCK_MS,
        maxlen=LONGEST_QUEUE,
        idle_timeout=_CLAIM_AFTER_MS,
        unacknowledged_lock_timeout=_CLAIM_LOCK_SECONDS,
        max_connection_pool_size=16,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        # A connection from before Redis was restarted is found dead by its first command: the second attempt makes a new one.
        retry=Retry(ConstantBackoff(0.05), 1),
    )
    return plain(broker)


async def forget_dead_consumers(broker: RedisStreamBroker, *, idle_ms: int = _FORGET_CONSUMER_MS) -> int:
    """Remove consumers that have been silent for so long and owe nothing; how many. Raises RedisError.

    Every worker process is a consumer under a name of its own, and Redis keeps the names of those that were killed.
    """
    async with Redis(connection_pool=broker.connection_pool) as client:
        dead = [
            consumer["name"]
            for consumer in await client.xinfo_consumers(QUEUE, GROUP)
            if consumer["idle"] > idle_ms and not consumer["pending"]
        ]
        for name in dead:
            await client.xgroup_delconsumer(QUEUE, GROUP, name)
    return len(dead)


async def leave(broker: RedisStreamBroker) -> None:
    """Take this process's name from the list of consumers, unless it owes something. A Redis that is away keeps it."""
    try:
        async with Redis(connection_pool=broker.connection_pool) as client:
            for consumer in await client.xinfo_consumers(QUEUE, GROUP):
                if consumer["name"] == broker.consumer_name.encode() and not consumer["pending"]:
                    await client.xgroup_delconsumer(QUEUE, GROUP, broker.consumer_name)
    except redis_away():
        return
