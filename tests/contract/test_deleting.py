"""Deletes: idempotent, thorough, and in bulk without one failure keeping the others."""

import pytest

from app.storage.errors import InvalidKey
from tests.contract.harness import Harness, data_of, exists, fetch, new_key, put


async def test_a_deleted_object_is_gone(store: Harness) -> None:
    key, other = new_key(), new_key()
    await put(store.backend, key, data_of(300_000))
    await put(store.backend, other, b"stays")
    await store.backend.delete(key)
    assert not await exists(store.backend, key)
    assert await fetch(store.backend, other) == b"stays"


async def test_deleting_is_idempotent(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"x")
    for _ in range(3):
        await store.backend.delete(key)
    await store.backend.delete(new_key())
    assert [info.key async for info in store.backend.list()] == []


async def test_a_deleted_key_can_be_written_again(store: Harness) -> None:
    key = new_key()
    for turn in range(3):
        await put(store.backend, key, f"turn {turn}".encode())
        assert await fetch(store.backend, key) == f"turn {turn}".encode()
        await store.backend.delete(key)


@pytest.mark.requirement("R13")
@pytest.mark.parametrize("has_object", [False, True])
async def test_a_delete_clears_what_a_dead_process_left_of_that_key(store: Harness, has_object: bool) -> None:
    key, other = new_key(), new_key()
    if has_object:
        await put(store.backend, key, b"an older object")
    await put(store.backend, other, b"stays")
    await store.leave_unfinished(key)
    assert [info.key async for info in store.backend.list()] == sorted([key, other] if has_object else [other])
    await store.backend.delete(key)
    assert await store.leftovers() == []
    assert not await exists(store.backend, key)
    assert await fetch(store.backend, other) == b"stays"


@pytest.mark.requirement("R13")
async def test_what_a_dead_process_left_does_not_hinder_the_next_writer(store: Harness) -> None:
    key = new_key()
    await store.leave_unfinished(key)
    assert not await exists(store.backend, key)
    await put(store.backend, key, b"second try")
    assert await fetch(store.backend, key) == b"second try"
    await store.backend.delete_many([key])
    assert await store.leftovers() == []


async def test_many_are_deleted_at_once(store: Harness) -> None:
    gone, stay = [new_key() for _ in range(30)], new_key()
    for key in [*gone, stay]:
        await put(store.backend, key, b"x")
    assert await store.backend.delete_many([*gone, new_key(), gone[0]]) == {}
    assert [info.key async for info in store.backend.list()] == [stay]
    assert await store.backend.delete_many([]) == {}


async def test_a_key_that_cannot_be_deleted_does_not_keep_the_others(store: Harness) -> None:
    keys = [new_key(), new_key()]
    for key in keys:
        await put(store.backend, key, b"x")
    failures = await store.backend.delete_many([keys[0], "../escape", keys[1]])
    assert list(failures) == ["../escape"]
    assert isinstance(failures["../escape"], InvalidKey)
    assert [info.key async for info in store.backend.list()] == []
