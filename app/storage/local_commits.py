"""Small objects of one folder, committed together.

An object that arrives within one batch needs little work and much waiting: its folder is opened, two syncs wait for the disk, and
each of a dozen calls into the system costs the thread its turn in the interpreter, which on a busy server takes longer than the
call. So objects that come while the threads are at work wait, and the thread that is free next commits those that have gathered,
with one opening and one sync of the folder for all of them. Databases do so with transactions, and call it group commit.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import islice, takewhile

from app.storage.backend import Parts
from app.storage.errors import Reason, StorageError, Unavailable
from app.storage.local_errors import translated
from app.storage.local_files import FileWriter
from app.storage.local_tree import Tree
from app.storage.threads import Threads

# Threads that commit at once: while one waits for the disk, another one writes.
_CREWS = 2
# Objects in one group. None is reported before all of them are synced: what more would gain is lost by waiting for it.
_GROUP = 8


class _Entry:
    """One object on its way. `done` ends when nobody works on it any more."""

    def __init__(self, writer: FileWriter, parts: Parts) -> None:
        self.writer = writer
        self.parts = parts
        self.done: Future[None] = Future()
        self.error: BaseException | None = None

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """What goes wrong in here is this object's failure and nobody else's: nothing of it is left."""
        try:
            with translated(self.writer.key):
                yield
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for this object
            self.error = error
            self.writer.discard()

    def settle(self) -> None:
        if self.error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(self.error)


class GroupCommits:
    """Those of one store."""

    def __init__(self, threads: Threads, tree: Tree) -> None:
        self._threads = threads
        self._tree = tree
        self._moving = threading.Lock()  # held for a few instructions: whatever is below belongs to all threads
        self._waiting: deque[_Entry] = deque()
        self._crews = 0

    def begin(self, writer: FileWriter, parts: Parts) -> Future[None]:
        """Have a whole object written and made durable, as by `FileWriter.finish`. The future fails with `Unavailable` once the pool
        is closed. One that is cancelled before its turn has come is dropped.
        """
        entry = _Entry(writer, parts)
        with self._moving:
            self._waiting.append(entry)
            wanted = self._crews < _CREWS
            self._crews += wanted
        if wanted:
            self._call_crew()
        return entry.done

    def _call_crew(self) -> None:
        try:
            crew = self._threads.submit(self._work)
        except Unavailable:
            self._crew_is_gone()
            return
        crew.add_done_callback(lambda crew: self._crew_is_gone() if crew.cancelled() else None)

    def _crew_is_gone(self) -> None:
        """Because the pool was closed before it came to work. Nobody is left waiting for the last one."""
        left: list[_Entry] = []
        with self._moving:
            self._crews -= 1
            if not self._crews:
                left.extend(self._waiting)
                self._waiting.clear()
        for entry in _still_wanted(left):
            entry.error = Unavailable(Reason.CLOSED, entry.writer.key)
            entry.settle()

    def _work(self) -> None:
        while group := self._next_group():
            self._commit(_still_wanted(group))

    def _next_group(self) -> list[_Entry]:
        """Those that have waited longest and are of one folder. When there is none the crew has gone home."""
        with self._moving:
            if not self._waiting:
                self._crews -= 1
                return []
            folders = self._waiting[0].writer.folders
            group = list(takewhile(lambda entry: entry.writer.folders == folders, islice(self._waiting, _GROUP)))
            for _ in group:
                self._waiting.popleft()
            return group

    def _commit(self, group: Sequence[_Entry]) -> None:
        if not group:
            return
        try:
            homeless: Sequence[_Entry] = group
            # What is wrong with the folder is met again below, by each of them for itself.
            with (
                contextlib.suppress(OSError, StorageError),
                self._tree.folder(group[0].writer.folders, make=True) as folder,
            ):
                homeless = _commit_in(folder, group)
            for entry in homeless:
                with entry.attempt():
                    entry.writer.finish(entry.parts)
        finally:
            for entry in group:
                entry.settle()


def _commit_in(folder: int, group: Sequence[_Entry]) -> Sequence[_Entry]:
    """Commit them in their folder, which is open. Returns those that have not begun, because it was pruned in this moment."""
    begun, homeless = [], []
    for entry in group:
        with entry.attempt():
            try:
                entry.writer.open_in(folder)
            except FileNotFoundError:
                homeless.append(entry)
            else:
                begun.append(entry)
                entry.writer.put(entry.parts)
    for entry in _sound(begun):
        with entry.attempt():
            entry.writer.publish()
    if published := _sound(begun):
        lost = _sync(folder)
        for entry in published:
            with entry.attempt():
                if lost is not None:
                    raise lost
                entry.writer.close()
    return homeless


def _still_wanted(entries: Sequence[_Entry]) -> list[_Entry]:
    """Those whose caller has not gone. From here on they cannot be cancelled."""
    return [entry for entry in entries if entry.done.set_running_or_notify_cancel()]


def _sound(entries: Sequence[_Entry]) -> list[_Entry]:
    return [entry for entry in entries if entry.error is None]


def _sync(folder: int) -> OSError | None:
    """Why the names in a folder may not be durable; None when they are."""
    try:
        os.fsync(folder)
    except OSError as error:
        return error
    return None
