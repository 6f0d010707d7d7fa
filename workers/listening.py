"""Hearing messages for as long as a process lives, whatever becomes of Redis meanwhile."""

import asyncio
from contextlib import suppress

import structlog
from redis.exceptions import RedisError
from taskiq.acks import AcknowledgeType
from taskiq.receiver import Receiver
from taskiq_redis import RedisStreamBroker

from workers.redis_broker import forget_dead_consumers

AT_ONCE = 8  # messages that are being worked on; there are fewer unfinished runs than that, and who joins one waits for its end
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 10.0

_log = structlog.get_logger(__name__)


async def listen(broker: RedisStreamBroker, finish: asyncio.Event) -> None:
    """Hand messages to the tasks of the broker until `finish` is set. While Redis is away it is asked for again and again."""
    wait = _FIRST_WAIT_SECONDS
    while not finish.is_set():
        try:
            await broker.startup()  # makes the group anew, should Redis have come back without its memory
            _log.info("jobs.listening", forgotten_consumers=await forget_dead_consumers(broker))
            wait = _FIRST_WAIT_SECONDS
            await _receiver(broker).listen(finish)
        except Exception as error:  # noqa: BLE001 - a group of whatever a driver raises; messages are a convenience, the process goes on
            _log.warning("jobs.redis_away", error=_reason(error), next_attempt_seconds=wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(finish.wait(), wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _receiver(broker: RedisStreamBroker) -> Receiver:
    return Receiver(
        broker,
        run_startup=False,
        max_async_tasks=AT_ONCE,
        ack_type=AcknowledgeType.WHEN_RECEIVED,
        wait_tasks_timeout=0.1,  # the work goes on without the message that it began with, and is ended by the worker
    )


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return repr(error) if isinstance(error, RedisError | OSError) else f"unexpected: {error!r}"
