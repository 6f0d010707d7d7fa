"""What happens to disks (R13): full, broken, gone, exchanged. Nothing half-written stays, nothing is reported that is not so."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.backend import IDENTITY_NAME
from app.storage.errors import Reason, Unavailable
from app.storage.local import LocalBackend
from app.storage.urls import UrlSigner
from tests.app.storage.calls import ALL_CALLS, Call, each_call
from tests.app.storage.conftest import BackendMaker, Volume
from tests.contract.harness import NoDigest, chunks_of, data_of, fetch, files_below, new_key, put

pytestmark = [pytest.mark.requirement("R10"), pytest.mark.requirement("R13")]


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the kernel refuse every byte after the first `size` of a file, as a full disk does in the middle of one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [200_000, 300_000, 2_000_000])
@pytest.mark.parametrize("limit", [0, 100_000, 262_144])
async def test_a_disk_that_fills_up_leaves_nothing_half_written(
    backend: LocalBackend, root: Path, size: int, limit: int
) -> None:
    key, other = new_key(), new_key()
    await put(backend, other, b"an older object")
    with largest_file(limit):
        if size <= limit:
            await put(backend, key, data_of(size))
        else:
            with pytest.raises(Unavailable) as refusal:
                await put(backend, key, data_of(size))
            assert (refusal.value.reason, refusal.value.key) == (Reason.FULL, key)
            assert isinstance(refusal.value.__cause__, OSError)
    assert files_below(root) == sorted([IDENTITY_NAME, other, *([key] if size <= limit else [])])
    assert await fetch(backend, other) == b"an older object"


async def test_an_object_is_kept_when_its_successor_does_not_fit(backend: LocalBackend, root: Path) -> None:
    key = new_key()
    await put(backend, key, b"the old one")
    with largest_file(300_000), pytest.raises(Unavailable):
        await put(backend, key, data_of(900_000))
    assert await fetch(backend, key) == b"the old one"
    assert files_below(root) == [IDENTITY_NAME, key]


async def test_a_source_is_not_drained_once_the_disk_is_full(backend: LocalBackend) -> None:
    source = chunks_of(data_of(10_000_000))
    with largest_file(0), pytest.raises(Unavailable):
        await backend.write(new_key(), source, digest=NoDigest())
    assert len([chunk async for chunk in source]) > 130


@each_call
async def test_a_root_that_is_gone_is_unavailable_and_is_not_made_anew(
    backend: LocalBackend, volume: Volume, call: Call
) -> None:
    key = new_key()
    await put(backend, key, b"x")
    volume.unmount()
    with pytest.raises(Unavailable) as refusal:
        await call(backend, key)
    assert refusal.value.reason is Reason.ROOT_MISSING
    assert not volume.present()
    volume.mount()
    assert await fetch(backend, key) == b"x"


@each_call
async def test_a_volume_that_is_not_mounted_is_not_an_empty_store(
    backend: LocalBackend, volume: Volume, root: Path, call: Call
) -> None:
    key = new_key()
    await put(backend, key, b"x")
    volume.unmount(mount_point=True)
    with pytest.raises(Unavailable) as refusal:
        await call(backend, key)
    assert refusal.value.reason is Reason.IDENTITY_MISSING
    assert files_below(root) == []
    volume.mount()
    assert await fetch(backend, key) == b"x"


@each_call
async def test_another_volume_in_its_place_is_left_alone(
    backend: LocalBackend, volume: Volume, root: Path, call: Call
) -> None:
    key = new_key()
    await put(backend, key, b"x")
    volume.exchange(identity="another store")
    with pytest.raises(Unavailable) as refusal:
        await call(backend, key)
    assert refusal.value.reason is Reason.IDENTITY_WRONG
    assert files_below(root) == [IDENTITY_NAME, key]
    assert (root / key).read_bytes() == b"x"


async def test_a_volume_that_comes_back_as_another_device_works_at_once(
    backend: LocalBackend, volume: Volume, root: Path
) -> None:
    key, later = new_key(), new_key()
    await put(backend, key, b"x")
    volume.exchange()
    assert await fetch(backend, key) == b"x"
    await put(backend, later, b"y")
    assert files_below(root) == sorted([IDENTITY_NAME, key, later])


async def test_a_root_is_made_when_a_new_store_is_opened(make_backend: BackendMaker, volume: Volume) -> None:
    await make_backend().open(create=True)
    assert volume.mode() == 0o750


async def test_a_root_that_should_be_there_is_not_made(make_backend: BackendMaker, volume: Volume) -> None:
    backend = make_backend()
    await backend.open(create=False)
    with pytest.raises(Unavailable) as refusal:
        await backend.read_identity()
    assert refusal.value.reason is Reason.ROOT_MISSING
    with pytest.raises(Unavailable):
        await put(backend, new_key(), b"x")
    with pytest.raises(Unavailable):
        await backend.write_identity("new")
    assert not volume.present()


async def test_a_root_that_is_a_file_is_unavailable(make_backend: BackendMaker, volume: Volume) -> None:
    file = volume.block("")
    backend = make_backend()
    await backend.open()
    with pytest.raises(Unavailable):
        await backend.check()
    with pytest.raises(Unavailable):
        await put(backend, new_key(), b"x")
    assert file.read_text() == "a stranger's"


async def test_a_place_below_a_file_cannot_become_a_root(volume: Volume, root: Path, signer: UrlSigner) -> None:
    volume.block("")
    backend = LocalBackend(root / "below", location="local", signer=signer)
    with pytest.raises(Unavailable):
        await backend.open()
    await backend.close()


async def test_a_closed_backend_says_so(backend: LocalBackend) -> None:
    await backend.close()
    for call in ALL_CALLS.values():
        with pytest.raises(Unavailable) as refusal:
            await call(backend, new_key())
        assert refusal.value.reason is Reason.CLOSED
