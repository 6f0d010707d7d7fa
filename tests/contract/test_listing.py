"""Listings: everything, once, in byte order, and nothing else."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.storage.backend import PAGE_OBJECTS, ObjectInfo
from app.storage.keys import make_key
from tests.contract.conftest import LISTERS
from tests.contract.harness import Harness, new_key, put


async def keys_of(store: Harness, prefix: str = "") -> list[str]:
    return [info.key async for info in store.backend.list(prefix)]


def varied_keys() -> list[str]:
    """Keys over groups, years and months, with the neighbours in them that a wrong order would show."""
    groups = [None, UUID(int=0), UUID(int=10), UUID(int=(1 << 128) - 1)]
    months = [datetime(year, month, 1, tzinfo=UTC) for year, month in [(2025, 12), (2026, 1), (2026, 10)]]
    files = [(UUID(int=1), "a"), (UUID(int=2), "a.b"), (UUID(int=2), "a"), (UUID(int=2), "a.a"), (UUID(int=3), "a.0")]
    return [make_key(group, month, *file) for group in groups for month in months for file in files]


async def test_all_objects_are_listed_in_byte_order(store: Harness) -> None:
    keys = varied_keys()
    await asyncio.gather(*(put(store.backend, key, key.encode()[:5]) for key in keys))
    assert await keys_of(store) == sorted(keys, key=str.encode)
    first = await anext(aiter(store.backend.list()))
    assert first == ObjectInfo(min(keys), 5, first.modified_at)


async def test_an_empty_store_has_no_objects(store: Harness) -> None:
    assert await keys_of(store) == []


async def test_a_prefix_selects_whatever_it_cuts(store: Harness) -> None:
    keys = varied_keys()
    await asyncio.gather(*(put(store.backend, key, b"") for key in keys))
    sample = keys[7]
    for prefix in [sample[:cut] for cut in range(len(sample) + 1)] + ["system", "system/2026/1", "s", "f"]:
        assert await keys_of(store, prefix) == sorted(key for key in keys if key.startswith(prefix)), prefix
    for prefix in ["nothing", "/", "..", "../", "./", "system/../", "system//", "SYSTEM", sample + "x", "\0"]:
        assert await keys_of(store, prefix) == [], prefix


@pytest.mark.parametrize("backend_factory", LISTERS, indirect=True)
async def test_a_listing_of_many_pages_is_complete(store: Harness) -> None:
    group, when = uuid4(), datetime(2026, 3, 1, tzinfo=UTC)
    keys = [make_key(group, when, uuid4(), "x.txt") for _ in range(PAGE_OBJECTS + 5)] + [new_key() for _ in range(5)]
    for start in range(0, len(keys), 50):  # all at once, the last ones would wait for longer than a call may take
        await asyncio.gather(*(put(store.backend, key, b"") for key in keys[start : start + 50]))
    assert await keys_of(store) == sorted(keys)
    assert await keys_of(store, f"{group}/") == sorted(keys[:-5])


async def test_a_listing_bears_changes_while_it_is_read(store: Harness) -> None:
    lasting = [new_key() for _ in range(20)]
    passing = [new_key() for _ in range(20)]
    await asyncio.gather(*(put(store.backend, key, b"") for key in [*lasting, *passing]))
    shown = []
    async for info in store.backend.list():
        shown.append(info.key)
        if passing:
            await store.backend.delete(passing.pop())
            await put(store.backend, new_key(), b"")
    assert len(shown) == len(set(shown))
    assert set(lasting) <= set(shown)
    assert shown == sorted(shown)


async def test_a_listing_can_be_left_early(store: Harness) -> None:
    for _ in range(3):
        await put(store.backend, new_key(), b"")
    async for _ in store.backend.list():
        break
    assert len(await keys_of(store)) == 3


async def test_the_identity_is_no_object(store: Harness) -> None:
    await store.backend.write_identity(str(uuid4()))
    assert await keys_of(store) == []
    assert await keys_of(store, ".satchel") == []
