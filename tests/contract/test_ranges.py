"""Parts of objects: half-open, cut at the end, refused where nothing is left."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.storage.backend import BATCH_BYTES
from app.storage.errors import InvalidRange
from tests.contract.harness import Harness, data_of, fetch, new_key, put

SIZE = 2 * BATCH_BYTES + 100


@pytest.mark.parametrize(
    "start, end",
    [
        (0, None),
        (0, 1),
        (SIZE - 1, SIZE),
        (SIZE - 1, None),
        (BATCH_BYTES, 2 * BATCH_BYTES),
        (BATCH_BYTES - 1, BATCH_BYTES + 1),
        (5, SIZE + 1),
        (5, 1 << 40),
    ],
)
async def test_a_range_is_read(store: Harness, start: int, end: int | None) -> None:
    key, data = new_key(), data_of(SIZE)
    await put(store.backend, key, data)
    assert await fetch(store.backend, key, start=start, end=end) == data[start:end]


@pytest.mark.parametrize(
    "start, end", [(SIZE, None), (SIZE + 1, None), (1 << 40, 1 << 41), (7, 7), (7, 3), (0, 0), (-1, 5)]
)
async def test_a_range_that_selects_nothing_is_refused_on_entry(store: Harness, start: int, end: int | None) -> None:
    key = new_key()
    await put(store.backend, key, data_of(SIZE))
    with pytest.raises(InvalidRange) as refusal:
        await store.backend.read(key, start=start, end=end).__aenter__()
    error = refusal.value
    assert (error.key, error.start, error.end, error.size) == (key, start, end, SIZE)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])  # read only
@given(start=st.integers(-3, 40), end=st.none() | st.integers(-3, 40))
async def test_any_range_is_what_python_says_or_is_refused(store: Harness, start: int, end: int | None) -> None:
    key, data = "system/2026/01/00000000-0000-0000-0000-000000000001", data_of(20)
    await put(store.backend, key, data)
    if start >= 0 and (wanted := data[start : max(end, 0) if end is not None else None]):
        assert await fetch(store.backend, key, start=start, end=end) == wanted
    else:
        with pytest.raises(InvalidRange):
            await fetch(store.backend, key, start=start, end=end)


@pytest.mark.parametrize("end", [None, 0, 10])
async def test_an_empty_object_has_an_empty_whole(store: Harness, end: int | None) -> None:
    key = new_key()
    await put(store.backend, key, b"")
    async with store.backend.read(key, end=end) as pieces:
        assert [piece async for piece in pieces] == []


@pytest.mark.parametrize("start, end", [(1, None), (1, 2), (-1, None), (0, -1)])
async def test_an_empty_object_has_no_other_part(store: Harness, start: int, end: int | None) -> None:
    key = new_key()
    await put(store.backend, key, b"")
    with pytest.raises(InvalidRange):
        await fetch(store.backend, key, start=start, end=end)


async def test_a_read_can_be_left_in_the_middle(store: Harness) -> None:
    key, data = new_key(), data_of(SIZE)
    await put(store.backend, key, data)
    for _ in range(3):
        async with store.backend.read(key) as pieces:
            assert data.startswith(await anext(pieces))
    with pytest.raises(RuntimeError, match="by the reader"):
        async with store.backend.read(key) as pieces:
            raise RuntimeError("by the reader")
    assert await fetch(store.backend, key) == data
