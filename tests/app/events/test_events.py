"""Emitting: at once, whatever becomes of the bus; and what the bus is told beyond the event."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.events import Events, FileUploaded, LimitsChanged, StandingChanged
from app.events.bus import CursorExpired
from app.events.events import LONGEST_QUEUE
from app.events.memory import MemoryBus
from tests.fixtures.events import next_of, quiet_metrics, take


class Tree:
    """Groups and those above them; it can be away."""

    def __init__(self) -> None:
        self.above: dict[UUID, list[UUID]] = {}
        self.asked: list[set[UUID]] = []
        self.there = asyncio.Event()
        self.there.set()
        self.failures = 0

    async def __call__(self, group_ids: Collection[UUID]) -> Mapping[UUID, Sequence[UUID]]:
        self.asked.append(set(group_ids))
        if self.failures:
            self.failures -= 1
            raise ConnectionRefusedError
        await self.there.wait()
        return {group_id: self.above.get(group_id, []) for group_id in group_ids}


def uploaded(group_id: UUID | None = None, size: int = 5) -> FileUploaded:
    return FileUploaded(
        file_id=uuid4(), owner_id=uuid4(), group_id=group_id, size_bytes=size, location="local", file_name="a.txt"
    )


@pytest.fixture
def tree() -> Tree:
    return Tree()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@asynccontextmanager
async def opened(bus: MemoryBus, tree: Tree, clock: FixedClock) -> AsyncIterator[Events]:
    events = Events(bus, quiet_metrics(), clock, tree)
    await events.open()
    try:
        yield events
    finally:
        await events.close()


async def test_an_event_of_a_group_names_the_groups_above_it(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    group, school, district = uuid4(), uuid4(), uuid4()
    tree.above[group] = [school, district]
    event = uploaded(group)
    async with opened(bus, tree, clock) as events, bus.subscribe({"file.uploaded"}) as subscription:
        events.emit(event)
        message = await next_of(subscription)
    assert message.at == clock.now()
    assert message.data == {
        "file_id": str(event.file_id),
        "owner_id": str(event.owner_id),
        "group_id": str(group),
        "ancestor_ids": [str(school), str(district)],
        "name": "a.txt",
        "size_bytes": 5,
    }


async def test_without_a_group_nothing_is_looked_up(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    async with opened(bus, tree, clock) as events, bus.subscribe({"file.uploaded", "limits.changed"}) as subscription:
        events.emit(uploaded())
        events.emit(LimitsChanged(user_id=uuid4()))
        messages = await take(subscription, 2)
    assert [message.data["ancestor_ids"] for message in messages] == [[], []]
    assert tree.asked == []


async def test_a_wave_is_looked_up_together_and_stays_in_order(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    groups = [uuid4() for _ in range(5)]
    async with opened(bus, tree, clock) as events, bus.subscribe({"file.uploaded"}, buffer=2000) as subscription:
        for number in range(1000):
            events.emit(uploaded(groups[number % 5], size=number))
        messages = await take(subscription, 1000)
    assert [message.data["size_bytes"] for message in messages] == list(range(1000))
    assert tree.asked == [set(groups)] * 2


async def test_events_wait_for_a_database_that_is_away(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    tree.failures = 2
    async with opened(bus, tree, clock) as events, bus.subscribe({"file.uploaded"}) as subscription:
        with capture_logs() as logs:
            events.emit(uploaded(uuid4()))
            await next_of(subscription)
    assert [line["event"] for line in logs] == ["file.uploaded", "bus.waits_for_database"]


async def test_emitting_never_raises(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    """Not even for an event that is none: what was committed must not look as if it had failed."""
    async with opened(bus, tree, clock) as events:
        with capture_logs() as logs:
            events.emit("no event")  # type: ignore[arg-type] # a mistake of ours
    assert [(line["event"], line["kind"]) for line in logs] == [("event.broken", "str")]


async def test_emitting_before_the_opening_is_only_early(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    events = Events(bus, quiet_metrics(), clock, tree)
    async with bus.subscribe({"standing.changed"}) as subscription:
        events.emit(StandingChanged(user_id=uuid4()))
        await events.open()
        await next_of(subscription)
    await events.close()


async def test_closing_passes_on_what_waits(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    async with bus.subscribe({"file.uploaded"}, buffer=5000) as subscription:
        async with opened(bus, tree, clock) as events:
            for number in range(1200):
                events.emit(uploaded(uuid4(), size=number))
        sizes = [message.data["size_bytes"] for message in await take(subscription, 1200)]
    assert sizes == list(range(1200))


async def test_who_watches_is_told_of_events_that_were_too_many(bus: MemoryBus, tree: Tree, clock: FixedClock) -> None:
    metrics = quiet_metrics()
    events = Events(bus, metrics, clock, tree)
    with capture_logs() as logs:
        for _ in range(LONGEST_QUEUE + 10):
            events.emit(StandingChanged(user_id=uuid4()))
    assert [line["event"] for line in logs].count("bus.dropping") == 1
    async with bus.subscribe({"standing.changed"}, buffer=2 * LONGEST_QUEUE) as subscription:
        await events.open()
        await take(subscription, LONGEST_QUEUE)
        with pytest.raises(CursorExpired):
            await next_of(subscription)
        async with bus.subscribe({"standing.changed"}) as anew:
            events.emit(StandingChanged(user_id=uuid4()))
            await next_of(anew)
    await events.close()
