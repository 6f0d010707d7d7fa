"""What a transfer hands to its threads: everything, in order, by one at a time, and never more than fits."""

import asyncio
import threading
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storage.backend import Parts
from app.storage.conveyor import Conveyor
from app.storage.threads import Threads
from tests.contract.harness import data_of

pytestmark = pytest.mark.requirement("R10")

_ENOUGH, _FULL = 1000, 3000


class Worker:
    """Takes what comes. Waits for `goes_on` each time, and fails when told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.reached = threading.Event()
        self.fails = False
        self._alone = threading.Lock()

    @property
    def data(self) -> bytes:
        return b"".join(self.taken)

    def take(self, parts: Parts) -> None:
        assert self._alone.acquire(blocking=False), "two threads at once"
        try:
            self.reached.set()
            assert self.goes_on.wait(30)
            if self.fails:
                raise OSError("the disk is gone")
            self.taken += map(bytes, parts)
        finally:
            self._alone.release()


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    threads = Threads("test", limit=4)
    yield threads
    await threads.close()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def conveyor(threads: Threads, worker: Worker) -> Conveyor:
    return Conveyor(threads, worker.take, enough=_ENOUGH, full=_FULL)


async def _occupied(conveyor: Conveyor, worker: Worker) -> None:
    """Have a thread at work that does not come back."""
    worker.goes_on.clear()
    await conveyor.put(bytes(_ENOUGH))
    assert await asyncio.to_thread(worker.reached.wait, 10)


@given(sizes=st.lists(st.integers(1, 2 * _FULL) | st.sampled_from([16 * 1024, 40_000]), max_size=40))
async def test_everything_arrives_in_order(sizes: list[int]) -> None:
    threads, worker = Threads("test", limit=4), Worker()
    conveyor = Conveyor(threads, worker.take, enough=_ENOUGH, full=_FULL)
    data = data_of(sum(sizes))
    ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    for start, end in pairwise(ends):
        await conveyor.put(data[start:end])
    await conveyor.finish(worker.take)
    await threads.close()
    assert worker.data == data


async def test_what_is_little_takes_one_turn_of_a_thread(conveyor: Conveyor, worker: Worker) -> None:
    for _ in range(3):
        await conveyor.put(b"abc")
    assert not worker.reached.is_set()
    await conveyor.finish(worker.take)
    assert worker.taken == [b"abcabcabc"]


async def test_a_sender_waits_for_a_thread_that_is_behind(conveyor: Conveyor, worker: Worker) -> None:
    await _occupied(conveyor, worker)
    await conveyor.put(bytes(_FULL - 1))
    last = asyncio.create_task(conveyor.put(b"x"))
    await asyncio.sleep(0.02)
    assert not last.done()
    worker.goes_on.set()
    async with asyncio.timeout(30):
        await last
    await conveyor.finish(worker.take)
    assert len(worker.data) == _ENOUGH + _FULL


async def test_a_thread_takes_all_that_came_meanwhile_at_once(conveyor: Conveyor, worker: Worker) -> None:
    await _occupied(conveyor, worker)
    worker.reached.clear()
    for _ in range(10):
        await conveyor.put(bytes(200))
    worker.goes_on.set()
    await conveyor.finish(worker.take)
    assert [len(taken) for taken in worker.taken] == [_ENOUGH, 2000]


async def test_a_failure_reaches_a_sender_who_waits(conveyor: Conveyor, worker: Worker) -> None:
    await _occupied(conveyor, worker)
    worker.fails = True
    waiting = asyncio.create_task(conveyor.put(bytes(_FULL)))
    await asyncio.sleep(0.02)
    worker.goes_on.set()
    with pytest.raises(OSError, match="the disk is gone"):
        async with asyncio.timeout(30):
            await waiting
    with pytest.raises(OSError, match="the disk is gone"):
        await conveyor.put(b"more")


async def test_a_failure_reaches_whoever_comes_to_the_end(conveyor: Conveyor, worker: Worker) -> None:
    worker.fails = True
    await conveyor.put(bytes(_ENOUGH))
    ended = threading.Event()
    with pytest.raises(OSError, match="the disk is gone"):
        await conveyor.finish(lambda _: ended.set())
    assert not ended.is_set()
    await conveyor.close(ended.set)
    assert ended.is_set()


async def test_a_sender_who_gives_up_takes_nothing_with_him(conveyor: Conveyor, worker: Worker) -> None:
    """The thread that would have woken him finds nobody; what he left is dropped, and the last call comes last."""
    await _occupied(conveyor, worker)
    waiting = asyncio.create_task(conveyor.put(bytes(_FULL)))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    seen: list[int] = []
    closing = asyncio.create_task(conveyor.close(lambda: seen.append(len(worker.data))))
    await asyncio.sleep(0.02)
    assert not seen
    worker.goes_on.set()
    await closing
    assert seen == [_ENOUGH]


def test_a_thread_that_outlives_the_loop_comes_to_its_end() -> None:
    worker = Worker()
    threads = Threads("test", limit=1, grace_seconds=0.05)

    async def leave() -> None:
        conveyor = Conveyor(threads, worker.take, enough=_ENOUGH, full=_FULL)
        await _occupied(conveyor, worker)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await conveyor.put(bytes(_FULL))

    asyncio.run(leave())
    last = threads.submit(lambda: None)
    worker.goes_on.set()
    last.result(10)
    assert len(worker.data) == _ENOUGH + _FULL
