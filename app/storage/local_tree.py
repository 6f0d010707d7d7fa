"""The folder tree of a local store. Everything here blocks: it runs in threads.

The tree is walked with descriptors, never with joined paths, and never through a symbolic link below the root: what somebody
puts into the tree cannot lead out of it. No descriptor of the root is kept, so a volume can be unmounted, and comes back by
itself.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from app.storage.backend import IDENTITY_NAME
from app.storage.errors import Reason, StorageError, Unavailable
from app.storage.local_beneath import Beneath
from app.storage.local_errors import translated

# A volume with less free space than this, in bytes, is reported as full before a write finds out.
_MIN_FREE_BYTES = 1024 * 1024

_MAX_IDENTITY_BYTES = 256
_MAX_SETTLED = 10_000
_OPEN_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FOLDER = _OPEN_ROOT | os.O_NOFOLLOW


class Tree:
    """The root and its folders. Its methods may be called from several threads at once, and by several processes.

    Without `at_once` every folder is walked to, as it is where the system has no other way.
    """

    def __init__(self, root: Path, *, at_once: bool = True) -> None:
        self._root = root
        self._beneath = Beneath() if at_once else None
        self._identity: str | None = None
        self._volume: tuple[int, int] | None = None
        self._settled: set[tuple[str, int]] = set()

    def make_root(self) -> None:
        """Make the root and the folders above it, as far as they are missing, for good."""
        with translated():
            missing = []
            folder = self._root
            while not folder.exists():
                missing.append(folder)
                folder = folder.parent
            for folder in reversed(missing):
                folder.mkdir(mode=0o750, exist_ok=True)
                with self._opened(folder.parent) as parent:
                    os.fsync(parent)

    def probe(self) -> None:
        """Raise when a write would fail because the root is missing, read-only or full. Nothing is written for it."""
        with translated(), self.root() as root:
            volume = os.fstatvfs(root)
            if volume.f_flag & os.ST_RDONLY:
                raise Unavailable(Reason.READ_ONLY)
            if volume.f_bavail * volume.f_frsize < _MIN_FREE_BYTES or (volume.f_files and not volume.f_favail):
                raise Unavailable(Reason.FULL)
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=root):
                raise Unavailable(Reason.NOT_WRITABLE)

    @contextlib.contextmanager
    def root(self) -> Iterator[int]:
        """A descriptor of the root: of the store whose identity was read last, or else `Unavailable`.

        Without this a volume that is gone would look like an empty store: writes would fill the disk beneath it, and deletes
        would report bytes as gone that come back with the volume.
        """
        with self._opened(self._root) as root:
            if self._identity is not None and self._volume != _volume_of(root):
                found = _read_identity(root)
                if found != self._identity:
                    raise Unavailable(Reason.IDENTITY_MISSING if found is None else Reason.IDENTITY_WRONG)
                self._volume = _volume_of(root)
            yield root

    @contextlib.contextmanager
    def folder(self, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder `names` below the root. `FileNotFoundError` when it is missing.

        With `make` missing folders are made, and one that is pruned again in the same moment is a `FileNotFoundError` too.
        The folders are then synced into their parents, also those that another process may just have made: a file in the
        folder is from there on as durable as the folder's own sync makes it.
        """
        with self.root() as root:
            descriptor = self._at_once(root, names, make=make)
            if descriptor is None:
                descriptor = self._walked(root, names, make=make)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _at_once(self, root: int, names: Sequence[str], *, make: bool) -> int | None:
        """None unless the folder is there, and settled if that is asked for: the walk makes it so, or tells what is wrong."""
        path = "/".join(names)
        descriptor = None if self._beneath is None or not names else self._beneath.open(root, path)
        if descriptor is not None and make and (path, os.fstat(descriptor).st_ino) not in self._settled:
            os.close(descriptor)
            return None
        return descriptor

    def _walked(self, root: int, names: Sequence[str], *, make: bool) -> int:
        with contextlib.ExitStack() as chain:
            made = False
            parents = [root]
            for name in names:
                try:
                    descriptor = os.open(name, _OPEN_FOLDER, dir_fd=parents[-1])
                except FileNotFoundError:
                    if not make:
                        raise
                    made = True
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o750, dir_fd=parents[-1])
                    descriptor = os.open(name, _OPEN_FOLDER, dir_fd=parents[-1])
                chain.callback(os.close, descriptor)
                parents.append(descriptor)
            if make:
                self._settle("/".join(names), parents, made=made)
            return os.dup(parents[-1])

    def _settle(self, path: str, parents: Sequence[int], *, made: bool) -> None:
        # Once per folder and process is enough. The number tells a folder from one that was pruned and made again.
        place = (path, os.fstat(parents[-1]).st_ino)
        if made or place not in self._settled:
            for parent in parents[:-1]:
                os.fsync(parent)
            if len(self._settled) >= _MAX_SETTLED:
                self._settled.clear()
            self._settled.add(place)

    def prune(self, names: Sequence[str]) -> None:
        """Remove the folder `names` and those above it, as long as they are empty. Whatever prevents it is no error."""
        with contextlib.suppress(OSError, StorageError):
            for depth in range(len(names), 0, -1):
                with self.folder(names[: depth - 1]) as parent:
                    os.rmdir(names[depth - 1], dir_fd=parent)

    def read_identity(self) -> str | None:
        """What the identity file says, or None. From here on the tree is this store only: see `root`."""
        with translated(), self._opened(self._root) as root:
            found = _read_identity(root)
            if found is not None:
                self._identity, self._volume = found, _volume_of(root)
            return found

    def write_identity(self, identity: str) -> None:
        """Make the identity file, whole or not at all, unless there is one."""
        temporary = f"{IDENTITY_NAME}.{uuid4()}.part"
        with translated(), self._opened(self._root) as root:
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=root)
            try:
                os.write(file, f"{identity}\n".encode())
                os.fsync(file)
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, IDENTITY_NAME, src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False)
            finally:
                os.close(file)
                os.unlink(temporary, dir_fd=root)
            os.fsync(root)

    @contextlib.contextmanager
    def _opened(self, folder: Path) -> Iterator[int]:
        try:
            descriptor = os.open(folder, _OPEN_ROOT)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Unavailable(Reason.ROOT_MISSING) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _volume_of(root: int) -> tuple[int, int]:
    facts = os.fstat(root)
    return facts.st_dev, facts.st_ino


def _read_identity(root: int) -> str | None:
    try:
        file = os.open(IDENTITY_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
    except FileNotFoundError:
        return None
    try:
        return os.read(file, _MAX_IDENTITY_BYTES).decode("utf-8", "replace").strip()
    finally:
        os.close(file)
