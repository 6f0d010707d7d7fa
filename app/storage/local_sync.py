"""Syncing a large file while more of it comes in.

A disk has a cache of its own, and a sync waits until everything in it is on the medium. With one sync at the very end all of that
is left for last: of the four seconds that a gigabyte took, more than one, in which nobody did anything else. So whoever writes a
large file has the beginning synced beside the writing, and the sync at the end, which is the one that counts, finds little to do.
"""

import os
import threading
from concurrent.futures import Future

from app.storage.errors import Unavailable
from app.storage.threads import Threads

# A file that has so many bytes more than at its last sync is worth another one. Smaller steps leave less to the end, and each
# costs the filesystem an entry in its journal.
STEP_BYTES = 16 * 1024 * 1024


class SyncsAhead:
    """Those of one store. One at a time, whichever file it is for: a second one would wait for the same disk, and keep a thread
    from work.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._under_way = threading.Lock()

    def begin(self, file: int) -> Future[None] | None:
        """Have what was written of a file synced in another thread; None when that must wait, for another one or for good.

        The file is open for as long as the future is not done. What goes wrong is told by the future, and by it alone: a system
        may tell of a lost write once, and the next sync succeeds.
        """
        if not self._under_way.acquire(blocking=False):
            return None
        try:
            future = self._threads.submit(lambda: sync(file))
        except Unavailable:  # the pool is closed
            self._under_way.release()
            return None
        future.add_done_callback(lambda _: self._under_way.release())
        return future


def sync(file: int) -> None:
    """Wait until everything that was written of a file is on the medium. Raises OSError for what could not be kept."""
    os.fsync(file)
