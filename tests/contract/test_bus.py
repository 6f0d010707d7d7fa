"""What both buses promise: in memory for one process, on Redis for several."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.events.bus import GAP, BadCursor, Bus, CursorExpired, Message, SlowConsumer, Subscription
from app.events.memory import MemoryBus
from tests.fixtures.events import NAME, PATIENCE_SECONDS, drafts, next_of, numbers_of, publish, redis_bus, take

KEPT = 300  # messages, about


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind that keeps about 300 messages."""
    async with AsyncExitStack() as stack:
        if request.param == "redis":
            yield await stack.enter_async_context(redis_bus(request.getfixturevalue("redis_url"), max_length=KEPT))
        else:
            memory = MemoryBus(history=KEPT)
            await memory.open()
            stack.push_async_callback(memory.close)
            yield memory


async def test_a_subscriber_is_given_what_it_asked_for_in_order_and_unchanged(bus: Bus) -> None:
    [uploaded, renamed, _] = [*drafts([1]), *drafts([2], "file.renamed"), *drafts([3], "file.deleted")]
    async with bus.subscribe({"file.uploaded", "file.renamed"}) as subscription:
        bus.publish([uploaded, *drafts([9], "file.deleted"), renamed])
        first, second = await take(subscription, 2)
    assert (first.name, first.at, first.data) == (uploaded.name, uploaded.at, {"number": 1})
    assert (second.name, second.at, second.data) == (renamed.name, renamed.at, {"number": 2})
    assert first.cursor != second.cursor


async def test_nothing_is_missed_from_the_moment_of_subscribing_on(bus: Bus) -> None:
    await publish(bus, [1, 2, 3])
    async with bus.subscribe({NAME}) as subscription:
        bus.publish(drafts([4]))
        assert numbers_of([await next_of(subscription)]) == [4]


async def test_everybody_is_given_the_same(bus: Bus) -> None:
    async with bus.subscribe({NAME}) as one, bus.subscribe({NAME}) as other:
        bus.publish(drafts(range(10)))
        assert await take(one, 10) == await take(other, 10)


async def test_a_reader_may_be_cancelled_while_it_waits(bus: Bus) -> None:
    async with bus.subscribe({NAME}) as subscription:
        for number in range(3):
            waiting = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            bus.publish(drafts([number]))
            assert numbers_of([await next_of(subscription)]) == [number]


# ---------------------------------------------------------------- coming back


async def test_after_a_cursor_comes_what_came_after_it(bus: Bus) -> None:
    messages = await publish(bus, range(50))
    for place in (0, 20, 48):
        async with bus.subscribe({NAME}, after=messages[place].cursor) as subscription:
            assert await take(subscription, 49 - place) == messages[place + 1 :]


async def test_after_the_last_message_comes_the_next_one(bus: Bus) -> None:
    [*_, last] = await publish(bus, range(5))
    async with bus.subscribe({NAME}, after=last.cursor) as subscription:
        bus.publish(drafts([5]))
        assert numbers_of([await next_of(subscription)]) == [5]


async def test_a_cursor_is_of_the_whole_bus_and_not_of_one_name(bus: Bus) -> None:
    [other] = await publish(bus, [1], "file.deleted")
    await publish(bus, [2])
    async with bus.subscribe({NAME}, after=other.cursor) as subscription:
        assert numbers_of([await next_of(subscription)]) == [2]


# What happens around a subscriber who comes back: messages are published, received, and the connection is made anew.
_STEPS = st.lists(
    st.one_of(st.tuples(st.just("publish"), st.integers(1, 40)), st.tuples(st.just("receive"), st.integers(1, 40)))
    | st.tuples(st.just("return"), st.just(0)),
    max_size=20,
)


@settings(
    deadline=None,
    max_examples=40,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_STEPS, seed=st.integers(0, 1000))
async def test_whoever_comes_back_misses_nothing_and_sees_nothing_twice(
    bus: Bus, steps: list[tuple[str, int]], seed: int
) -> None:
    """Other names are published between, and the pace of the two is mixed by chance."""
    chance = random.Random(seed)
    [origin] = await publish(bus, [-1])
    published = received = 0
    cursor = origin.cursor
    async with AsyncExitStack() as stack:
        subscription = await stack.enter_async_context(bus.subscribe({NAME}, after=cursor, buffer=2000))
        for step, count in [*steps, ("receive", 10_000)]:
            if step == "publish" and published + count < KEPT // 2:
                for number in range(published, published + count):
                    bus.publish(drafts([number], chance.choice([NAME, NAME, NAME])))
                    if chance.random() < 0.2:
                        bus.publish(drafts([0], "file.deleted"))
                        await asyncio.sleep(0)
                published += count
            elif step == "return":
                await stack.aclose()
                subscription = await stack.enter_async_context(bus.subscribe({NAME}, after=cursor, buffer=2000))
            elif step == "receive":
                for _ in range(min(count, published - received)):
                    message = await next_of(subscription)
                    assert message.data["number"] == received
                    received, cursor = received + 1, message.cursor
    assert received == published


async def test_a_replay_goes_over_into_what_happens_meanwhile(bus: Bus) -> None:
    """A reader that takes its time, while somebody publishes without a pause."""
    [origin] = await publish(bus, [-1])
    bus.publish(drafts(range(100)))
    found = []
    async with bus.subscribe({NAME}, after=origin.cursor, buffer=1000) as subscription:
        for number in range(100, 250):
            bus.publish(drafts([number]))
            found.append(await next_of(subscription))
            if number % 7 == 0:
                await asyncio.sleep(0.001)
        found += await take(subscription, 100)
    assert numbers_of(found) == list(range(250))


