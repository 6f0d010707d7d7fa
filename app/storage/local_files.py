"""Objects as files of a local tree: writing, reading, removing one. Everything here blocks: it runs in threads.

A temporary file lies in the folder of its object, as `.{object}.{slot}.part`. So the rename stays within one folder, nobody
can prune the folder while it is written to, and what a killed process left behind is found by the key alone.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from app.storage.backend import BATCH_BYTES, Digest, ObjectInfo, Parts, resolve_range
from app.storage.errors import IntegrityFailed, ObjectNotFound, Reason, StorageError, Unavailable
from app.storage.keys import check_key
from app.storage.local_errors import translate, translated
from app.storage.local_sync import STEP_BYTES, SyncsAhead
from app.storage.local_tree import Tree

# How many writes to one key can be under way at once. `remove` must look for every one of their temporary files, so they are
# few; in Satchel a key has one writer, and the rest is room for leftovers.
SLOTS = 4
_TEMPORARY = ".part"

# From so many bytes on hashlib lets other threads run meanwhile. On a busy server a thread then waits for its turn longer than it
# hashes a small chunk, so those are hashed in pieces that are smaller.
_HASHED_AT_ONCE = 2047
_SMALL_CHUNK = 64 * 1024

# How often a writer begins anew because a `remove` pruned the folder that it had just opened.
_ATTEMPTS = 100

# How many entries of a folder are looked through for temporary files, for each object to remove. Below that a listing costs less
# than asking for every name that a temporary file may have; in a folder that holds far more than is removed it costs more.
_ENTRIES_PER_OBJECT = 32

_MAX_PARTS_PER_CALL = 1024  # IOV_MAX on Linux and macOS
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Without NONBLOCK a pipe that somebody put in an object's place would hold the thread up for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileWriter:
    """One write. Its methods are called one after the other; `withdrawn` may be set at any time, from any thread."""

    def __init__(self, tree: Tree, syncs: SyncsAhead, key: str, digest: Digest) -> None:
        *self.folders, self._name = check_key(key).split("/")
        self.key = key
        self._tree = tree
        self._syncs = syncs
        self._digest = digest
        self._temporary: str | None = None
        self._opened = contextlib.ExitStack()
        self._folder = self._file = -1
        self._sync: Future[None] | None = None
        self._synced = 0
        self.size = 0
        self.withdrawn = False

    def put(self, parts: Parts) -> None:
        """Write the next bytes to the temporary file, and hash them."""
        with translated(self.key):
            if self._temporary is None:
                self._create()
            for part in parts:
                _hash(self._digest, part)
            self.size += _write_all(self._file, parts)
            if self.size - self._synced >= STEP_BYTES and (self._sync is None or self._sync.done()):
                self._end_sync()
                self._begin_sync()

    def finish(self, parts: Parts) -> None:
        """Write the last bytes, and make the file the object: from the rename on it is visible, from the end on durable."""
        self.put(parts)
        self.publish()
        with translated(self.key):
            os.fsync(self._folder)
        self.close()

    def open_in(self, folder: int) -> None:
        """Begin in the object's folder, which the caller has opened and keeps open until `close` or `discard`.

        Raises FileNotFoundError when it was pruned meanwhile.
        """
        self._folder = folder
        self._file, self._temporary = self._create_in_free_slot()
        self._opened.callback(os.close, self._file)

    def publish(self) -> None:
        """Sync what was written, and give it its name. That is durable once the folder is synced, too."""
        with translated(self.key):
            self._end_sync()
            os.fsync(self._file)
            # A `remove` of this key may have taken the temporary file; its name may then be another writer's.
            if self.withdrawn or not os.fstat(self._file).st_nlink:
                raise Unavailable(Reason.INTERRUPTED, self.key)
            os.rename(self._temporary or "", self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._temporary = None

    def close(self) -> None:
        """Close what is open. The object stays."""
        self._opened.close()

    def discard(self) -> None:
        """Remove the temporary file and close everything. A file that cannot be removed is left for `remove`."""
        with self._opened, contextlib.suppress(OSError):
            with contextlib.suppress(OSError):
                self._end_sync()
            if self._temporary is not None and os.fstat(self._file).st_nlink:
                os.unlink(self._temporary, dir_fd=self._folder)
            self._temporary = None

    def _begin_sync(self) -> None:
        self._sync = self._syncs.begin(self._file)
        if self._sync is not None:
            self._synced = self.size

    def _end_sync(self) -> None:
        # One that waits for a thread is dropped: the caller may have the last one.
        sync, self._sync = self._sync, None
        if sync is not None and not sync.cancel():
            sync.result()

    def _create(self) -> None:
        for _ in range(_ATTEMPTS):
            try:
                with contextlib.ExitStack() as opened:
                    self.open_in(opened.enter_context(self._tree.folder(self.folders, make=True)))
                    self._opened.push(opened.pop_all())
                    return
            except FileNotFoundError:
                continue
        raise Unavailable(Reason.FAILED, self.key)

    def _create_in_free_slot(self) -> tuple[int, str]:
        for temporary in temporary_names(self._name):
            with contextlib.suppress(FileExistsError):
                return os.open(temporary, _CREATE, 0o640, dir_fd=self._folder), temporary
        raise Unavailable(Reason.BUSY, self.key)


class FileReader:
    """One read of the bytes [start, end). Its methods are called one after the other."""

    def __init__(self, tree: Tree, key: str, start: int, end: int | None) -> None:
        self._tree = tree
        self._key = check_key(key)
        self._start = start
        self._end = end
        self._position = self._stop = 0
        self._opened = contextlib.ExitStack()
        self._file = -1
        self.finished = False

    def begin(self) -> bytes:
        """Open the object and read the first piece; raises `ObjectNotFound` and `InvalidRange`."""
        with contextlib.ExitStack() as opened, translated(self._key):
            self._file, facts = opened.enter_context(_open_object(self._tree, self._key))
            self._position, self._stop = resolve_range(self._key, facts.st_size, self._start, self._end)
            self._opened = opened.pop_all()
        return self.proceed()

    def proceed(self) -> bytes:
        """The next piece; with the last one everything is closed and `finished` is true."""
        length = min(BATCH_BYTES, self._stop - self._position)
        with translated(self._key):
            piece = os.pread(self._file, length, self._position)
        if length and not piece:
            raise IntegrityFailed(self._key)
        self._position += len(piece)
        if self._position == self._stop:
            self.close()
        return piece

    def close(self) -> None:
        """Close the object, wherever the reading stands."""
        self._opened.close()
        self.finished = True


def stat_object(tree: Tree, key: str) -> ObjectInfo:
    """What the disk knows of an object; raises `ObjectNotFound`."""
    with translated(key), _open_object(tree, key) as (_, facts):
        return info_of(key, facts)


def info_of(key: str, facts: os.stat_result) -> ObjectInfo:
    """A file's facts as an object's."""
    return ObjectInfo(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))


def remove_objects(tree: Tree, keys: Sequence[str]) -> dict[str, StorageError]:
    """Remove the objects of one folder, with their temporary files and for good. Returns the failures by key."""
    folders = keys[0].split("/")[:-1]
    try:
        with translated():
            failures = _remove_from_folder(tree, folders, keys)
    except StorageError as error:
        return dict.fromkeys(keys, error)
    tree.prune(folders)
    return failures


def temporary_names(name: str) -> list[str]:
    """What the temporary files of an object may be called. No key has such a name."""
    return [f".{name}.{slot}{_TEMPORARY}" for slot in range(SLOTS)]


@contextlib.contextmanager
def _open_object(tree: Tree, key: str) -> Iterator[tuple[int, os.stat_result]]:
    *folders, name = key.split("/")
    try:
        with tree.folder(folders) as folder:
            file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError as error:
        raise ObjectNotFound(key) from error
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise ObjectNotFound(key)
        yield file, facts
    finally:
        os.close(file)


def _remove_from_folder(tree: Tree, folders: Sequence[str], keys: Sequence[str]) -> dict[str, StorageError]:
    failures: dict[str, StorageError] = {}
    # Without the folder there is nothing to remove; the root itself was found, or there would be another error.
    with contextlib.suppress(FileNotFoundError), tree.folder(folders) as folder:
        temporaries = _temporaries_of(folder, entries=_ENTRIES_PER_OBJECT * len(keys))
        for key in keys:
            try:
                _remove_object(folder, key.rpartition("/")[2], temporaries)
            except OSError as error:
                failures[key] = translate(error, key)
        # Also when nothing was there: an earlier try may have removed the object and failed here.
        os.fsync(folder)
    return failures


def _remove_object(folder: int, name: str, temporaries: set[str] | None) -> None:
    """`temporaries` are the folder's temporary files, or None when they are not known."""
    own = temporary_names(name)
    for victim in (name, *(own if temporaries is None else temporaries & set(own))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(victim, dir_fd=folder)


def _temporaries_of(folder: int, *, entries: int) -> set[str] | None:
    """The names of a folder's temporary files; None when it has more than so many entries, or cannot be listed."""
    found = set()
    with contextlib.suppress(OSError), os.scandir(folder) as listing:
        for count, entry in enumerate(listing, start=1):
            if count > entries:
                return None
            if entry.name.endswith(_TEMPORARY):
                found.add(entry.name)
        return found
    return None


def _hash(digest: Digest, part: bytes | bytearray | memoryview) -> None:
    if len(part) > _SMALL_CHUNK:
        digest.update(part)
        return
    with memoryview(part) as whole:
        for start in range(0, len(part), _HASHED_AT_ONCE):
            digest.update(whole[start : start + _HASHED_AT_ONCE])


def _write_all(file: int, parts: Parts) -> int:
    total = 0
    left: list[bytes | bytearray | memoryview] = list(parts)
    while left:
        written = os.writev(file, left[:_MAX_PARTS_PER_CALL])
        total += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = memoryview(left[0])[written:]
    return total
