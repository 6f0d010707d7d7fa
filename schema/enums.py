"""The enums of the contract: those of the models under their own names, each value with its description.

GraphQL shows the members' names (JobName's values are the lower-case names of the command line).
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from app.models import (
    AlertSeverity,
    AttachmentKind,
    ClassRole,
    EntityType,
    FileStatus,
    GroupType,
    JobName,
    JobStatus,
    MemberRole,
)
from app.services.directory_pages import UserOrder
from app.services.file_list import FileOrder, FileScope
from app.services.limits import LimitSource

E = TypeVar("E", bound=Enum)


def publish(enum: type[E], description: str, values: Mapping[E, str]) -> None:
    """Show `enum` in GraphQL. The models know nothing of GraphQL, so the descriptions are put on from here.

    Raises KeyError when a member has no description.
    """
    strawberry.enum(enum, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry.enum
    for value in definition.values:
        value.description = values[enum[value.name]]


class Disposition(StrEnum):
    """What a browser is asked to do with a download."""

    ATTACHMENT = "ATTACHMENT"
    INLINE = "INLINE"


class FileEventType(StrEnum):
    """What can happen to a file, by the names of the bus."""

    UPLOADED = "file.uploaded"
    DELETED = "file.deleted"
    RESTORED = "file.restored"
    RENAMED = "file.renamed"
    PURGED = "file.purged"
    QUOTA_EXCEEDED = "quota.exceeded"


class ErrorCode(StrEnum):
    """Every value of `extensions.code`: those of `app.errors`, of the GraphQL layer and of the routes below it."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CONFLICT = "CONFLICT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    ATTACHMENT_LIMIT = "ATTACHMENT_LIMIT"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    SIGNED_URL_INVALID = "SIGNED_URL_INVALID"
    SIGNED_URL_EXPIRED = "SIGNED_URL_EXPIRED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