# ---------------------------------------------------------------- cursors that are none any more


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "1",
        "-",
        "1-",
        "-1",
        "1-2-3",
        "1_2",
        " 1-1",
        "1-1\n",
        "1-１",
        "9" * 30 + "-1",
        "$",
        ">",
        "0-" + "9" * 25,
    ],
)
async def test_what_cannot_be_a_cursor_is_refused(bus: Bus, cursor: str) -> None:
    with pytest.raises(BadCursor):
        async with bus.subscribe({NAME}, after=cursor):
            pass


@pytest.mark.parametrize("cursor", ["0-0", "1-1", "1600000000000-0", "18446744073709551615-18446744073709551615"])
async def test_a_cursor_of_another_life_has_expired(bus: Bus, cursor: str) -> None:
    await publish(bus, [1, 2, 3])
    if isinstance(bus, MemoryBus):
        cursor = f"{'0' * 16}-1"
    with pytest.raises(CursorExpired):
        async with bus.subscribe({NAME}, after=cursor):
            pass


async def test_a_cursor_expires_when_its_message_goes_and_not_before(bus: Bus) -> None:
    messages = await publish(bus, range(KEPT // 2))
    async with bus.subscribe({NAME}, after=messages[0].cursor) as subscription:
        assert await take(subscription, 5) == messages[1:6]
    newer = await publish(bus, range(1000, 1000 + 2 * KEPT))
    with pytest.raises(CursorExpired):
        async with bus.subscribe({NAME}, after=messages[-1].cursor):
            pass
    async with bus.subscribe({NAME}, after=newer[-50].cursor) as subscription:
        assert await take(subscription, 49) == newer[-49:]


async def test_a_replay_that_is_overtaken_says_so(bus: Bus) -> None:
    """The reader stops for so long that what it was to be given next has gone."""
    messages = await publish(bus, range(KEPT - 10))
    async with bus.subscribe({NAME}, after=messages[0].cursor, buffer=10) as subscription:
        seen = await take(subscription, 2)
        await publish(bus, range(1000, 1000 + 3 * KEPT))
        end = await _read_to_the_end(subscription, seen)
    assert isinstance(end, CursorExpired | SlowConsumer)
    assert seen == messages[1 : 1 + len(seen)]


# ---------------------------------------------------------------- slow readers


async def test_a_slow_reader_is_dropped_and_can_resume_where_it_was(bus: Bus) -> None:
    async with bus.subscribe({NAME}, buffer=10) as slow, bus.subscribe({NAME}, buffer=100) as quick:
        bus.publish(drafts(range(5)))
        messages = await take(quick, 5)
        taken = await take(slow, 3)
        bus.publish(drafts(range(5, 30)))
        messages += await take(quick, 25)
        end = await _read_to_the_end(slow, taken)
        assert isinstance(end, SlowConsumer)
        with pytest.raises(SlowConsumer):
            await next_of(slow)
    assert end.cursor == taken[-1].cursor
    async with bus.subscribe({NAME}, after=end.cursor) as resumed:
        taken += await take(resumed, 30 - len(taken))
    assert taken == messages


async def test_a_slow_reader_that_was_given_nothing_has_no_cursor(bus: Bus) -> None:
    async with bus.subscribe({NAME}, buffer=3) as slow:
        await publish(bus, range(10))
        with pytest.raises(SlowConsumer) as raised:
            await next_of(slow)
    assert raised.value.cursor is None


async def test_a_slow_reader_that_came_with_a_cursor_has_that_one(bus: Bus) -> None:
    [first] = await publish(bus, [0])
    async with bus.subscribe({NAME}, after=first.cursor, buffer=3) as slow:
        bus.publish(drafts([1]))
        [second] = await take(slow, 1)
        await publish(bus, range(2, 12))
        with pytest.raises(SlowConsumer) as raised:
            await next_of(slow)
    assert raised.value.cursor == second.cursor


async def _read_to_the_end(subscription: Subscription, found: list[Message]) -> Exception:
    """Everything that still comes, into `found`; and how it ended."""
    while True:
        try:
            found.append(await next_of(subscription))
        except (CursorExpired, SlowConsumer) as end:
            return end


# ---------------------------------------------------------------- gaps and ends


async def test_a_gap_ends_every_subscription_after_what_came_before_it(bus: Bus) -> None:
    async with bus.subscribe({NAME}) as subscription, bus.subscribe({"alert.raised"}) as other:
        bus.publish([*drafts([1]), *drafts([0], GAP), *drafts([2])])
        assert numbers_of([await next_of(subscription)]) == [1]
        for ended in (subscription, other):
            with pytest.raises(CursorExpired):
                await next_of(ended)


async def test_no_replay_goes_over_a_gap(bus: Bus) -> None:
    messages = await publish(bus, [1, 2])
    async with bus.subscribe({NAME}) as witness:
        bus.publish(drafts([0], GAP))
        with pytest.raises(CursorExpired):
            await next_of(witness)
    after_the_gap = await publish(bus, [3, 4])
    async with bus.subscribe({NAME}, after=messages[0].cursor) as subscription:
        assert numbers_of([await next_of(subscription)]) == [2]
        with pytest.raises(CursorExpired):
            await next_of(subscription)
    async with bus.subscribe({NAME}, after=after_the_gap[0].cursor) as subscription:
        assert numbers_of([await next_of(subscription)]) == [4]


async def test_a_closed_bus_ends_its_subscriptions(bus: Bus) -> None:
    async with bus.subscribe({NAME}) as subscription:
        waiting = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        await bus.close()
        with pytest.raises(StopAsyncIteration):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await waiting


async def test_who_has_left_is_given_nothing_more(bus: Bus) -> None:
    async with bus.subscribe({NAME}, buffer=1):
        assert bus.subscribers == 1
    assert bus.subscribers == 0
    await publish(bus, range(3))
