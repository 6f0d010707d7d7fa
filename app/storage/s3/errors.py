"""What an S3 store and the way to it say, in the words of `app.storage.errors`."""

import contextlib
import re
from collections.abc import Iterator

import aiohttp
from botocore import exceptions as boto

from app.storage.errors import Denied, IntegrityFailed, ObjectNotFound, Reason, StorageError, Unavailable

# What is worth asking again at once: the store, or something on the way to it, was busy or is being restarted.
PASSING_STATUSES = frozenset({429, 500, 502, 503, 504})

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,100})</Code>")
_DAMAGED = frozenset({"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})
_REASONS = {
    "NoSuchBucket": Reason.ROOT_MISSING,
    # Aborted by a `delete` of its key, or by the store's own housekeeping.
    "NoSuchUpload": Reason.INTERRUPTED,
    "InsufficientCapacity": Reason.FULL,
    "QuotaExceeded": Reason.FULL,
    "XMinioStorageFull": Reason.FULL,
}
_TIME_OUTS = (TimeoutError, boto.ConnectTimeoutError, boto.ReadTimeoutError)
_CONNECTION_ERRORS = (aiohttp.ClientConnectionError, boto.ConnectionError, boto.HTTPClientError, OSError)
_VENDOR_ERRORS = (aiohttp.ClientError, boto.BotoCoreError, boto.ClientError, OSError, TimeoutError)


class S3Refused(Exception):
    """An answer of the store that is not a success: its HTTP status and, where the body has one, S3's error code."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(f"HTTP {status} {code}".rstrip())
        self.status = status
        self.code = code

    @classmethod
    def from_body(cls, status: int, body: bytes) -> "S3Refused":
        """The refusal in an error document. The code is all that is taken from it, so nothing in it can do harm."""
        found = _CODE.search(body.decode("utf-8", "replace"))
        return cls(status, found[1] if found else "")

    @classmethod
    def from_client(cls, error: boto.ClientError) -> "S3Refused":
        """The same for an error of the vendor's client."""
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return cls(status, error.response.get("Error", {}).get("Code", ""))


def meaning_of(refusal: S3Refused, key: str | None = None) -> StorageError:
    """What a refusal means. What is not known is `Unavailable`: it must never pass for an object that is missing.

    Refusals of a HEAD have no code but their status: a 404 is then taken for the object's, and the caller must look for the
    bucket.
    """
    if refusal.code in _DAMAGED:
        return IntegrityFailed(key)
    if refusal.code in _REASONS:
        return Unavailable(_REASONS[refusal.code], key)
    if refusal.status == 404 and refusal.code in {"404", "NoSuchKey", "NotFound"}:
        return ObjectNotFound(key)
    if refusal.status in {401, 403}:
        return Denied(key)
    return Unavailable(Reason.FULL if refusal.status == 507 else Reason.FAILED, key)


def translate(error: Exception, key: str | None = None) -> StorageError:
    """The storage error for whatever a client of the store raised, with the original as its cause."""
    if isinstance(error, boto.ClientError):
        outcome = meaning_of(S3Refused.from_client(error), key)
    elif isinstance(error, S3Refused):
        outcome = meaning_of(error, key)
    elif isinstance(error, _TIME_OUTS):
        outcome = Unavailable(Reason.TIMED_OUT, key)
    elif isinstance(error, _CONNECTION_ERRORS):
        outcome = Unavailable(Reason.UNREACHABLE, key)
    else:
        outcome = Unavailable(Reason.FAILED, key)
    outcome.__cause__ = error
    return outcome


@contextlib.contextmanager
def translated(key: str | None = None) -> Iterator[None]:
    """Whatever the clients raise inside becomes a `StorageError`. Nothing of the caller's own may run inside."""
    try:
        yield
    except (S3Refused, *_VENDOR_ERRORS) as error:
        raise translate(error, key) from error
