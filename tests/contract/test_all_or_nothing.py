"""A write that does not come to its end leaves what was there before, and nothing beside it (R13)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from app.storage.backend import BATCH_BYTES, Digest
from app.storage.errors import StorageError
from tests.contract.harness import Harness, HeldDigest, NoDigest, chunks_of, data_of, exists, fetch, new_key, put
from tests.contract.s3_harness import S3Harness

pytestmark = pytest.mark.requirement("R13")

CHUNK = 64 * 1024
OLD, NEW = data_of(100_000), data_of(3 * BATCH_BYTES + 1)


class Broken(Exception):
    """Raised by a source: the client hung up."""


class Source:
    """Gives so many chunks of `NEW`, and then what `end` says: it raises, or it says so and waits for ever."""

    def __init__(self, chunks: int, *, raises: bool) -> None:
        self.waiting = asyncio.Event()
        self._chunks = chunks
        self._raises = raises

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for position in range(self._chunks):
            yield NEW[position * CHUNK : (position + 1) * CHUNK]
        if self._raises:
            raise Broken
        self.waiting.set()
        await asyncio.Event().wait()


async def is_whole_or(store: Harness, key: str, before: bytes | None) -> bool:
    """Whether the key holds what it held before, or the whole new object."""
    if not await exists(store.backend, key):
        return before is None
    return await fetch(store.backend, key) in {before, NEW}


async def assert_becomes_whole_or(store: Harness, key: str, before: bytes | None, when: str) -> None:
    """The same, before long where a server may still be at work on what it was sent when its client left."""
    seen: object = None
    for _ in range(100):
        try:
            if await is_whole_or(store, key, before):
                return
            seen = await store.backend.stat(key)
        except StorageError as error:
            seen = error
        if not isinstance(store, S3Harness):
            break
        await asyncio.sleep(0.1)
    raise AssertionError(f"{when}: neither whole nor what was there before, but {seen!r}")


@pytest.mark.parametrize("before", [None, OLD], ids=["new", "over-another"])
@pytest.mark.parametrize("chunks", [0, 1, 3, 4, 5, 8, 12])
async def test_a_source_that_raises_leaves_no_trace(store: Harness, chunks: int, before: bytes | None) -> None:
    key = new_key()
    if before is not None:
        await put(store.backend, key, before)
    with pytest.raises(Broken):
        await store.backend.write(key, aiter(Source(chunks, raises=True)), digest=NoDigest())
    if before is None:
        assert not await exists(store.backend, key)
        assert [info.key async for info in store.backend.list()] == []
    else:
        assert await fetch(store.backend, key) == before
    assert await store.leftovers() == []


@pytest.mark.parametrize("before", [None, OLD], ids=["new", "over-another"])
@pytest.mark.parametrize("chunks", [0, 1, 3, 4, 5, 8, 12])
async def test_a_write_that_is_cancelled_while_the_client_is_silent_leaves_no_trace(
    store: Harness, chunks: int, before: bytes | None
) -> None:
    key, source = new_key(), Source(chunks, raises=False)
    if before is not None:
        await put(store.backend, key, before)
    write = asyncio.create_task(store.backend.write(key, aiter(source), digest=NoDigest()))
    await source.waiting.wait()
    assert await is_whole_or(store, key, before), "a part is visible"
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    if before is None:
        assert not await exists(store.backend, key)
    else:
        assert await fetch(store.backend, key) == before
    assert await store.leftovers() == []


@pytest.mark.parametrize("before", [None, OLD], ids=["new", "over-another"])
async def test_a_write_may_be_cancelled_at_any_moment(store: Harness, before: bytes | None) -> None:
    """Cancel it after more and more turns of the loop, until it ends before it is cancelled."""
    turns, cancelled, completed = 0, 0, 0
    while completed < 3:
        key = new_key()
        if before is not None:
            await put(store.backend, key, before)
        write = asyncio.create_task(store.backend.write(key, chunks_of(NEW), digest=NoDigest()))
        for _ in range(turns):
            await asyncio.sleep(0)
        write.cancel()
        try:
            await write
        except asyncio.CancelledError:
            cancelled += 1
            await assert_becomes_whole_or(store, key, before, f"after {turns} turns")
        else:
            completed += 1
            assert await fetch(store.backend, key) == NEW
        assert await store.leftovers() == [], f"after {turns} turns"
        turns += 1 + turns // 10
    assert cancelled > 1


@pytest.mark.parametrize("size", [BATCH_BYTES - 1, BATCH_BYTES, 3 * BATCH_BYTES])
async def test_a_write_that_is_cancelled_while_a_thread_works_on_it_leaves_no_trace(store: Harness, size: int) -> None:
    key, digest = new_key(), HeldDigest()
    write = asyncio.create_task(store.backend.write(key, chunks_of(data_of(size), BATCH_BYTES), digest=digest))
    assert await asyncio.to_thread(digest.reached.wait, 10), "large batches are hashed off the event loop"
    write.cancel()
    await asyncio.sleep(0.05)
    digest.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert not await exists(store.backend, key)
    assert await store.leftovers() == []


async def test_a_second_cancellation_does_not_stop_the_clean_up(store: Harness) -> None:
    key, digest = new_key(), HeldDigest()
    write = asyncio.create_task(store.backend.write(key, chunks_of(NEW, BATCH_BYTES), digest=digest))
    assert await asyncio.to_thread(digest.reached.wait, 10)
    for _ in range(3):
        write.cancel()
        await asyncio.sleep(0.02)
    digest.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert await store.leftovers() == []


async def test_a_digest_that_fails_fails_the_write(store: Harness) -> None:
    class Failing:
        def update(self, data: bytes | bytearray | memoryview, /) -> None:
            raise Broken

    key, digest = new_key(), Failing()
    checked: Digest = digest
    with pytest.raises(Broken):
        await store.backend.write(key, chunks_of(NEW), digest=checked)
    assert not await exists(store.backend, key)
    assert await store.leftovers() == []


async def test_nothing_is_visible_before_the_last_byte(store: Harness) -> None:
    key = new_key()
    last = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(NEW):
            yield chunk
        await last.wait()

    write = asyncio.create_task(store.backend.write(key, source(), digest=NoDigest()))
    for _ in range(20):
        await asyncio.sleep(0.005)
        assert not await exists(store.backend, key)
        assert [info.key async for info in store.backend.list()] == []
    last.set()
    await write
    assert await fetch(store.backend, key) == NEW


async def test_a_sender_that_is_quicker_than_the_store_is_held_back(store: Harness) -> None:
    """While the store is stuck, no more than two batches and a chunk are taken from the sender."""
    digest, taken = HeldDigest(), 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += CHUNK
            yield bytes(CHUNK)

    write = asyncio.create_task(store.backend.write(new_key(), source(), digest=digest))
    await asyncio.sleep(0.2)
    assert taken <= 2 * BATCH_BYTES + CHUNK
    digest.let_go.set()
    assert await write == 100 * CHUNK


async def test_a_delete_during_a_write_leaves_the_whole_object_or_none(store: Harness) -> None:
    for _ in range(10):
        key = new_key()
        write = asyncio.create_task(put(store.backend, key, NEW))
        await asyncio.sleep(0.002)
        await store.backend.delete(key)
        with contextlib.suppress(Exception):  # it may fail, and nothing is said about how
            await write
        assert await is_whole_or(store, key, None)
        assert await store.leftovers() == []
