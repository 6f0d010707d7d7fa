"""The bus on Redis while Redis goes and comes back, with its memory or without."""

import asyncio
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.events.bus import CursorExpired
from app.events.redis_bus import STREAM, RedisBus
from app.events.writer import LONGEST_QUEUE
from tests.app.events.servers import has_noticed, proxied, start_again, stop
from tests.faults.listener import Stream
from tests.faults.tcp import TcpProxy, first_to_end
from tests.fixtures.events import NAME, drafts, next_of, numbers_of, publish, redis_bus, take
from tests.fixtures.redis import StartValkey

# ---------------------------------------------------------------- Redis goes and comes back


async def test_subscriptions_outlive_a_broken_connection_and_miss_nothing(valkey: StartValkey) -> None:
    server = valkey()
    async with (
        proxied(server) as (proxy, url),
        redis_bus(url) as here,
        redis_bus(server.url) as there,
        here.subscribe({NAME}, buffer=2000) as subscription,
    ):
        await publish(there, range(10))
        with capture_logs() as logs:
            await proxy.go_down()
            await publish(there, range(10, 100))
            await has_noticed(logs, "bus.redis_away")
            await publish(there, range(100, 300))
            here.publish(drafts(range(300, 310)))
            await proxy.come_back()
            assert numbers_of(await take(subscription, 310)) == list(range(310))
            await has_noticed(logs, "bus.redis_back")
    told = [line["event"] for line in logs if line["event"].startswith("bus.")]
    assert told == ["bus.redis_away", "bus.redis_back"]


class OneWay(TcpProxy):
    """A proxy that can break off where an answer begins: what was asked for has been done, and nobody knows."""

    answering = True

    async def converse(self, client: Stream, server: Stream) -> None:
        await first_to_end(self.pump(client[0], server[1]), self._answer(server[0], client[1]))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.answering and (data := await reader.read(65536)) and self.answering:
            await self.pass_on(data, writer)


async def test_a_lost_answer_adds_nothing_twice(valkey: StartValkey) -> None:
    server = valkey()
    async with (
        OneWay(("127.0.0.1", server.port)) as proxy,
        redis_bus(f"redis://127.0.0.1:{proxy.port}/0") as publisher,
        redis_bus(server.url) as bus,
        bus.subscribe({NAME}) as subscription,
    ):
        publisher.publish(drafts([0]))
        assert numbers_of([await next_of(subscription)]) == [0]
        async with asyncio.timeout(30):
            while publisher._writer.last is None:  # noqa: ASYNC110 - the publisher may hear of it after the subscriber
                await asyncio.sleep(0.01)
        proxy.answering = False
        publisher.publish(drafts([1, 2, 3]))
        assert numbers_of(await take(subscription, 3)) == [1, 2, 3]
        publisher.publish(drafts([4]))  # waits until the other ones are known to be there
        proxy.answering = True
        assert numbers_of([await next_of(subscription)]) == [4]


async def test_who_was_away_for_longer_than_the_stream_reaches_is_told(valkey: StartValkey) -> None:
    server = valkey()
    async with (
        proxied(server) as (proxy, url),
        redis_bus(url, max_length=100) as here,
        redis_bus(server.url, max_length=100) as there,
        here.subscribe({NAME}) as subscription,
    ):
        await publish(there, [1])
        assert numbers_of([await next_of(subscription)]) == [1]
        with capture_logs() as logs:
            await proxy.go_down()
            await publish(there, range(1000))
            await proxy.come_back()
            with pytest.raises(CursorExpired):
                await next_of(subscription)
        assert "bus.entries_missed" in [line["event"] for line in logs]
        async with here.subscribe({NAME}) as anew:
            await publish(there, [2])
            assert numbers_of([await next_of(anew)]) == [2]


async def test_a_burst_that_the_stream_does_not_hold_is_told_and_no_part_of_it_is_shown(redis_url: str) -> None:
    async with redis_bus(redis_url, max_length=100) as bus, bus.subscribe({NAME}) as subscription:
        for number in range(3):
            await publish(bus, [number])
        assert numbers_of(await take(subscription, 3)) == [0, 1, 2]
        bus.publish(drafts(range(1000, 1500)))  # in one step, of which the stream keeps the last two hundred at most
        with pytest.raises(CursorExpired):
            await next_of(subscription)


async def test_a_subscription_waits_for_a_redis_that_is_away(valkey: StartValkey) -> None:
    server = valkey()
    await stop(server)
    async with redis_bus(server.url) as bus:
        entering = asyncio.create_task(_first_number(bus))
        await asyncio.sleep(0.2)
        assert not entering.done()
        await start_again(valkey, server)
        async with asyncio.timeout(30):
            while not bus.subscribers:  # noqa: ASYNC110 - nothing tells of a subscriber
                await asyncio.sleep(0.01)
            bus.publish(drafts([7]))
            assert await entering == 7


async def _first_number(bus: RedisBus) -> int:
    async with bus.subscribe({NAME}) as subscription:
        [number] = numbers_of([await next_of(subscription)])
        return number


