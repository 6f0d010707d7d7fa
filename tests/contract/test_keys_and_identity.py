"""What every backend must refuse as a key (R12), and how a store says which store it is."""

import pytest

from app.storage.errors import InvalidKey
from tests.contract.conftest import BackendFactory
from tests.contract.harness import Harness, NoDigest, chunks_of, fetch, new_key, put

GOOD = "system/2026/03/5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11.pdf"

BAD_KEYS = [
    "",
    "/",
    ".satchel-id",
    "../" + GOOD,
    "/" + GOOD,
    GOOD + "/",
    GOOD + "\n",
    GOOD + "\0",
    GOOD.replace("/", "//", 1),
    GOOD.replace("system", ".."),
    GOOD.replace("2026", "2O26"),
    GOOD.replace("/03/", "/13/"),
    GOOD.replace("/03/", "/3/"),
    GOOD.upper(),
    GOOD.replace(".pdf", ".p/f"),
    GOOD.replace(".pdf", "."),
    GOOD.replace(".pdf", ".0.part"),
    GOOD.replace("system/2026", "system/../system/2026"),
]


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("key", BAD_KEYS)
async def test_what_is_no_key_is_refused_by_every_call(store: Harness, key: str) -> None:
    backend = store.backend
    await put(backend, GOOD, b"stays")
    with pytest.raises(InvalidKey):
        await backend.write(key, chunks_of(b"evil"), digest=NoDigest())
    with pytest.raises(InvalidKey):
        await fetch(backend, key)
    with pytest.raises(InvalidKey):
        await backend.stat(key)
    with pytest.raises(InvalidKey):
        await backend.delete(key)
    assert [info.key async for info in backend.list()] == [GOOD]
    assert await fetch(backend, GOOD) == b"stays"


async def test_a_new_store_carries_no_identity(store: Harness) -> None:
    assert await store.backend.read_identity() is None


async def test_an_identity_stays_what_it_was_first(store: Harness) -> None:
    await store.backend.write_identity("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    await store.backend.write_identity("00000000-3c1f-4d8e-9a57-1f0a3f6a2b11")
    assert await store.backend.read_identity() == "5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11"
    assert await store.leftovers() == []


async def test_an_identity_does_not_disturb_the_objects(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"before")
    await store.backend.write_identity("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    assert await fetch(store.backend, key) == b"before"
    await store.backend.delete(key)
    assert await store.backend.read_identity() == "5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11"


async def test_each_store_has_its_own_identity(backend_factory: BackendFactory) -> None:
    first, second = await backend_factory(), await backend_factory()
    await first.backend.write_identity("first")
    assert await second.backend.read_identity() is None


async def test_a_store_in_order_passes_the_probe(store: Harness) -> None:
    await store.backend.check()
    await store.backend.write_identity("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    await store.backend.check()


async def test_opening_again_changes_nothing(store: Harness) -> None:
    key = new_key()
    await put(store.backend, key, b"kept")
    await store.backend.open()
    await store.backend.open(create=False)
    assert await fetch(store.backend, key) == b"kept"
