"""The domain's rows. This package knows nothing of the rest of the product."""

from app.models.files import (
    Attachment,
    AttachmentKind,
    EntityType,
    File,
    FileStatus,
    StorageLocation,
)
from app.models.limits import LimitChange, RoleLimit, UserLimit, UserStorage
from app.models.operations import (
    Alert,
    AlertDelivery,
    AlertSeverity,
    JobName,
    JobRun,
    JobStatus,
)
from app.models.people import (
    Assignment,
    Class,
    ClassMember,
    ClassRole,
    Group,
    GroupType,
    MemberRole,
    Membership,
    User,
)

__all__ = [
    "Alert",
    "AlertDelivery",
    "AlertSeverity",
    "Assignment",
    "Attachment",
    "AttachmentKind",
    "Class",
    "ClassMember",
    "ClassRole",
    "EntityType",
    "File",
    "FileStatus",
    "Group",
    "GroupType",
    "JobName",
    "JobRun",
    "JobStatus",
    "LimitChange",
    "MemberRole",
    "Membership",
    "RoleLimit",
    "StorageLocation",
    "User",
    "UserLimit",
    "UserStorage",
]
