"""What can go wrong below the storage seam, as classes with a stable code and typed data. Text is made at the edge.

StorageError
├── ObjectNotFound       there is no object of this key
├── InvalidKey           not a key (R12); nothing was touched
├── InvalidRange         the range lies outside the object
├── IntegrityFailed      the store and what is known of it do not agree
├── Denied               the store refuses these credentials, or a link leads out of it
├── Unavailable          the store cannot do it now                 retryable, the only one that is
└── InvalidUrl           a signed URL that nobody here has signed
    └── ExpiredUrl       one that was signed here, but for a time that is over

The vendor's error is chained as the cause. It may name paths and hosts: it is for the log, never for a client (R13).
"""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a store is unavailable. The words are fixed, so that `/readyz` may show them: no path, host or key is in them."""

    FULL = "no space left"
    READ_ONLY = "read-only"
    ROOT_MISSING = "the root is missing"
    NOT_WRITABLE = "not writable"
    FAILED = "the store failed"
    UNREACHABLE = "not reachable"
    TIMED_OUT = "timed out"
    DENIED = "access denied"
    INTERRUPTED = "deleted while it was written"
    BUSY = "too many writes to one key at once"
    IDENTITY_MISSING = "the store carries no identity, but is known to have one"
    IDENTITY_WRONG = "the store carries another identity than the one that is known"
    IDENTITY_UNREADABLE = "the identity in the store makes no sense"
    IDENTITY_TAKEN = "another location is this very store"
    NOT_CONFIGURED = "no such location is configured"
    NOT_OPENED = "not opened yet"
    CLOSED = "closed"


class StorageError(Exception):
    """The root. `Storage` fills in `location` and `operation` when one passes; a backend knows neither."""

    code: ClassVar[str] = "STORAGE_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, key: str | None = None) -> None:
        super().__init__(key)
        self.key = key
        self.location: str | None = None
        self.operation: str | None = None

    def __str__(self) -> str:
        """For the log: every fact that is known, by its name."""
        facts = {"location": self.location, "operation": self.operation, "key": self.key}
        return " ".join([self.code, *(f"{name}={value}" for name, value in facts.items() if value is not None)])


class ObjectNotFound(StorageError):
    """There is no object of this key."""

    code = "OBJECT_NOT_FOUND"


class InvalidKey(StorageError):
    """The text is not a storage key (R12). Nothing was read or written."""

    code = "INVALID_KEY"


class InvalidRange(StorageError):
    """`start` and `end` (bytes, half-open) select nothing in an object of `size` bytes."""

    code = "INVALID_RANGE"

    def __init__(self, key: str | None, *, start: int, end: int | None, size: int) -> None:
        super().__init__(key)
        self.start = start
        self.end = end
        self.size = size


class IntegrityFailed(StorageError):
    """What the store holds, or says it holds, is not what was sent."""

    code = "INTEGRITY_FAILED"


class Denied(StorageError):
    """The store refuses: permissions, credentials, or a symbolic link where a folder or an object should be."""

    code = "DENIED"


class Unavailable(StorageError):
    """The store cannot do it now; the same call may succeed later. After a write the outcome is unknown, not no."""

    code = "UNAVAILABLE"
    retryable = True

    def __init__(self, reason: Reason = Reason.FAILED, key: str | None = None) -> None:
        super().__init__(key)
        self.reason = reason

    def __str__(self) -> str:
        """As for every storage error, and the reason in its fixed words."""
        return f"{super().__str__()} reason={self.reason.value!r}"


class InvalidUrl(StorageError):
    """A signed URL that was not signed here, or not in this form: forged, cut short or changed."""

    code = "INVALID_URL"


class ExpiredUrl(InvalidUrl):
    """A signed URL of ours whose time is over."""

    code = "EXPIRED_URL"
