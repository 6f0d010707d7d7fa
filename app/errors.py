"""What can go wrong, as classes with a stable code and typed data. Text is made at the edge (`schema/errors.py`).

SatchelError
├── Unauthenticated          no valid token
├── Forbidden                may see it, may not do it
├── NotFound                 absent, or not for this caller to know about
├── SignedUrlInvalid         a signed URL that was not made here, or was changed
│   └── SignedUrlExpired     one whose time is over
├── BadUserInput             the request cannot mean anything
├── Conflict                 the request is fine, the state of things is not
├── QuotaExceeded            the owner's total would pass the quota
├── FileTooLarge             one file is over the limit for one file
├── UnsupportedMediaType     a type that is not stored here
├── AttachmentLimit          the assignment is full
├── ChecksumMismatch         the bytes are not the bytes that were announced
├── StorageUnavailable       the store cannot be reached, or refuses
├── PayloadTooLarge          a request body over its cap
├── RateLimited              too many, too fast
├── QueryTooComplex          a document that costs more than it may
├── CursorExpired            what came after a subscription's cursor is not there any more
├── SlowConsumer             a subscriber that did not keep up
├── PersistedQueryNotFound   a hash of which the document is not known
└── PersistedQueryNotSupported   a hash, where documents are asked for
"""

from typing import ClassVar


class SatchelError(Exception):
    """The root. `code` is a promise to clients and never changes; `log_level` is the level of the one line that is logged."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    log_level: ClassVar[str] = "info"


class Unauthenticated(SatchelError):
    """There is no token, or none that is valid now. `reason` is for the client: missing, expired, invalid, credentials,
    and unavailable for a token that cannot be checked now.
    """

    code = "UNAUTHENTICATED"

    def __init__(self, reason: str = "missing") -> None:
        super().__init__(reason)
        self.reason = reason


class Forbidden(SatchelError):
    """The caller may see the object but not do this with it. `problem` is a sentence, where a person can do something."""

    code = "FORBIDDEN"

    def __init__(self, problem: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem


class NotFound(SatchelError):
    """There is no such thing for this caller: absent and invisible are answered alike, so that nobody can probe."""

    code = "NOT_FOUND"

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class SignedUrlInvalid(SatchelError):
    """The URL carries no signature of ours (R4): forged, cut short or changed."""

    code = "SIGNED_URL_INVALID"


class SignedUrlExpired(SignedUrlInvalid):
    """The URL was signed here, for a time that is over. A new one can be asked for."""

    code = "SIGNED_URL_EXPIRED"


class BadUserInput(SatchelError):
    """The input breaks a rule. `problem` is a sentence that a person can act on; `field` names the argument."""

    code = "BAD_USER_INPUT"

    def __init__(self, problem: str, field: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.field = field


class Conflict(SatchelError):
    """The present state does not allow it. `problem` is a sentence that a person can act on."""

    code = "CONFLICT"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class QuotaExceeded(SatchelError):
    """The bytes do not fit (R2). All figures in bytes; `source` is the tier that set the quota."""

    code = "QUOTA_EXCEEDED"

    def __init__(
        self, *, used_bytes: int, trash_bytes: int, quota_bytes: int, requested_bytes: int, source: str
    ) -> None:
        super().__init__(used_bytes, trash_bytes, quota_bytes, requested_bytes, source)
        self.used_bytes = used_bytes
        self.trash_bytes = trash_bytes
        self.quota_bytes = quota_bytes
        self.requested_bytes = requested_bytes
        self.source = source


class FileTooLarge(SatchelError):
    """One file is over its limit (R3). Bytes; `size_bytes` is None while the whole size is unknown."""

    code = "FILE_TOO_LARGE"

    def __init__(self, *, size_bytes: int | None, max_file_size_bytes: int, source: str) -> None:
        super().__init__(size_bytes, max_file_size_bytes, source)
        self.size_bytes = size_bytes
        self.max_file_size_bytes = max_file_size_bytes
        self.source = source


class UnsupportedMediaType(SatchelError):
    """The sniffed type is not accepted. `allowed` holds the accepted types; empty when only executables are refused."""

    code = "UNSUPPORTED_MEDIA_TYPE"

    def __init__(self, *, mime_type: str, allowed: tuple[str, ...]) -> None:
        super().__init__(mime_type, allowed)
        self.mime_type = mime_type
        self.allowed = allowed


class AttachmentLimit(SatchelError):
    """The assignment holds as many attachments as it may (R20)."""

    code = "ATTACHMENT_LIMIT"

    def __init__(self, *, count: int, limit: int) -> None:
        super().__init__(count, limit)
        self.count = count
        self.limit = limit


class ChecksumMismatch(SatchelError):
    """The SHA-256 (lower-case hexadecimal) of what arrived is not the one that was announced."""

    code = "CHECKSUM_MISMATCH"

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual


class StorageUnavailable(SatchelError):
    """A storage location cannot be used now (R13). `location` is its name, never a path or an address."""

    code = "STORAGE_UNAVAILABLE"
    log_level = "error"

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class PayloadTooLarge(SatchelError):
    """A request body is over its cap, in bytes."""

    code = "PAYLOAD_TOO_LARGE"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes


class RateLimited(SatchelError):
    """Too many requests, or too much open at one time; worth trying again after so many seconds. `problem` is a sentence,
    where a person can do something.
    """

    code = "RATE_LIMITED"

    def __init__(self, retry_after_seconds: int, problem: str | None = None) -> None:
        super().__init__(retry_after_seconds, problem)
        self.retry_after_seconds = retry_after_seconds
        self.problem = problem


class QueryTooComplex(SatchelError):
    """The document costs more than one request may: over the bound of this name, which is `limit`."""

    code = "QUERY_TOO_COMPLEX"

    def __init__(self, problem: str, *, bound: str, limit: int) -> None:
        super().__init__(problem, bound, limit)
        self.problem = problem
        self.bound = bound
        self.limit = limit


class CursorExpired(SatchelError):
    """Something that came after the cursor cannot be had any more: look at the present state and subscribe without a cursor."""

    code = "CURSOR_EXPIRED"


class SlowConsumer(SatchelError):
    """The subscriber did not read what was sent, and was dropped. `cursor` is the last event that it was given, to resume
    from; None where there was none, or where events have no cursors.
    """

    code = "SLOW_CONSUMER"

    def __init__(self, cursor: str | None) -> None:
        super().__init__(cursor)
        self.cursor = cursor


class PersistedQueryNotFound(SatchelError):
    """The hash is of no known document: the client is to send it once. Apollo's clients know the code and the message."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class PersistedQueryNotSupported(SatchelError):
    """Hashes are not taken here: the client is to send documents."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
