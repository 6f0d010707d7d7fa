"""Signed URLs (R4, R14): one object, until they expire, and only as they were signed."""

import pytest

from app.storage.backend import SignedRead
from app.storage.errors import InvalidKey
from tests.contract.conftest import JUDGES
from tests.contract.harness import Harness, Refused, new_key, put

pytestmark = [
    pytest.mark.requirement("R14"),
    pytest.mark.requirement("R4"),
    pytest.mark.parametrize("backend_factory", JUDGES, indirect=True),
]


def read_of(store: Harness, key: str, seconds: float = 60, name: str = "Bericht März.pdf") -> SignedRead:
    return SignedRead(key, name, "application/pdf", inline=False, expires_at=store.expires_in(seconds))


async def test_a_signed_url_gives_the_bytes(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"the bytes")
    url = await store.backend.sign(read_of(store, key))
    assert url.startswith(("http://", "https://"))
    assert url.isascii()
    assert await store.follow(url) == b"the bytes"
    assert await store.follow(url) == b"the bytes"


async def test_a_signed_url_expires(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"the bytes")
    url = await store.backend.sign(read_of(store, key, seconds=4))
    assert await store.follow(url) == b"the bytes"
    await store.let_pass(4)
    with pytest.raises(Refused):
        await store.follow(url)


async def test_a_changed_url_is_refused(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"the bytes")
    url = await store.backend.sign(read_of(store, key))
    forgeries = list(store.forgeries(url))
    assert len(forgeries) > 3
    for forgery in forgeries:
        with pytest.raises(Refused):
            await store.follow(forgery)


async def test_a_url_is_for_one_object_only(store: Harness) -> None:
    mine, other = new_key(), new_key()
    await put(store.backend, mine, b"mine")
    await put(store.backend, other, b"other")
    url = await store.backend.sign(read_of(store, mine))
    assert await store.follow(url) == b"mine"
    await store.backend.delete(mine)
    with pytest.raises(Refused):
        await store.follow(url)


async def test_a_missing_object_can_be_signed_and_gives_nothing(store: Harness) -> None:
    url = await store.backend.sign(read_of(store, new_key()))
    with pytest.raises(Refused):
        await store.follow(url)


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("key", ["", "../secret", ".satchel-id", "system/2026/03"])
async def test_only_keys_are_signed(store: Harness, key: str) -> None:
    with pytest.raises(InvalidKey):
        await store.backend.sign(read_of(store, key))