publish(
    GroupType,
    "The levels of the tree of groups, from the root down.",
    {
        GroupType.DISTRICT: "The root of a tree.",
        GroupType.SCHOOL: "A school of a district.",
        GroupType.DEPARTMENT: "A department of a school.",
    },
)
publish(
    MemberRole,
    "The one role that a user has in a group.",
    {
        MemberRole.GROUP_ADMIN: "Administers the group and everything below it.",
        MemberRole.TEACHER: "Teaches in the group.",
        MemberRole.STUDENT: "Learns in the group.",
    },
)
publish(
    ClassRole,
    "The one role that a user has in a class.",
    {
        ClassRole.TEACHER: "Teaches the class.",
        ClassRole.STUDENT: "Learns in the class.",
    },
)
publish(
    FileStatus,
    "The life of a file.",
    {
        FileStatus.PENDING: "Its bytes are on their way in.",
        FileStatus.ACTIVE: "Whole, and there to be read.",
        FileStatus.SOFT_DELETED: "In the trash: it can be restored until a purge claims it.",
        FileStatus.PURGING: "Its bytes are being deleted for good.",
    },
)
publish(
    EntityType,
    "What a file was uploaded for.",
    {
        EntityType.AVATAR: "The picture of a user, a group or a class.",
        EntityType.ASSIGNMENT_ATTACHMENT: "Material of an assignment.",
        EntityType.SUBMISSION_FILE: "A student's work for an assignment.",
    },
)
publish(
    AttachmentKind,
    "The part that an attachment plays in its assignment.",
    {
        AttachmentKind.ATTACHMENT: "Material to work with.",
        AttachmentKind.RUBRIC: "How the work will be assessed.",
        AttachmentKind.EXAMPLE: "What good work looks like.",
    },
)
publish(
    LimitSource,
    "The tiers of limits, the weakest first.",
    {
        LimitSource.SYSTEM_DEFAULT: "Nothing else is set.",
        LimitSource.ROLE_BASED: "Earned by a role in a group.",
        LimitSource.USER_OVERRIDE: "Set for this one user.",
    },
)
publish(
    Disposition,
    "What a browser is asked to do with a download.",
    {
        Disposition.ATTACHMENT: "Save it.",
        Disposition.INLINE: "Show it, when its type is safe to show; else save it.",
    },
)
publish(
    FileEventType,
    "What can happen to a file. Clients must tolerate new ones.",
    {
        FileEventType.UPLOADED: "It has arrived whole.",
        FileEventType.DELETED: "It went to the trash.",
        FileEventType.RESTORED: "It came back from the trash.",
        FileEventType.RENAMED: "It has another name.",
        FileEventType.PURGED: "It is gone for good.",
        FileEventType.QUOTA_EXCEEDED: "An upload was refused, since it did not fit into its owner's quota.",
    },
)
publish(
    ErrorCode,
    "Every value of `extensions.code` of an error. Clients must tolerate new ones.",
    {
        ErrorCode.UNAUTHENTICATED: "No valid token came with the request. Extensions: reason.",
        ErrorCode.FORBIDDEN: "The caller may see the object, but not do this with it.",
        ErrorCode.NOT_FOUND: "There is no such object, or the caller may not know about it.",
        ErrorCode.BAD_USER_INPUT: "The input breaks a rule. Extensions: field, when one argument is to blame.",
        ErrorCode.CONFLICT: "The present state of things does not allow it.",
        ErrorCode.QUOTA_EXCEEDED: "Extensions: usedBytes, trashBytes, quotaBytes, requestedBytes, source.",
        ErrorCode.FILE_TOO_LARGE: "Extensions: sizeBytes (null while unknown), maxFileSizeBytes, source.",
        ErrorCode.UNSUPPORTED_MEDIA_TYPE: "Extensions: mimeType, allowed.",
        ErrorCode.ATTACHMENT_LIMIT: "The assignment is full. Extensions: count, limit.",
        ErrorCode.CHECKSUM_MISMATCH: "The bytes are not those that were announced. Extensions: expected, actual.",
        ErrorCode.STORAGE_UNAVAILABLE: "The file store cannot be used at the moment.",
        ErrorCode.PAYLOAD_TOO_LARGE: "The request's body is over its cap. Extensions: limitBytes.",
        ErrorCode.RATE_LIMITED: "Too many requests. Extensions: retryAfterSeconds.",
        ErrorCode.QUERY_TOO_COMPLEX: "The document costs more than one request may.",
        ErrorCode.CURSOR_EXPIRED: "A subscription's cursor is too old to replay from.",
        ErrorCode.SLOW_CONSUMER: "A subscriber did not keep up and was dropped. Extensions: cursor, to resume from.",
        ErrorCode.PERSISTED_QUERY_NOT_FOUND: "The query of this hash is not known here.",
        ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED: "Persisted queries are not supported here.",
        ErrorCode.GRAPHQL_PARSE_FAILED: "The document is not GraphQL.",
        ErrorCode.GRAPHQL_VALIDATION_FAILED: "The document does not fit the schema.",
        ErrorCode.SIGNED_URL_INVALID: "Downloads only: the URL was not issued here, or was changed.",
        ErrorCode.SIGNED_URL_EXPIRED: "Downloads only: the URL's time is over.",
        ErrorCode.METHOD_NOT_ALLOWED: "Below GraphQL only: the address does not take this HTTP method.",
        ErrorCode.INTERNAL_SERVER_ERROR: "An unexpected failure. Extensions: requestId.",
    },
)
publish(
    FileScope,
    "Whose files a list shows.",
    {
        FileScope.OWN: "The viewer's own.",
        FileScope.MANAGED: "Everything the viewer may administer: a group admin's subtrees, all for system admins.",
    },
)
publish(
    FileOrder,
    "The orders of a list of files; equals are ordered by id.",
    {
        FileOrder.CREATED_AT_DESC: "The newest first.",
        FileOrder.CREATED_AT_ASC: "The oldest first.",
        FileOrder.NAME_ASC: "By name, case-folded.",
        FileOrder.SIZE_DESC: "The largest first.",
    },
)
publish(
    UserOrder,
    "The orders of a list of users; equals are ordered by id.",
    {
        UserOrder.NAME_ASC: "By name, case-folded.",
        UserOrder.CREATED_AT_DESC: "The newest first.",
        UserOrder.USED_BYTES_DESC: "Who has stored the most first.",
    },
)
publish(
    JobName,
    "The jobs.",
    {
        JobName.ORPHANED_FILE_CLEANUP: "Deletes for good what has been in the trash for longer than it is kept.",
        JobName.QUOTA_RECONCILIATION: "Compares what users are recorded to use with their files, and corrects it.",
        JobName.EXPIRED_UPLOAD_CLEANUP: "Clears what abandoned and failed uploads left.",
    },
)
publish(
    JobStatus,
    "The life of a run of a job.",
    {
        JobStatus.QUEUED: "No worker has begun.",
        JobStatus.RUNNING: "Workers are at it, or will take it up again.",
        JobStatus.SUCCEEDED: "It came to its end. Files that could not be deleted are tried again by a later run.",
        JobStatus.FAILED: "It was given up.",
    },
)
publish(
    AlertSeverity,
    "How loudly an alert asks for a person.",
    {
        AlertSeverity.INFO: "Good to know.",
        AlertSeverity.WARNING: "Somebody should look at it.",
        AlertSeverity.CRITICAL: "Something does not work until somebody does.",
    },
)
