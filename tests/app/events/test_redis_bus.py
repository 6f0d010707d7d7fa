"""The bus on Redis: several processes, and one stream."""

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.events.bus import CursorExpired, Draft
from app.events.entries import written
from app.events.redis_bus import STREAM
from tests.app.events.servers import has_noticed
from tests.fixtures.events import AT, NAME, drafts, next_of, numbers_of, publish, redis_bus, take

# ---------------------------------------------------------------- several processes


async def test_a_thousand_messages_of_two_processes_reach_both_in_one_order(redis_url: str) -> None:
    async with redis_bus(redis_url) as one, redis_bus(redis_url) as other, AsyncExitStack() as stack:
        here = await stack.enter_async_context(one.subscribe({NAME}, buffer=2000))
        there = await stack.enter_async_context(other.subscribe({NAME}, buffer=2000))
        for number in range(0, 1000, 2):
            one.publish(drafts([number]))
            other.publish(drafts([number + 1]))
            await asyncio.sleep(0)
        seen = await take(here, 1000)
        assert await take(there, 1000) == seen
    numbers = numbers_of(seen)
    assert sorted(numbers) == list(range(1000))
    for parity in (0, 1):  # each publisher's own are in the order in which it said them
        assert [number for number in numbers if number % 2 == parity] == list(range(parity, 1000, 2))


async def test_a_process_resumes_where_another_one_was_killed(redis_url: str) -> None:
    async with redis_bus(redis_url) as publisher:
        async with redis_bus(redis_url) as killed, killed.subscribe({NAME}, buffer=2000) as watching:
            publisher.publish(drafts(range(400)))
            seen = await take(watching, 250)
        publisher.publish(drafts(range(400, 700)))
        async with (
            redis_bus(redis_url) as successor,
            successor.subscribe({NAME}, after=seen[-1].cursor, buffer=2000) as watching,
        ):
            publisher.publish(drafts(range(700, 1000)))
            seen += await take(watching, 750)
    assert numbers_of(seen) == list(range(1000))


async def test_a_cursor_from_a_process_that_is_ahead_is_good_everywhere(redis_url: str) -> None:
    async with (
        redis_bus(redis_url) as one,
        redis_bus(redis_url) as other,
        other.subscribe({NAME}, buffer=500) as watching,
    ):
        for number in range(200):
            [message] = await publish(one, [number])
            async with other.subscribe({NAME}, after=message.cursor) as resumed:
                one.publish(drafts([number + 1000]))
                assert numbers_of([await next_of(resumed)]) == [number + 1000]
        assert numbers_of(await take(watching, 400))[::2] == list(range(200))


async def test_a_replay_that_is_ahead_of_the_reader_gives_nothing_twice(redis_url: str) -> None:
    """A message that is added just now may be read by the replay, and by the reader a moment later."""
    async with redis_bus(redis_url) as bus, Redis.from_url(redis_url) as somebody:
        [last] = await publish(bus, [-1])
        for number in range(150):
            entries = somebody.pipeline(transaction=True)
            for part in range(3):
                entries.xadd(STREAM, {"m": written(Draft(NAME, AT, {"number": 3 * number + part}))})
            adding = asyncio.ensure_future(entries.execute())
            await asyncio.sleep(0)
            async with bus.subscribe({NAME}, after=last.cursor) as subscription:
                messages = await take(subscription, 3)
                await adding
                bus.publish(drafts([10_000 + number]))
                messages.append(await next_of(subscription))
            assert numbers_of(messages) == [3 * number, 3 * number + 1, 3 * number + 2, 10_000 + number]
            last = messages[-1]


async def test_all_subscribers_of_a_process_share_one_connection(redis_url: str) -> None:
    async with redis_bus(redis_url) as bus, Redis.from_url(redis_url) as looking, AsyncExitStack() as stack:
        before = await connections(looking)
        subscriptions = [await stack.enter_async_context(bus.subscribe({NAME})) for _ in range(50)]
        await publish(bus, [1])
        assert [numbers_of([await next_of(each)]) for each in subscriptions] == [[1]] * 50
        assert await connections(looking) - before <= 2  # the reader's and the writer's


async def test_a_process_that_has_nothing_to_say_does_not_connect(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as looking:
        before = await connections(looking)
        async with redis_bus(redis_url):
            assert await connections(looking) == before


async def connections(client: "Redis") -> int:
    return len(await client.client_list())


async def test_entries_of_others_are_passed_over(redis_url: str) -> None:
    async with redis_bus(redis_url) as bus, Redis.from_url(redis_url) as somebody:
        async with bus.subscribe({NAME}) as subscription:
            first = (await publish(bus, [1]))[0]
            for key, text in (("x", b"y"), ("m", b"{"), ("m", b"[1]"), ("m", orjson.dumps([NAME, "then", {}]))):
                await somebody.xadd(STREAM, {key: text})
            await publish(bus, [2])
            assert numbers_of(await take(subscription, 2)) == [1, 2]
        async with bus.subscribe({NAME}, after=first.cursor) as subscription:
            assert numbers_of([await next_of(subscription)]) == [2]


async def test_what_cannot_be_written_leaves_a_gap_and_not_a_dead_bus(redis_url: str) -> None:
    async with redis_bus(redis_url) as bus:
        async with bus.subscribe({NAME}) as subscription:
            bus.publish([*drafts([1]), Draft(NAME, AT, {"number": 2**70})])
            assert numbers_of([await next_of(subscription)]) == [1]
            with pytest.raises(CursorExpired):
                await next_of(subscription)
        assert numbers_of(await publish(bus, [2])) == [2]


async def test_the_reader_is_no_part_of_the_request_that_came_first(redis_url: str) -> None:
    """Its lines of the log would have that request's id for ever, and its calls that request's trace."""
    structlog.contextvars.bind_contextvars(request_id="the first")
    async with redis_bus(redis_url) as bus, bus.subscribe({NAME}), Redis.from_url(redis_url) as somebody:
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            await somebody.delete(STREAM)
            await has_noticed(logs, "bus.stream_lost")
    structlog.contextvars.clear_contextvars()
    assert [line.get("request_id") for line in logs if line["event"] == "bus.stream_lost"] == [None]
