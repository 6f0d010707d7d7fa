"""Small objects that come while the threads are busy are committed together, and each has its own fate."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest

from app.storage import local_commits
from app.storage.backend import IDENTITY_NAME, Digest
from app.storage.errors import Reason, Unavailable
from app.storage.local import LocalBackend
from app.storage.local_files import FileWriter
from tests.app.storage.conftest import BackendMaker
from tests.contract.harness import HeldDigest, NoDigest, chunks_of, fetch, files_below, folders_below, new_key, put

pytestmark = [pytest.mark.requirement("R10"), pytest.mark.requirement("R13")]


class _Broken:
    """A digest that fails."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        raise RuntimeError("a broken digest")


class _Syncs:
    """Counts the syncs of folders and of files; the ones of folders can fail."""

    def __init__(self) -> None:
        self.folders = self.files = 0
        self.broken = False
        self._sync = os.fsync

    def __call__(self, descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            self.folders += 1
            if self.broken:
                raise OSError(errno.EIO, "the disk has lost something")
        else:
            self.files += 1
        self._sync(descriptor)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> _Syncs:
    syncs = _Syncs()
    monkeypatch.setattr(os, "fsync", syncs)
    return syncs


@pytest.fixture
def gates() -> Iterator[list[HeldDigest]]:
    """One for every thread that commits."""
    gates = [HeldDigest() for _ in range(local_commits._CREWS)]
    yield gates
    for gate in gates:
        gate.let_go.set()


@pytest.fixture
async def busy(backend: LocalBackend, gates: list[HeldDigest]) -> AsyncIterator[list[asyncio.Task[int]]]:
    """Writes that keep every thread that commits from coming back; the folder that all objects lie in is settled before."""
    await put(backend, new_key(), b"the first of its folder")
    tasks = await _occupy(backend, gates)
    yield tasks
    for gate in gates:
        gate.let_go.set()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _occupy(backend: LocalBackend, gates: list[HeldDigest], group: UUID | None = None) -> list[asyncio.Task[int]]:
    tasks = []
    for gate in gates:  # one after the other: two that come at once are a group
        tasks.append(_write(backend, gate, new_key(group=group)))
        assert await asyncio.to_thread(gate.reached.wait, 10)
    return tasks


def _write(
    backend: LocalBackend, digest: Digest | None = None, key: str | None = None, data: bytes = b"small"
) -> asyncio.Task[int]:
    return asyncio.create_task(backend.write(key or new_key(), chunks_of(data), digest=digest or NoDigest()))


async def _queued() -> None:
    """Until writes that have been started wait for a thread."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_that_wait_share_the_sync_of_their_folder(
    backend: LocalBackend, busy: list[asyncio.Task[int]], gates: list[HeldDigest], syncs: _Syncs
) -> None:
    keys = [new_key() for _ in range(local_commits._GROUP)]
    waiting = [_write(backend, key=key, data=key.encode()) for key in keys]
    await _queued()
    gates[0].let_go.set()
    assert await asyncio.gather(busy[0], *waiting) == [5, *(len(key) for key in keys)]
    assert syncs.files == 1 + len(keys)
    assert syncs.folders == 2, "one for the write that was under way, and one for all others"
    assert [await fetch(backend, key) for key in keys] == [key.encode() for key in keys]


async def test_a_group_is_bounded_and_of_one_folder(
    backend: LocalBackend, busy: list[asyncio.Task[int]], gates: list[HeldDigest], syncs: _Syncs, root: Path
) -> None:
    group = uuid4()
    (root / str(group) / "2026" / "03").mkdir(parents=True)
    keys = [new_key() for _ in range(local_commits._GROUP + 1)]
    keys += [new_key(group=group), new_key(group=group), new_key()]
    waiting = [_write(backend, key=key) for key in keys]
    await _queued()
    gates[0].let_go.set()
    await asyncio.gather(busy[0], *waiting)
    above_the_new_one = 3  # are synced once in the life of a process: see `Tree`
    assert syncs.folders == 1 + (1 + 1) + 1 + 1 + above_the_new_one, (
        "the full group and the rest, the other folder, the last"
    )
    assert set(keys) < set(files_below(root))


async def test_one_that_fails_does_not_take_the_others_with_it(
    backend: LocalBackend, busy: list[asyncio.Task[int]], gates: list[HeldDigest], root: Path
) -> None:
    good, bad = [new_key(), new_key()], new_key()
    waiting = [_write(backend, key=good[0]), _write(backend, _Broken(), bad), _write(backend, key=good[1])]
    await _queued()
    gates[0].let_go.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] == outcomes[2] == 5
    assert isinstance(outcomes[1], RuntimeError)
    await busy[0]
    assert set(good) < set(files_below(root))
    assert not [name for name in files_below(root) if bad.rpartition("/")[2] in name]


async def test_a_folder_that_cannot_be_synced_is_the_failure_of_all(
    backend: LocalBackend, busy: list[asyncio.Task[int]], gates: list[HeldDigest], syncs: _Syncs
) -> None:
    process = psutil.Process()
    keys = [new_key() for _ in range(3)]
    waiting = [_write(backend, key=key) for key in keys]
    await _queued()
    syncs.broken = True
    for gate in gates:
        gate.let_go.set()
    outcomes = await asyncio.gather(*busy, *waiting, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(failures) == len(busy) + len(keys)
    assert {failure.key for failure in failures} > set(keys), "each names its own object"
    assert len({id(failure) for failure in failures}) == len(failures)
    syncs.broken = False
    before = process.num_fds()
    await put(backend, new_key(), b"the disk is well again")
    assert process.num_fds() == before


async def test_a_folder_that_is_gone_when_its_turn_comes_is_made_again(
    backend: LocalBackend, gates: list[HeldDigest], root: Path
) -> None:
    """What keeps the threads busy lies in another folder, so that this one can be pruned."""
    elsewhere = uuid4()
    first = new_key()
    await put(backend, first, b"x")
    tasks = await _occupy(backend, gates, elsewhere)
    keys = [new_key() for _ in range(3)]
    waiting = [_write(backend, key=key) for key in keys]
    await _queued()
    await backend.delete(first)
    assert not [name for name in folders_below(root) if name.startswith("system")]
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks, *waiting) == [5] * (len(tasks) + len(waiting))
    assert set(keys) < set(files_below(root))


async def test_a_folder_that_goes_between_its_opening_and_its_first_file_is_made_again(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = FileWriter.open_in
    folder = root / "system" / "2026" / "03"

    def begin_late(writer: FileWriter, descriptor: int) -> None:
        monkeypatch.setattr(FileWriter, "open_in", begin)
        folder.rmdir()
        writer.open_in(descriptor)

    monkeypatch.setattr(FileWriter, "open_in", begin_late)
    key = new_key()
    await put(backend, key, b"late")
    assert await fetch(backend, key) == b"late"


async def test_one_whose_caller_has_gone_is_dropped(
    backend: LocalBackend, busy: list[asyncio.Task[int]], gates: list[HeldDigest], root: Path
) -> None:
    dropped, kept = new_key(), new_key()
    gone, waiting = _write(backend, key=dropped), _write(backend, key=kept)
    await _queued()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    gates[0].let_go.set()
    assert await waiting == 5
    assert kept in files_below(root)
    assert dropped not in files_below(root)


async def test_none_is_left_waiting_when_the_store_is_closed(make_backend: BackendMaker, root: Path) -> None:
    backend, gate = make_backend(threads=1, grace_seconds=0.1), HeldDigest()
    await backend.open()
    # Whatever the only thread does, it is not a commit: nobody has come to work on those who wait.
    large = asyncio.create_task(backend.write(new_key(), chunks_of(b"." * 600_000), digest=gate))
    assert await asyncio.to_thread(gate.reached.wait, 10)
    waiting = [_write(backend) for _ in range(3)]
    await _queued()
    async with asyncio.timeout(30):
        await backend.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)} == {Reason.CLOSED}
    large.cancel()
    await asyncio.gather(large, return_exceptions=True)
    gate.let_go.set()
    for _ in range(200):
        if files_below(root) == []:
            break
        await asyncio.sleep(0.01)
    assert files_below(root) in ([], [IDENTITY_NAME])
