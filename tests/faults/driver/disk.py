"""Disks that are soon full: a small file system in memory, where this process may mount one; else a limit on each file.

Mounts belong to the driver alone and are gone with it, whatever ends it: it has a view of the file systems of its own.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
_MNT_DETACH = 2
_NONE = b"none"


def leave_the_common_view() -> bool:
    """Have mounts of one's own. Whether that is permitted. To be called before there are threads."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        return False
    return bool(libc.mount(_NONE, b"/", _NONE, _MS_REC | _MS_PRIVATE, None) == 0)


@contextmanager
def small_disk(folder: Path, size: int, *, mounted: bool) -> Iterator[dict[str, str]]:
    """A folder for so many bytes; what the processes must be told in their environment for it to be small."""
    folder.mkdir()
    if not mounted:
        yield {"FAULTS_FILE_BYTES": str(size // 4)}
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), "a file system in memory could not be mounted")
    try:
        yield {}
    finally:
        libc.umount2(os.fsencode(folder), _MNT_DETACH)
