"""What the contract suite must know of a store beyond the protocol. Each backend has one harness; the tests have none of it."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

from app.clock import FixedClock
from app.storage.backend import IDENTITY_NAME, Backend
from app.storage.errors import InvalidUrl, ObjectNotFound, StorageError
from app.storage.keys import check_key, make_key
from app.storage.local import LocalBackend
from app.storage.memory import MemoryBackend
from app.storage.urls import UrlSigner

PUBLIC_URL = "https://files.example.org"
SECRET = bytes(range(32))
UPLOADED_AT = datetime.fromisoformat("2026-03-09T08:00:00+00:00")


class Refused(Exception):
    """The holder of a URL got no bytes."""


class Harness(Protocol):
    """One store with a backend on it. The backend is opened and closed by the fixture."""

    backend: Backend

    def expires_in(self, seconds: float) -> datetime:
        """A moment from now on, by the clock that decides about signed URLs."""
        ...

    async def let_pass(self, seconds: float) -> None:
        """Have that clock move on."""
        ...

    async def follow(self, url: str) -> bytes:
        """What anyone gets who has the URL; raises `Refused`."""
        ...

    def forgeries(self, url: str) -> Iterator[str]:
        """URLs like this one that nobody has signed."""
        ...

    async def leave_unfinished(self, key: str) -> None:
        """Have a process die in the middle of a write, if its leftovers can outlive it."""
        ...

    async def leftovers(self) -> list[str]:
        """Whatever is in the store and is neither an object nor the identity."""
        ...


class _SignerHarness:
    """For backends whose URLs are signed by Satchel: following one is what `app.web.downloads` does."""

    backend: Backend

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.signer = UrlSigner(SECRET, PUBLIC_URL, self.clock)

    def expires_in(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    async def let_pass(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    async def follow(self, url: str) -> bytes:
        token = url.removeprefix(f"{PUBLIC_URL}/files/")
        try:
            return await fetch(self.backend, self.signer.verify(token).request.key)
        except (InvalidUrl, ObjectNotFound) as error:
            raise Refused from error

    def forgeries(self, url: str) -> Iterator[str]:
        start = len(f"{PUBLIC_URL}/files/")
        for position in range(start, len(url)):
            other = "A" if url[position] != "A" else "B"
            yield f"{url[:position]}{other}{url[position + 1 :]}"


class MemoryHarness(_SignerHarness):
    def __init__(self, _: Path) -> None:
        super().__init__()
        self.backend = MemoryBackend(location="main", signer=self.signer, clock=self.clock)

    async def leave_unfinished(self, key: str) -> None:
        """Nothing outlives the process."""

    async def leftovers(self) -> list[str]:
        return []


class LocalHarness(_SignerHarness):
    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.backend = LocalBackend(root, location="main", signer=self.signer)

    async def leave_unfinished(self, key: str) -> None:
        kill_in_mid_write(self.root, key)

    async def leftovers(self) -> list[str]:
        return [path for path in files_below(self.root) if not is_key(path) and path != IDENTITY_NAME]


def kill_in_mid_write(root: Path, key: str) -> None:
    """Start a process that writes an object, and kill it once its first bytes are on the disk."""
    kill_half_way([sys.executable, "-m", "tests.contract.half_writer", str(root), key])


def kill_half_way(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a writer, and kill it when it says that it is half-way."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], env=environment) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"half-way\n"
        finally:
            child.send_signal(signal.SIGKILL)


def files_below(root: Path) -> list[str]:
    """The paths of all files below a folder, relative to it, in order."""
    found = []
    for folder, _, names in os.walk(root):
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def folders_below(root: Path) -> list[str]:
    """The paths of all folders below a folder, relative to it, in order."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())


def is_key(text: str) -> bool:
    with contextlib.suppress(StorageError):
        return check_key(text) == text
    return False


def new_key(name: str = "report.pdf", group: UUID | None = None, created_at: datetime = UPLOADED_AT) -> str:
    """The key of a file that is not there yet."""
    return make_key(group, created_at, uuid4(), name)


def data_of(size: int) -> bytes:
    """Bytes without a pattern, the same for the same size."""
    return random.Random(size).randbytes(size)


async def chunks_of(data: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """The data in pieces, as a client's bytes arrive."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def put(backend: Backend, key: str, data: bytes) -> None:
    """Write an object and look no further."""
    await backend.write(key, chunks_of(data), digest=NoDigest())


async def fetch(backend: Backend, key: str, *, start: int = 0, end: int | None = None) -> bytes:
    """Read an object, or a part of it, as a whole."""
    async with backend.read(key, start=start, end=end) as pieces:
        return b"".join([piece async for piece in pieces])


async def exists(backend: Backend, key: str) -> bool:
    try:
        await backend.stat(key)
    except ObjectNotFound:
        return False
    return True


class NoDigest:
    """For tests that are not about checksums."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Forget them."""


class HeldDigest:
    """A digest that holds the thread up that feeds it, as a disk does that does not answer, until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Wait."""
        self.reached.set()
        assert self.let_go.wait(30)
