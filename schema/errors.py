"""From what went wrong to what a client is told: one table, domain error → message and extensions.

Every class of `app/errors.py` has its row (a test holds that); an error that is no domain error becomes
INTERNAL_SERVER_ERROR with the request's id and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app import errors

E = TypeVar("E", bound=errors.SatchelError)

INTERNAL = errors.SatchelError.code


@dataclass(frozen=True, slots=True)
class Told:
    """What a client is told: a sentence for a person, the code for a program, and the figures."""

    code: str
    message: str
    details: Mapping[str, Any]

    @property
    def extensions(self) -> dict[str, Any]:
        """As GraphQL's `extensions`."""
        return {"code": self.code, **self.details}


@dataclass(frozen=True, slots=True)
class _Row:
    message: Callable[[Any], str]
    details: Callable[[Any], dict[str, Any]]


def _row(
    _kind: type[E], message: Callable[[E], str], details: Callable[[E], dict[str, Any]] = lambda _error: {}
) -> _Row:
    """One row of the table, checked against its error's class."""
    return _Row(message, details)


def human_bytes(size: int) -> str:
    """A size for a sentence: 10 MiB, 1.5 GiB, 512 bytes."""
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


_UNAUTHENTICATED = {
    "missing": "This needs a valid token in the Authorization header: log in first.",
    "expired": "The token has expired: log in again.",
    "invalid": "The token is not valid: log in again.",
    "credentials": "The e-mail address or the password is wrong.",
    "unavailable": "The identity provider does not answer, so the token cannot be checked: try again in a minute.",
}


def _too_large(error: errors.FileTooLarge) -> str:
    size = "The file size" if error.size_bytes is None else f"The file size of {human_bytes(error.size_bytes)}"
    return f"{size} exceeds limit of {human_bytes(error.max_file_size_bytes)} per file."


def _over_quota(error: errors.QuotaExceeded) -> str:
    if error.used_bytes + error.requested_bytes > error.quota_bytes:
        return (
            f"The storage quota has no room for {human_bytes(error.requested_bytes)} more:"
            f" {human_bytes(error.used_bytes)} of {human_bytes(error.quota_bytes)} are in use."
        )
    return f"The trash holds {human_bytes(error.trash_bytes)}, too much for another upload: empty it first."


def _unsupported(error: errors.UnsupportedMediaType) -> str:
    if error.allowed:
        return f"Files of type {error.mime_type} are not accepted here."
    return "Executable files and scripts are not accepted."


TABLE: Mapping[type[errors.SatchelError], _Row] = {
    errors.Unauthenticated: _row(
        errors.Unauthenticated,
        lambda error: _UNAUTHENTICATED.get(error.reason, _UNAUTHENTICATED["invalid"]),
        lambda error: {"reason": error.reason},
    ),
    errors.Forbidden: _row(errors.Forbidden, lambda error: error.problem or "You may not do this."),
    errors.NotFound: _row(errors.NotFound, lambda error: f"There is no such {error.kind.lower()} for you."),
    errors.SignedUrlInvalid: _row(
        errors.SignedUrlInvalid, lambda _error: "This URL was not issued here, or was changed: ask for a new one."
    ),
    errors.SignedUrlExpired: _row(errors.SignedUrlExpired, lambda _error: "This URL has expired: ask for a new one."),
    errors.BadUserInput: _row(
        errors.BadUserInput,
        lambda error: error.problem,
        lambda error: {} if error.field is None else {"field": error.field},
    ),
    errors.Conflict: _row(errors.Conflict, lambda error: error.problem),
    errors.QuotaExceeded: _row(
        errors.QuotaExceeded,
        _over_quota,
        lambda error: {
            "usedBytes": error.used_bytes,
            "trashBytes": error.trash_bytes,
            "quotaBytes": error.quota_bytes,
            "requestedBytes": error.requested_bytes,
            "source": str(error.source),
        },
    ),
    errors.FileTooLarge: _row(
        errors.FileTooLarge,
        _too_large,
        lambda error: {
            "sizeBytes": error.size_bytes,
            "maxFileSizeBytes": error.max_file_size_bytes,
            "source": str(error.source),
        },
    ),
    errors.UnsupportedMediaType: _row(
        errors.UnsupportedMediaType,
        _unsupported,
        lambda error: {"mimeType": error.mime_type, "allowed": list(error.allowed)},
    ),
    errors.AttachmentLimit: _row(
        errors.AttachmentLimit,
        lambda error: f"An assignment holds at most {error.limit} attachments, those in the trash included.",
        lambda error: {"count": error.count, "limit": error.limit},
    ),
    errors.ChecksumMismatch: _row(
        errors.ChecksumMismatch,
        lambda _error: "The bytes that arrived do not have the SHA-256 that was announced.",
        lambda error: {"expected": error.expected, "actual": error.actual},
    ),
    errors.StorageUnavailable: _row(
        errors.StorageUnavailable, lambda _error: "The file store cannot be used at the moment: try again later."
    ),
    errors.PayloadTooLarge: _row(
        errors.PayloadTooLarge,
        lambda error: f"The request is larger than {human_bytes(error.limit_bytes)}.",
        lambda error: {"limitBytes": error.limit_bytes},
    ),
    errors.RateLimited: _row(
        errors.RateLimited,
        lambda error: error.problem or f"Too many requests: try again in {error.retry_after_seconds} seconds.",
        lambda error: {"retryAfterSeconds": error.retry_after_seconds},
    ),
    errors.QueryTooComplex: _row(
        errors.QueryTooComplex,
        lambda error: error.problem,
        lambda error: {"bound": error.bound, "limit": error.limit},
    ),
    errors.CursorExpired: _row(
        errors.CursorExpired,
        lambda _error: (
            "What came after this cursor is not kept any more: read the present state, and go on from there."
        ),
    ),
    errors.SlowConsumer: _row(
        errors.SlowConsumer,
        lambda _error: "The events came faster than they were read: subscribe again, after the cursor if there is one.",
        lambda error: {"cursor": error.cursor},
    ),
    # Word for word as Apollo Server says it: its clients look at the message too.
    errors.PersistedQueryNotFound: _row(errors.PersistedQueryNotFound, lambda _error: "PersistedQueryNotFound"),
    errors.PersistedQueryNotSupported: _row(
        errors.PersistedQueryNotSupported, lambda _error: "PersistedQueryNotSupported"
    ),
}


def tell(error: BaseException, request_id: str) -> Told:
    """What a client is told of any exception; of an unexpected one nothing but that it happened."""
    for kind in type(error).__mro__:
        if kind in TABLE and isinstance(error, errors.SatchelError):
            row = TABLE[kind]
            return Told(error.code, row.message(error), row.details(error))
    return Told(INTERNAL, "Something went wrong on our side.", {"requestId": request_id})
