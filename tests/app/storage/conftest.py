"""A local store to do things to that only happen to disks."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.clock import FixedClock
from app.storage.backend import IDENTITY_NAME
from app.storage.local import LocalBackend
from app.storage.urls import UrlSigner
from tests.contract.harness import PUBLIC_URL, SECRET

BackendMaker = Callable[..., LocalBackend]


class Volume:
    """What operators and faults do to the place of a store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._away = root.with_name("unmounted")

    def unmount(self, *, mount_point: bool = False) -> None:
        """Take the store away; with `mount_point` an empty folder is in its place."""
        self._root.rename(self._away)
        if mount_point:
            self._root.mkdir()

    def mount(self) -> None:
        """Bring it back. Nothing may have been put in its place."""
        if self._root.exists():
            self._root.rmdir()
        self._away.rename(self._root)

    def exchange(self, identity: str | None = None) -> None:
        """Put a copy of the store in its place: with the same identity, or with another one."""
        self.unmount()
        shutil.copytree(self._away, self._root)
        if identity is not None:
            (self._root / IDENTITY_NAME).write_text(identity)

    def present(self) -> bool:
        """Whether there is anything in its place."""
        return self._root.exists()

    def mode(self) -> int:
        """Who may do what with it, as in chmod."""
        return self._root.stat().st_mode & 0o777

    def block(self, path: str) -> Path:
        """Put a stranger's file where a folder should be."""
        (self._root / path).parent.mkdir(parents=True, exist_ok=True)
        (self._root / path).write_text("a stranger's")
        return self._root / path

    def link(self, path: str, target: Path) -> Path:
        """Put a symbolic link somewhere."""
        (self._root / path).parent.mkdir(parents=True, exist_ok=True)
        (self._root / path).unlink(missing_ok=True)
        (self._root / path).symlink_to(target)
        return self._root / path


@pytest.fixture
def volume(root: Path) -> Volume:
    return Volume(root)


@pytest.fixture
def signer() -> UrlSigner:
    return UrlSigner(SECRET, PUBLIC_URL, FixedClock())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store is going to be."""
    return tmp_path / "volume" / "store"


@pytest.fixture
async def make_backend(root: Path, signer: UrlSigner) -> AsyncIterator[BackendMaker]:
    """Makes backends on the root, as several processes would have them, not opened yet."""
    made: list[LocalBackend] = []

    def make(**options: float) -> LocalBackend:
        made.append(LocalBackend(root, location="local", signer=signer, **options))  # type: ignore[arg-type]  # two numbers
        return made[-1]

    yield make
    for backend in made:
        await backend.close()


@pytest.fixture
async def backend(make_backend: BackendMaker) -> LocalBackend:
    """An opened backend on an empty store that carries an identity, as every store in use does."""
    backend = make_backend()
    await backend.open()
    await backend.write_identity("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    await backend.read_identity()
    return backend
