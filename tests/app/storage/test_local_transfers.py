"""Local transfers beside each other: descriptors, folders that come and go, processes that die, disks that do not answer."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from app.storage.backend import BATCH_BYTES, IDENTITY_NAME, ObjectInfo
from app.storage.errors import ObjectNotFound, Reason, Unavailable
from app.storage.local import LocalBackend
from app.storage.local_files import SLOTS, temporary_names
from app.storage.local_listing import pages
from app.storage.local_tree import Tree
from tests.app.storage.conftest import BackendMaker
from tests.contract.harness import (
    HeldDigest,
    NoDigest,
    chunks_of,
    data_of,
    exists,
    fetch,
    files_below,
    folders_below,
    kill_in_mid_write,
    new_key,
    put,
)

pytestmark = pytest.mark.requirement("R10")


async def settled(root: Path, wanted: list[str]) -> bool:
    """Whether the tree holds these files, at once or soon."""
    for _ in range(200):
        if files_below(root) == sorted(wanted):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_no_descriptor_is_left_open(backend: LocalBackend) -> None:
    async def work() -> None:
        key = new_key()
        await put(backend, key, data_of(600_000))
        await fetch(backend, key)
        async with backend.read(key) as pieces:
            await anext(pieces)
        with pytest.raises(ObjectNotFound):
            await fetch(backend, new_key())
        write = asyncio.create_task(put(backend, new_key(), data_of(600_000)))
        await asyncio.sleep(0.001)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        read = asyncio.create_task(fetch(backend, key))
        await asyncio.sleep(0)
        read.cancel()
        await asyncio.gather(read, return_exceptions=True)
        assert [info.key async for info in backend.list()]
        await backend.check()
        await backend.delete(key)

    await asyncio.gather(*(work() for _ in range(20)))
    process = psutil.Process()
    before = process.num_fds()
    await asyncio.gather(*(work() for _ in range(20)))
    assert process.num_fds() == before


async def test_one_transfer_holds_two_descriptors(backend: LocalBackend) -> None:
    hold = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield data_of(300_000)
        await hold.wait()

    process = psutil.Process()
    before = process.num_fds()
    writes = [asyncio.create_task(backend.write(new_key(), slow(), digest=NoDigest())) for _ in range(30)]
    await asyncio.sleep(0.3)
    assert process.num_fds() - before <= 2 * len(writes)
    hold.set()
    await asyncio.gather(*writes)
    assert process.num_fds() == before


async def test_a_read_that_is_at_its_end_holds_nothing(backend: LocalBackend) -> None:
    key = new_key()
    await put(backend, key, data_of(600_000))
    process = psutil.Process()
    before = process.num_fds()
    async with backend.read(key) as pieces:
        await anext(pieces)
        assert process.num_fds() == before + 1
        async for _ in pieces:
            pass
        assert process.num_fds() == before


async def test_tiny_chunks_do_not_take_more_memory_than_large_ones(backend: LocalBackend) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(200_000):
            yield b"."

    await put(backend, new_key(), b"warm")
    tracemalloc.start()
    try:
        assert await backend.write(new_key(), drip(), digest=NoDigest()) == 200_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * BATCH_BYTES


async def test_empty_folders_do_not_pile_up(backend: LocalBackend, root: Path) -> None:
    keys = [new_key() for _ in range(3)]
    for key in keys:
        await put(backend, key, b"x")
    await backend.delete(keys.pop())
    assert folders_below(root) == ["system", "system/2026", "system/2026/03"]
    await backend.delete_many(keys)
    assert folders_below(root) == []


async def test_writers_and_deletes_that_prune_do_not_disturb_each_other(make_backend: BackendMaker, root: Path) -> None:
    """Two processes' backends write and delete in one month, so that its folder comes and goes all the time."""
    first, second = make_backend(), make_backend()
    await first.open()
    await second.open()

    async def come_and_go(backend: LocalBackend) -> None:
        for _ in range(100):
            key = new_key()
            await put(backend, key, b"short-lived")
            assert await fetch(backend, key) == b"short-lived"
            await backend.delete(key)

    await asyncio.gather(*(come_and_go(backend) for backend in (first, second) for _ in range(3)))
    assert files_below(root) == folders_below(root) == []


@pytest.mark.requirement("R13")
async def test_what_a_killed_process_left_is_cleared_by_the_key(backend: LocalBackend, root: Path) -> None:
    key, other = new_key(), new_key()
    kill_in_mid_write(root, other)
    kill_in_mid_write(root, key)
    kill_in_mid_write(root, key)
    left = [path for path in files_below(root) if path != IDENTITY_NAME]
    assert len(left) == 3
    assert all((root / path).stat().st_size > 0 for path in left)
    await backend.delete(key)
    assert len(files_below(root)) == 2
    await backend.delete_many([other])
    assert files_below(root) == [IDENTITY_NAME]
    assert folders_below(root) == []


@pytest.mark.requirement("R13")
async def test_what_a_killed_process_left_is_cleared_in_a_full_folder(backend: LocalBackend, root: Path) -> None:
    """Such a folder is not looked through for the sake of one object."""
    key = new_key()
    await put(backend, key, b"an older object")
    kill_in_mid_write(root, key)
    strangers = [(root / key).with_name(f"stranger {number}") for number in range(100)]
    for stranger in strangers:
        stranger.touch()
    await backend.delete(key)
    assert files_below(root) == sorted([IDENTITY_NAME, *(str(path.relative_to(root)) for path in strangers)])


