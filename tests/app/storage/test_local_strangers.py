"""What others put into the tree of a local store: nothing in it leads out of the root, and nothing of theirs is touched."""

from pathlib import Path

import pytest

from app.storage.backend import IDENTITY_NAME
from app.storage.errors import Denied, IntegrityFailed, ObjectNotFound, Reason, StorageError, Unavailable
from app.storage.local import LocalBackend
from tests.app.storage.calls import Call, each_object_call, list_all
from tests.app.storage.conftest import Volume
from tests.contract.harness import data_of, exists, fetch, files_below, new_key, put

pytestmark = [pytest.mark.requirement("R10"), pytest.mark.requirement("R12")]

each_level = pytest.mark.parametrize("level", [1, 2, 3])


@each_object_call
@each_level
@pytest.mark.requirement("R13")
async def test_a_file_where_a_folder_should_be_is_a_broken_store(
    backend: LocalBackend, volume: Volume, root: Path, call: Call, level: int
) -> None:
    key = new_key()
    path = "/".join(key.split("/")[:level])
    stranger = volume.block(path)
    with pytest.raises(Unavailable) as refusal:
        await call(backend, key)
    assert refusal.value.reason is Reason.FAILED
    assert stranger.read_text() == "a stranger's"
    assert files_below(root) == [IDENTITY_NAME, path]
    assert await list_all(backend, "") == []


@each_object_call
@each_level
async def test_a_linked_folder_leads_nowhere(
    backend: LocalBackend, volume: Volume, tmp_path: Path, call: Call, level: int
) -> None:
    key = new_key()
    parts = key.split("/")
    outside = tmp_path / "outside"
    treasure = outside.joinpath(*parts[level:])
    treasure.parent.mkdir(parents=True)
    treasure.write_text("treasure")
    volume.link("/".join(parts[:level]), outside)
    with pytest.raises(Unavailable):
        await call(backend, key)
    assert files_below(outside) == ["/".join(parts[level:])]
    assert treasure.read_text() == "treasure"
    assert await list_all(backend, "") == []


async def test_a_linked_object_leads_nowhere(backend: LocalBackend, volume: Volume, tmp_path: Path) -> None:
    key, treasure = new_key(), tmp_path / "treasure"
    treasure.write_text("treasure")
    link = volume.link(key, treasure)
    with pytest.raises(Denied):
        await fetch(backend, key)
    with pytest.raises(Denied):
        await backend.stat(key)
    assert await list_all(backend, "") == []
    await put(backend, key, b"mine")
    assert (await fetch(backend, key), treasure.read_text()) == (b"mine", "treasure")
    assert volume.link(key, treasure) == link
    await backend.delete(key)
    assert (treasure.read_text(), link.is_symlink()) == ("treasure", False)


async def test_a_linked_identity_is_not_believed(backend: LocalBackend, volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    volume.link(IDENTITY_NAME, tmp_path / "id")
    with pytest.raises(Denied):
        await backend.read_identity()


async def test_a_folder_where_an_object_should_be_is_no_object(
    backend: LocalBackend, volume: Volume, root: Path
) -> None:
    key = new_key()
    volume.block(f"{key}/inside")
    assert not await exists(backend, key)
    assert await list_all(backend, "") == []
    with pytest.raises(ObjectNotFound):
        await fetch(backend, key)
    with pytest.raises(StorageError):
        await put(backend, key, b"x")
    with pytest.raises(StorageError):
        await backend.delete(key)
    assert files_below(root) == [IDENTITY_NAME, f"{key}/inside"]


async def test_strangers_are_not_listed_and_not_touched(backend: LocalBackend, volume: Volume, root: Path) -> None:
    key = new_key()
    await put(backend, key, b"x")
    folder = key.rpartition("/")[0]
    strangers = ["lost+found", "system/README", "system/2026/99/x", f"{folder}/notes.txt", f"{folder}/.hidden.part"]
    for path in strangers:
        volume.block(path)
    assert await list_all(backend, "") == [key]
    await backend.delete(key)
    assert files_below(root) == sorted([IDENTITY_NAME, *strangers])


async def test_a_file_that_is_cut_while_it_is_read_is_not_passed_off_as_whole(
    backend: LocalBackend, root: Path
) -> None:
    key, received = new_key(), b""
    await put(backend, key, data_of(1_000_000))

    async def read_and_cut() -> None:
        nonlocal received
        async with backend.read(key) as pieces:
            async for piece in pieces:
                received += piece
                (root / key).write_bytes(data_of(300_000))

    with pytest.raises(IntegrityFailed):
        await read_and_cut()
    assert len(received) < 1_000_000
