"""Which store is behind a location, and what becomes of a location whose store is not the one that is known (R11, R13)."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.storage.backend import IDENTITY_NAME, SignedRead
from app.storage.errors import Reason, Unavailable
from app.storage.local import LocalBackend
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from tests.app.storage.conftest import BackendMaker, Volume
from tests.contract.harness import UPLOADED_AT, chunks_of, files_below, new_key

pytestmark = pytest.mark.requirement("R13")

KNOWN = "5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11"


def storage_on(backend: LocalBackend) -> Storage:
    return Storage({"local": backend}, default="local", timeout_seconds=5)


@pytest.fixture
async def store_of(make_backend: BackendMaker, root: Path) -> Path:
    """A root that carries the known identity, and one object."""
    backend = make_backend()
    await backend.open()
    await backend.write_identity(KNOWN)
    return root


@pytest.fixture
async def used(make_backend: BackendMaker, store_of: Path) -> Storage:
    """Storage on that root, opened with the identity that is in it."""
    storage = storage_on(make_backend())
    assert await storage.open({"local": KNOWN}) == {}
    return storage


async def refused(storage: Storage, reason: Reason) -> bool:
    """Whether every call on the location is refused for this reason."""
    key = new_key()

    async def read() -> None:
        async with storage.read("local", key):
            pass

    async def list_all() -> None:
        async for _ in storage.list("local"):
            pass

    request = SignedRead(key, "a", "b", inline=False, expires_at=UPLOADED_AT)
    for call in (
        storage.write("local", key, chunks_of(b"x")),
        read(),
        storage.stat("local", key),
        storage.delete("local", key),
        storage.delete_many("local", [key]),
        list_all(),
        storage.sign("local", request),
    ):
        with pytest.raises(Unavailable) as refusal:
            await call
        assert (refusal.value.reason, refusal.value.location) == (reason, "local")
    return True


async def test_a_new_location_is_given_an_identity_once(make_backend: BackendMaker, root: Path) -> None:
    storage = storage_on(make_backend())
    fresh = await storage.open({})
    assert str(UUID(fresh["local"])) == fresh["local"] == (root / IDENTITY_NAME).read_text().strip()
    assert storage.locations["local"].ready
    assert storage.locations["local"].identity == fresh["local"]
    assert await storage.recheck() == {}
    assert await storage.check() == {"local": None}


async def test_a_store_that_has_an_identity_is_adopted_with_it(make_backend: BackendMaker, store_of: Path) -> None:
    storage = storage_on(make_backend())
    assert await storage.open({"local": None}) == {"local": KNOWN}
    assert (store_of / IDENTITY_NAME).read_text().strip() == KNOWN


async def test_processes_that_start_together_agree(make_backend: BackendMaker) -> None:
    first, second = storage_on(make_backend()), storage_on(make_backend())
    fresh = await first.open({})
    assert await second.open({}) == fresh


async def test_a_known_store_is_ready(used: Storage) -> None:
    key = new_key()
    assert (await used.write("local", key, chunks_of(b"x"))).size_bytes == 1
    assert await used.check() == {"local": None}


async def test_a_location_is_not_ready_before_it_is_opened(make_backend: BackendMaker) -> None:
    storage = storage_on(make_backend())
    assert not storage.locations["local"].ready
    assert await refused(storage, Reason.NOT_OPENED)


async def test_another_store_is_refused_and_left_alone(make_backend: BackendMaker, store_of: Path) -> None:
    storage = storage_on(make_backend())
    assert await storage.open({"local": str(uuid4())}) == {}
    assert await refused(storage, Reason.IDENTITY_WRONG)
    assert await storage.check() == {"local": Reason.IDENTITY_WRONG.value}
    assert files_below(store_of) == [IDENTITY_NAME]


async def test_an_empty_folder_in_place_of_a_known_store_is_refused_and_left_alone(
    make_backend: BackendMaker, root: Path
) -> None:
    root.mkdir(parents=True)
    storage = storage_on(make_backend())
    assert await storage.open({"local": KNOWN}) == {}
    assert await refused(storage, Reason.IDENTITY_MISSING)
    assert files_below(root) == []


async def test_a_known_store_that_is_missing_is_not_made_anew(make_backend: BackendMaker, volume: Volume) -> None:
    storage = storage_on(make_backend())
    assert await storage.open({"local": KNOWN}) == {}
    assert await refused(storage, Reason.ROOT_MISSING)
    assert await storage.recheck() == {}
    assert not volume.present()


async def test_a_volume_that_is_mounted_after_the_start_becomes_ready(
    make_backend: BackendMaker, store_of: Path, volume: Volume
) -> None:
    volume.unmount(mount_point=True)
    storage = storage_on(make_backend())
    await storage.open({"local": KNOWN})
    assert await refused(storage, Reason.IDENTITY_MISSING)
    volume.mount()
    assert await storage.recheck() == {}
    assert storage.locations["local"].ready
    assert (await storage.write("local", new_key(), chunks_of(b"x"))).size_bytes == 1


async def test_a_volume_that_goes_and_comes_back_is_noticed(used: Storage, volume: Volume) -> None:
    volume.unmount(mount_point=True)
    assert await used.check() == {"local": Reason.IDENTITY_MISSING.value}
    await used.recheck()
    assert not used.locations["local"].ready
    assert await refused(used, Reason.IDENTITY_MISSING)
    volume.mount()
    await used.recheck()
    assert await used.check() == {"local": None}


async def test_a_volume_that_is_exchanged_is_noticed(used: Storage, volume: Volume, root: Path) -> None:
    volume.exchange(identity=str(uuid4()))
    with pytest.raises(Unavailable):  # before anybody has looked again
        await used.delete("local", new_key())
    await used.recheck()
    assert await refused(used, Reason.IDENTITY_WRONG)
    assert files_below(root) == [IDENTITY_NAME]


async def test_a_store_that_is_down_for_a_while_needs_no_recheck_afterwards(used: Storage, volume: Volume) -> None:
    volume.unmount()
    await used.recheck()
    assert used.locations["local"].ready
    assert await used.check() == {"local": Reason.ROOT_MISSING.value}
    with pytest.raises(Unavailable) as refusal:
        await used.delete("local", new_key())
    assert refusal.value.reason is Reason.ROOT_MISSING
    volume.mount()
    assert (await used.write("local", new_key(), chunks_of(b"x"))).size_bytes == 1


@pytest.mark.parametrize("nonsense", ["", "hello", "\0", "5e1c8a4e"])
async def test_an_identity_that_makes_no_sense_is_not_adopted(
    make_backend: BackendMaker, volume: Volume, store_of: Path, nonsense: str
) -> None:
    (store_of / IDENTITY_NAME).write_text(nonsense)
    storage = storage_on(make_backend())
    assert await storage.open({}) == {}
    assert await refused(storage, Reason.IDENTITY_UNREADABLE)


@pytest.mark.requirement("R11")
async def test_two_locations_are_two_stores(signer: UrlSigner, make_backend: BackendMaker) -> None:
    storage = Storage(
        {"local": make_backend(), "memory": MemoryBackend(location="memory", signer=signer)},
        default="memory",
        timeout_seconds=5,
    )
    fresh = await storage.open({})
    assert len(set(fresh.values())) == 2
    key = new_key()
    await storage.write("local", key, chunks_of(b"in the old one"))
    await storage.delete(storage.default, key)
    assert (await storage.stat("local", key)).size == 14


async def test_two_locations_cannot_be_one_store(make_backend: BackendMaker) -> None:
    """Else the objects of the one would look like orphans of the other."""
    storage = Storage({"new": make_backend(), "local": make_backend()}, default="local", timeout_seconds=5)
    fresh = await storage.open({})
    assert list(fresh) == ["new"]
    assert await refused(storage, Reason.IDENTITY_TAKEN)


async def test_a_new_location_cannot_take_the_store_of_a_known_one(make_backend: BackendMaker, store_of: Path) -> None:
    storage = Storage({"local": make_backend(), "known": make_backend()}, default="known", timeout_seconds=5)
    assert await storage.open({"known": KNOWN}) == {}
    assert storage.locations["known"].ready
    assert await refused(storage, Reason.IDENTITY_TAKEN)


async def test_a_location_that_is_not_configured_is_unavailable(used: Storage) -> None:
    with pytest.raises(Unavailable) as refusal:
        await used.delete("bucket-of-last-year", new_key())
    assert refusal.value.reason is Reason.NOT_CONFIGURED
    assert refusal.value.location == "bucket-of-last-year"


async def test_the_default_must_be_a_location(make_backend: BackendMaker) -> None:
    with pytest.raises(ValueError, match="default location 's3'"):
        Storage({"local": make_backend()}, default="s3", timeout_seconds=5)


async def test_a_closed_storage_refuses_everything(used: Storage) -> None:
    await used.close()
    assert await refused(used, Reason.CLOSED)
    assert await used.check() == {"local": "closed"}


async def test_one_location_that_is_wrong_leaves_the_others_ready(
    signer: UrlSigner, make_backend: BackendMaker, store_of: Path
) -> None:
    storage = Storage(
        {"local": make_backend(), "memory": MemoryBackend(location="memory", signer=signer)},
        default="memory",
        timeout_seconds=5,
    )
    fresh = await storage.open({"local": str(uuid4())})
    assert list(fresh) == ["memory"]
    assert await storage.check() == {"local": Reason.IDENTITY_WRONG.value, "memory": None}
    assert (await storage.write("memory", new_key(), chunks_of(b"x"))).size_bytes == 1
