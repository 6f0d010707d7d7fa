"""What the operating system says, in the words of `app.storage.errors`."""

import contextlib
import errno
from collections.abc import Iterator

from app.storage.errors import Denied, Reason, StorageError, Unavailable

# EFBIG is a file-size limit of the process or of the file system: for the caller the same as a full disk.
_REASONS = {
    errno.ENOSPC: Reason.FULL,
    errno.EDQUOT: Reason.FULL,
    errno.EFBIG: Reason.FULL,
    errno.EROFS: Reason.READ_ONLY,
}
# ELOOP is what opening a symbolic link without following it gives.
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP})


def translate(error: OSError, key: str | None = None) -> StorageError:
    """The storage error for an error of the operating system, with the original as its cause.

    What is not known by its number is `Unavailable` too: a disk that answers oddly must never pass for one on which an
    object is missing.
    """
    if error.errno in _DENIED:
        outcome: StorageError = Denied(key)
    else:
        outcome = Unavailable(_REASONS.get(error.errno or 0, Reason.FAILED), key)
    outcome.__cause__ = error
    return outcome


@contextlib.contextmanager
def translated(key: str | None = None) -> Iterator[None]:
    """Whatever `OSError` leaves the block becomes a `StorageError`, with the original as its cause."""
    try:
        yield
    except OSError as error:
        raise translate(error, key) from error