async def test_writers_of_one_key_are_few(backend: LocalBackend, root: Path) -> None:
    key, disk = new_key(), HeldDigest()
    writes = [asyncio.create_task(backend.write(key, chunks_of(data_of(300_000)), digest=disk)) for _ in range(SLOTS)]
    folder, _, name = key.rpartition("/")
    assert await settled(root, [IDENTITY_NAME, *(f"{folder}/{temporary}" for temporary in temporary_names(name))])
    with pytest.raises(Unavailable) as refusal:
        await put(backend, key, b"one too many")
    assert refusal.value.reason is Reason.BUSY
    disk.let_go.set()
    assert await asyncio.gather(*writes) == [300_000] * SLOTS
    assert files_below(root) == [IDENTITY_NAME, key]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_writer_whose_file_was_deleted_does_not_touch_another_ones(
    backend: LocalBackend, root: Path, is_cancelled: bool
) -> None:
    """The second writer's temporary file has the name of the first one's, which a delete has removed."""
    key, first_disk, second_disk = new_key(), HeldDigest(), HeldDigest()
    other, size = new_key(), BATCH_BYTES + 1
    await put(backend, other, b"keeps the folder from being pruned")
    first = asyncio.create_task(backend.write(key, chunks_of(data_of(size), BATCH_BYTES), digest=first_disk))
    assert await asyncio.to_thread(first_disk.reached.wait, 10)
    await backend.delete(key)
    second = asyncio.create_task(backend.write(key, chunks_of(b"second" * 100_000), digest=second_disk))
    assert await asyncio.to_thread(second_disk.reached.wait, 10)
    if is_cancelled:
        first.cancel()
    first_disk.let_go.set()
    outcome = (await asyncio.gather(first, return_exceptions=True))[0]
    if is_cancelled:
        assert isinstance(outcome, asyncio.CancelledError)
    else:
        assert isinstance(outcome, Unavailable)
        assert outcome.reason is Reason.INTERRUPTED
    assert not await exists(backend, key)
    second_disk.let_go.set()
    await second
    assert await fetch(backend, key) == b"second" * 100_000
    assert files_below(root) == sorted([IDENTITY_NAME, key, other])


@pytest.mark.requirement("R13")
async def test_a_disk_that_does_not_answer_holds_nobody_up(make_backend: BackendMaker, root: Path) -> None:
    backend, disk = make_backend(grace_seconds=0.1), HeldDigest()
    await backend.open()
    write = asyncio.create_task(backend.write(new_key(), chunks_of(data_of(600_000)), digest=disk))
    assert await asyncio.to_thread(disk.reached.wait, 10)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(30):
            await write
    assert len(files_below(root)) == 1, "the thread still has it"
    disk.let_go.set()
    assert await settled(root, []), "the thread clears up when it comes back"


@pytest.mark.requirement("R13")
async def test_a_backend_can_be_closed_while_its_disk_does_not_answer(make_backend: BackendMaker, root: Path) -> None:
    backend, disk = make_backend(grace_seconds=0.1), HeldDigest()
    await backend.open()
    write = asyncio.create_task(backend.write(new_key(), chunks_of(data_of(600_000)), digest=disk))
    assert await asyncio.to_thread(disk.reached.wait, 10)
    async with asyncio.timeout(30):
        await backend.close()
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    disk.let_go.set()
    assert await settled(root, [])


async def test_closing_lets_a_write_in_flight_end(backend: LocalBackend, root: Path) -> None:
    key, disk = new_key(), HeldDigest()
    write = asyncio.create_task(backend.write(key, chunks_of(b"small"), digest=disk))
    assert await asyncio.to_thread(disk.reached.wait, 10)
    close = asyncio.create_task(backend.close())
    await asyncio.sleep(0.05)
    assert not close.done()
    disk.let_go.set()
    await close
    assert await write == 5
    assert (root / key).read_bytes() == b"small"


async def test_calls_that_wait_for_a_thread_are_dropped_when_cancelled(make_backend: BackendMaker, root: Path) -> None:
    backend, disk = make_backend(threads=1), HeldDigest()
    await backend.open()
    busy = asyncio.create_task(backend.write(new_key(), chunks_of(b"x"), digest=disk))
    assert await asyncio.to_thread(disk.reached.wait, 10)
    key = new_key()
    queued = [asyncio.create_task(put(backend, key, b"y")), asyncio.create_task(fetch(backend, key))]
    await asyncio.sleep(0.01)
    for task in queued:
        task.cancel()
    await asyncio.sleep(0.01)
    disk.let_go.set()
    outcomes = await asyncio.gather(*queued, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    await busy
    assert not await exists(backend, key)


async def test_a_folder_of_any_size_is_listed_in_bounded_passes(backend: LocalBackend, root: Path) -> None:
    keys = sorted(new_key() for _ in range(25))
    await asyncio.gather(*(put(backend, key, b"x") for key in keys))
    for window in (1, 4, 25, 26):
        listed: list[ObjectInfo] = [info for page in pages(Tree(root), "", window=window) for info in page]
        assert [info.key for info in listed] == keys
