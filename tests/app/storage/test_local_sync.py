"""A large file is synced while it comes in; what that finds out about the disk is not lost."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from app.storage import local_sync
from app.storage.backend import BATCH_BYTES, IDENTITY_NAME
from app.storage.errors import Reason, Unavailable
from app.storage.local import LocalBackend
from app.storage.local_sync import STEP_BYTES, SyncsAhead
from app.storage.threads import Threads
from tests.app.storage.conftest import BackendMaker
from tests.contract.harness import NoDigest, chunks_of, data_of, fetch, files_below, new_key

pytestmark = [pytest.mark.requirement("R10"), pytest.mark.requirement("R13")]

_LARGE = 2 * STEP_BYTES + 5


class Disk:
    """Counts the syncs ahead, lets them wait, and breaks."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.answers = threading.Event()
        self.answers.set()
        self.broken = False
        self.synced: list[int] = []

    def sync(self, file: int) -> None:
        self.synced.append(os.fstat(file).st_size)
        self.begun.set()
        assert self.answers.wait(30)
        if self.broken:
            raise OSError(errno.EIO, "the disk has lost something")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(local_sync, "sync", disk.sync)
    yield disk
    disk.answers.set()


async def _write(backend: LocalBackend, key: str, size: int) -> None:
    await backend.write(key, chunks_of(data_of(size), BATCH_BYTES), digest=NoDigest(), size_hint=size)


async def test_a_large_file_is_synced_before_its_end(backend: LocalBackend, disk: Disk) -> None:
    key = new_key()
    await _write(backend, key, _LARGE)
    assert disk.synced
    assert STEP_BYTES <= disk.synced[0] < _LARGE
    assert await fetch(backend, key) == data_of(_LARGE)


async def test_a_file_below_the_step_is_synced_once(backend: LocalBackend, disk: Disk) -> None:
    await _write(backend, new_key(), STEP_BYTES - 1)
    assert not disk.synced


async def test_what_a_sync_ahead_has_lost_is_not_reported_as_stored(
    backend: LocalBackend, root: Path, disk: Disk
) -> None:
    """The kernel tells of a lost write once: the sync at the end succeeds."""
    disk.broken = True
    key = new_key()
    with pytest.raises(Unavailable) as refusal:
        await _write(backend, key, _LARGE)
    assert (refusal.value.reason, refusal.value.key) == (Reason.FAILED, key)
    assert files_below(root) == [IDENTITY_NAME]


async def test_a_single_thread_does_not_wait_for_itself(make_backend: BackendMaker, disk: Disk) -> None:
    backend = make_backend(threads=1)
    await backend.open()
    key = new_key()
    async with asyncio.timeout(30):
        await _write(backend, key, _LARGE)
    assert await fetch(backend, key) == data_of(_LARGE)


async def test_a_write_that_fails_beside_a_sync_leaves_nothing_open(
    backend: LocalBackend, root: Path, disk: Disk
) -> None:
    disk.answers.clear()
    process = psutil.Process()
    before = process.num_fds()

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(data_of(STEP_BYTES + BATCH_BYTES), BATCH_BYTES):
            yield chunk
        assert disk.begun.wait(10)
        disk.answers.set()
        raise ConnectionError("the sender is gone")

    with pytest.raises(ConnectionError):
        await backend.write(new_key(), chunks(), digest=NoDigest(), size_hint=_LARGE)
    assert files_below(root) == [IDENTITY_NAME]
    assert process.num_fds() == before


async def test_one_file_of_a_store_at_a_time(disk: Disk, tmp_path: Path) -> None:
    threads = Threads("test", limit=4)
    syncs = SyncsAhead(threads)
    disk.answers.clear()
    with (tmp_path / "file").open("wb") as file:
        first = syncs.begin(file.fileno())
        assert first is not None
        assert syncs.begin(file.fileno()) is None
        ended = threading.Event()
        first.add_done_callback(lambda _: ended.set())
        disk.answers.set()
        assert ended.wait(10)
        again = syncs.begin(file.fileno())
        assert again is not None
        again.result(10)
        await threads.close()
        assert syncs.begin(file.fileno()) is None
        assert syncs.begin(file.fileno()) is None, "and does not wait for the one that could not begin"
