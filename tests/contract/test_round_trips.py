"""What goes in comes out, whatever its size and however it is cut."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.storage.backend import BATCH_BYTES, ObjectInfo
from app.storage.errors import ObjectNotFound, Unavailable
from tests.contract.conftest import REPLACERS, BackendFactory
from tests.contract.harness import Harness, NoDigest, chunks_of, data_of, exists, fetch, new_key, put

# The store is only ever added to under new keys, so the examples can share one; the first write of a run takes longer.
shared_store = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("size", [0, 1, BATCH_BYTES - 1, BATCH_BYTES, BATCH_BYTES + 1, 2 * BATCH_BYTES, 5_000_000])
@pytest.mark.parametrize("chunk", [999, 64 * 1024, 1_000_000])
async def test_what_was_written_is_read(store: Harness, size: int, chunk: int) -> None:
    key, data, digest = new_key(), data_of(size), hashlib.sha256()
    hint = None if size == 1 else size
    assert await store.backend.write(key, chunks_of(data, chunk), digest=digest, size_hint=hint) == size
    assert await fetch(store.backend, key) == data
    assert digest.digest() == hashlib.sha256(data).digest()
    assert (await store.backend.stat(key)).size == size


@shared_store
@given(sizes=st.lists(st.integers(0, 400_000), max_size=8))
async def test_it_does_not_matter_how_the_bytes_are_cut(store: Harness, sizes: list[int]) -> None:
    key, digest = new_key(), hashlib.sha256()
    pieces = [data_of(size) for size in sizes]

    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    assert await store.backend.write(key, source(), digest=digest) == sum(sizes)
    assert await fetch(store.backend, key) == b"".join(pieces)
    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()


@pytest.mark.parametrize("hint", [0, 10, 1 << 50])
async def test_a_wrong_size_hint_changes_nothing(store: Harness, hint: int) -> None:
    key, data = new_key(), data_of(700_000)
    assert await store.backend.write(key, chunks_of(data), digest=NoDigest(), size_hint=hint) == len(data)
    assert await fetch(store.backend, key) == data


async def test_a_million_tiny_chunks_are_one_object(store: Harness) -> None:
    key, data = new_key(), data_of(300_000)
    await store.backend.write(key, chunks_of(data, 3), digest=NoDigest())
    assert await fetch(store.backend, key) == data


async def test_pieces_are_small_and_none_is_empty(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, data_of(3 * BATCH_BYTES + 5))
    async with store.backend.read(key) as pieces:
        sizes = [len(piece) async for piece in pieces]
    assert sum(sizes) == 3 * BATCH_BYTES + 5
    assert 0 < min(sizes) <= max(sizes) <= BATCH_BYTES


async def test_stat_tells_size_and_time(store: Harness) -> None:
    key = new_key()
    before = store.expires_in(0)
    await put(store.backend, key, b"twelve bytes")
    info = await store.backend.stat(key)
    assert info == ObjectInfo(key, 12, info.modified_at)
    assert info.modified_at.utcoffset() == timedelta(0)
    assert min(before, datetime.now(UTC) - timedelta(minutes=1)) <= info.modified_at


async def test_a_second_write_replaces_the_object(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, data_of(900_000))
    await put(store.backend, key, b"shorter")
    assert await fetch(store.backend, key) == b"shorter"
    assert (await store.backend.stat(key)).size == 7


async def test_many_transfers_at_once_do_not_mix(store: Harness) -> None:
    keys = {new_key(): data_of(size) for size in range(200_000, 800_000, 20_000)}
    await asyncio.gather(*(put(store.backend, key, data) for key, data in keys.items()))
    found = await asyncio.gather(*(fetch(store.backend, key) for key in keys))
    assert dict(zip(keys, found, strict=True)) == keys


async def test_writers_of_one_key_end_with_one_of_them(store: Harness) -> None:
    key = new_key()
    rivals = [data_of(size) for size in (300_000, 600_000, 900_000)]
    await asyncio.gather(*(put(store.backend, key, data) for data in rivals))
    assert await fetch(store.backend, key) in rivals
    assert [info.key async for info in store.backend.list()] == [key]


@pytest.mark.parametrize("backend_factory", REPLACERS, indirect=True)
async def test_a_reader_never_sees_two_objects_in_one(store: Harness) -> None:
    key = new_key()
    versions = [data_of(700_000), data_of(1_100_000)]
    await put(store.backend, key, versions[0])

    async def replace() -> None:
        for turn in range(10):
            await put(store.backend, key, versions[turn % 2])

    writer = asyncio.create_task(replace())
    while not writer.done():
        with contextlib.suppress(Unavailable):  # a read may fail then, but not give something else
            assert await fetch(store.backend, key) in versions
    await writer


async def test_an_object_that_is_removed_while_it_is_read_is_read_to_its_end(store: Harness) -> None:
    key, data = new_key(), data_of(1_000_000)
    await put(store.backend, key, data)
    async with store.backend.read(key) as pieces:
        received = await anext(pieces)
        await store.backend.delete(key)
        async for piece in pieces:
            received += piece
    assert received == data
    assert not await exists(store.backend, key)


async def test_stores_do_not_see_each_other(backend_factory: BackendFactory) -> None:
    first, second = await backend_factory(), await backend_factory()
    key = new_key()
    await put(first.backend, key, b"in the first")
    assert not await exists(second.backend, key)
    await second.backend.delete(key)
    assert await fetch(first.backend, key) == b"in the first"


async def test_a_missing_object_is_reported_on_entry(store: Harness) -> None:
    key = new_key()
    with pytest.raises(ObjectNotFound) as read:
        await store.backend.read(key).__aenter__()
    with pytest.raises(ObjectNotFound) as stat:
        await store.backend.stat(key)
    assert read.value.key == stat.value.key == key