async def test_what_is_said_while_redis_is_away_is_heard_when_it_is_back(valkey: StartValkey) -> None:
    server = valkey()
    await stop(server)
    async with redis_bus(server.url) as bus:
        bus.publish(drafts(range(1200)))
        await start_again(valkey, server)
        async with bus.subscribe({NAME}, buffer=5000) as subscription:
            bus.publish(drafts([5000]))
            seen = [await next_of(subscription)]
            while seen[-1].data["number"] != 5000:
                seen.append(await next_of(subscription))
        async with Redis.from_url(server.url) as client:
            entries: Any = await client.xrange(STREAM)
            said = [orjson.loads(fields[b"m"]) for _, fields in entries]
    assert [data["number"] for name, _, data in said if name == NAME] == [*range(1200), 5000]


async def test_what_does_not_fit_the_queue_is_dropped_and_everybody_is_told(valkey: StartValkey) -> None:
    server = valkey()
    # All of it fits into the stream, so that a reader who is slow for a moment is not overtaken.
    room = 3 * LONGEST_QUEUE
    async with (
        proxied(server) as (proxy, url),
        redis_bus(url, max_length=room) as here,
        redis_bus(server.url, max_length=room) as there,
        there.subscribe({NAME}, buffer=room) as subscription,
    ):
        # Nothing was published before: what is not known to have arrived would take a place in the queue.
        await proxy.go_down()
        with capture_logs() as logs:
            for start in range(0, LONGEST_QUEUE + 100, 100):
                here.publish(drafts(range(start, start + 100)))
            await asyncio.sleep(0)
        assert [line["event"] for line in logs].count("bus.dropping") == 1
        await proxy.come_back()
        assert numbers_of(await take(subscription, LONGEST_QUEUE)) == list(range(LONGEST_QUEUE))
        with pytest.raises(CursorExpired):
            await next_of(subscription)


async def test_closing_waits_for_a_redis_that_is_away_for_seconds_only(valkey: StartValkey) -> None:
    server = valkey()
    await stop(server)
    with capture_logs() as logs:
        async with asyncio.timeout(20), redis_bus(server.url) as bus:
            bus.publish(drafts(range(5)))
    assert [line["messages"] for line in logs if line["event"] == "bus.dropped"] == [5]


async def test_closing_says_what_is_queued(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.events.writer._DRAIN_SECONDS", 30)
    async with redis_bus(redis_url) as bus:
        bus.publish(drafts(range(1700)))
    async with Redis.from_url(redis_url) as client:
        assert await client.xlen(STREAM) == 1700


# ---------------------------------------------------------------- Redis comes back without its memory


async def test_subscriptions_outlive_a_redis_that_forgets_when_nothing_was_missed(valkey: StartValkey) -> None:
    server = valkey()
    async with redis_bus(server.url) as one, redis_bus(server.url) as other:
        async with one.subscribe({NAME}) as here, other.subscribe({NAME}) as there:
            messages = await publish(one, range(5))
            for subscription in (here, there):
                assert numbers_of(await take(subscription, 5)) == [0, 1, 2, 3, 4]
            for life in (10, 20):
                await stop(server)
                one.publish(drafts([life]))
                server = await start_again(valkey, server)
                other.publish(drafts([life + 1]))
                for subscription in (here, there):
                    assert sorted(numbers_of(await take(subscription, 2))) == [life, life + 1]
        with pytest.raises(CursorExpired):
            async with one.subscribe({NAME}, after=messages[-1].cursor):
                pass


async def test_who_missed_something_in_a_redis_that_forgets_is_told(valkey: StartValkey) -> None:
    """A publisher's next message speaks of the one that nobody can be shown any more."""
    server = valkey()
    async with (
        proxied(server) as (proxy, url),
        redis_bus(url) as here,
        redis_bus(server.url) as there,
        here.subscribe({NAME}) as subscription,
        there.subscribe({NAME}) as witness,
    ):
        await publish(there, [1])
        assert numbers_of([await next_of(subscription)]) == [1]
        await proxy.go_down()
        await publish(there, [2])
        await stop(server)
        await start_again(valkey, server)
        await proxy.come_back()
        there.publish(drafts([3]))
        assert numbers_of(await take(witness, 3)) == [1, 2, 3]
        with pytest.raises(CursorExpired):
            await take(subscription, 2)  # at most the message that speaks of the other one


async def test_a_stream_that_was_emptied_is_noticed_while_nothing_happens(redis_url: str) -> None:
    async with (
        redis_bus(redis_url) as bus,
        Redis.from_url(redis_url) as somebody,
        bus.subscribe({NAME}) as subscription,
    ):
        await publish(bus, [1])
        with capture_logs() as logs:
            await somebody.delete(STREAM)
            await has_noticed(logs, "bus.stream_lost")
        await publish(bus, [2])
        assert numbers_of(await take(subscription, 2)) == [1, 2]
