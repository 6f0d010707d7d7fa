"""The stream that workers are woken through: bounded, JSON, and no place where anything can be lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from taskiq.serializers import JSONSerializer
from taskiq_redis import RedisStreamBroker

from tests.fixtures.redis import StartValkey
from workers.broker import embedded_broker
from workers.listening import AT_ONCE, listen
from workers.redis_broker import GROUP, LONGEST_QUEUE, QUEUE, forget_dead_consumers, leave, redis_broker
from workers.tasks import WORK, send_work
from workers.wake import BrokerWake

pytestmark = [pytest.mark.requirement("R26"), pytest.mark.requirement("R33")]

NODE = 100  # entries that a stream is trimmed by, at Redis's own default


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the broker's own loops are what is waited for
            await asyncio.sleep(0.02)


class Ear:
    """A process that hears messages and notes what they say."""

    def __init__(self, url: str) -> None:
        self.broker = redis_broker(url)
        self.heard: list[UUID] = []
        self.hold: asyncio.Event | None = None
        self.broker.register_task(self._task(), task_name=WORK)
        self._finish = asyncio.Event()
        self._listening = asyncio.create_task(listen(self.broker, self._finish))

    def _task(self) -> Callable[[str], Awaitable[None]]:
        async def hear(run_id: str) -> None:  # a function: Taskiq gives it another name
            self.heard.append(UUID(run_id))
            if self.hold is not None:
                await self.hold.wait()

        return hear

    async def close(self) -> None:
        if self._finish.is_set():
            return
        self._finish.set()
        if self.hold is not None:
            self.hold.set()
        await self._listening
        await leave(self.broker)
        await self.broker.shutdown()


NewEar = Callable[[], Ear]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Any]:
    # The library's types say that every command may answer now or later; here they all answer later.
    async with Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
async def sender(redis_url: str) -> AsyncIterator[RedisStreamBroker]:
    broker = redis_broker(redis_url)
    yield broker
    await broker.shutdown()


@pytest.fixture
async def listening(redis_url: str) -> AsyncIterator[NewEar]:
    """Makes ears, and closes those that a test leaves open."""
    made: list[Ear] = []

    def make() -> Ear:
        made.append(Ear(redis_url))
        return made[-1]

    yield make
    for ear in made:
        await ear.close()


@pytest.fixture
async def ear(listening: NewEar) -> Ear:
    return listening()


async def test_a_message_is_json_that_names_a_run_and_nothing_else(sender: RedisStreamBroker, client: Any) -> None:
    run_id = uuid4()
    await send_work(sender, run_id)
    ((_, fields),) = await client.xrange(QUEUE)
    message = json.loads(fields[b"data"])
    assert (message["task_name"], message["args"], message["kwargs"]) == (WORK, [str(run_id)], {})
    assert message["labels"] == {}


def test_nothing_is_ever_unpickled(redis_url: str) -> None:
    for broker in (redis_broker(redis_url), embedded_broker()):
        assert isinstance(broker.serializer, JSONSerializer)


async def test_messages_from_before_the_first_worker_are_heard(sender: RedisStreamBroker, listening: NewEar) -> None:
    early = [uuid4() for _ in range(3)]
    for run_id in early:
        await send_work(sender, run_id)
    ear = listening()
    await until(lambda: ear.heard == early)


async def test_a_message_is_acknowledged_before_the_work_begins(
    sender: RedisStreamBroker, ear: Ear, client: Any
) -> None:
    ear.hold = asyncio.Event()
    await send_work(sender, uuid4())
    await until(lambda: len(ear.heard) == 1)
    assert (await client.xpending(QUEUE, GROUP))["pending"] == 0


async def test_a_worker_that_is_busy_leaves_messages_to_others(
    sender: RedisStreamBroker, ear: Ear, listening: NewEar
) -> None:
    ear.hold = asyncio.Event()
    for _ in range(AT_ONCE):
        await send_work(sender, uuid4())
    await until(lambda: len(ear.heard) == AT_ONCE)
    other = listening()
    more = [uuid4() for _ in range(5)]
    for run_id in more:
        await send_work(sender, run_id)
    await until(lambda: sorted(other.heard) == sorted(more))


async def test_the_stream_does_not_grow_for_ever(sender: RedisStreamBroker, client: Any, listening: NewEar) -> None:
    for _ in range(LONGEST_QUEUE + 2 * NODE):
        await send_work(sender, uuid4())
    length = await client.xlen(QUEUE)
    assert LONGEST_QUEUE <= length < LONGEST_QUEUE + NODE
    ear = listening()
    await until(lambda: len(ear.heard) == length)
    (group,) = await client.xinfo_groups(QUEUE)
    assert (group["pending"], group["lag"]) == (0, 0)


async def test_workers_that_are_gone_are_forgotten(sender: RedisStreamBroker, client: Any, listening: NewEar) -> None:
    ears = [listening() for _ in range(2)]
    for _ in range(6):
        await send_work(sender, uuid4())
    await until(lambda: sum(len(ear.heard) for ear in ears) == 6)
    await ears[0].close()
    names = [consumer["name"] for consumer in await client.xinfo_consumers(QUEUE, GROUP)]
    assert ears[0].broker.consumer_name.encode() not in names

    await client.xgroup_createconsumer(QUEUE, GROUP, "killed long ago")
    assert await forget_dead_consumers(sender) == 0  # nobody has been silent for a day
    await asyncio.sleep(0.05)
    assert await forget_dead_consumers(sender, idle_ms=20) >= 1


async def test_messages_that_a_killed_worker_had_read_are_heard_by_another_one(
    sender: RedisStreamBroker, client: Any, listening: NewEar
) -> None:
    lost, next_one = uuid4(), uuid4()
    await send_work(sender, lost)
    await client.xgroup_create(QUEUE, GROUP, id="0")
    await client.xreadgroup(GROUP, "killed", {QUEUE: ">"}, count=1)
    ((message_id, _),) = await client.xrange(QUEUE)
    await client.xclaim(QUEUE, GROUP, "killed", 0, [message_id], idle=61_000)  # a minute later
    ear = listening()
    await send_work(sender, next_one)  # which is what makes Taskiq look; until then the database is looked at
    await until(lambda: sorted(ear.heard) == sorted([lost, next_one]))


@pytest.mark.parametrize("fields", [{"data": b"\x80\x04not json"}, {"data": b"{}"}, {"other": b"x"}], ids=str)
async def test_a_message_that_is_none_stops_nobody(
    sender: RedisStreamBroker, client: Any, ear: Ear, fields: dict[str, bytes]
) -> None:
    await client.xadd(QUEUE, fields)
    run_id = uuid4()
    await send_work(sender, run_id)
    await until(lambda: ear.heard == [run_id])


async def test_who_stops_right_after_a_message_stops(sender: RedisStreamBroker, listening: NewEar) -> None:
    for turn in range(20):
        ear, run_id = listening(), uuid4()
        await send_work(sender, run_id)
        await until(lambda ear=ear, run_id=run_id: run_id in ear.heard)  # type: ignore[misc]  # a lambda with defaults
        await asyncio.sleep(turn * 0.0005)
        async with asyncio.timeout(30):
            await ear.close()


async def test_a_redis_that_forgot_everything_is_listened_to_again(
    sender: RedisStreamBroker, client: Any, ear: Ear
) -> None:
    await send_work(sender, uuid4())
    await until(lambda: len(ear.heard) == 1)
    await client.flushdb()
    run_id = uuid4()
    await send_work(sender, run_id)
    await until(lambda: run_id in ear.heard)


async def test_a_wake_never_waits_and_never_raises(valkey: StartValkey) -> None:
    redis = valkey()
    broker = redis_broker(redis.url)
    wake = BrokerWake(broker)
    redis.stop()
    with pytest.raises(StopIteration):  # it comes to its end without waiting once
        wake.wake(uuid4()).send(None)
    await wake.close()

    back = valkey(redis.port)
    run_id = uuid4()
    await wake.wake(run_id)
    await wake.close()
    async with Redis.from_url(back.url) as client:
        assert await client.xlen(QUEUE) == 1
    await broker.shutdown()
