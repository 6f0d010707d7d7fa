"""Rows for tests (R41): plain functions that make a valid row with sensible defaults, any field of which can be given.

They write through the models, so the current task must be bound to a database. `make_file` keeps the ledger right.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from tortoise.expressions import F
from tortoise.transactions import in_transaction

from app.models import (
    Assignment,
    Attachment,
    AttachmentKind,
    Class,
    ClassMember,
    ClassRole,
    File,
    FileStatus,
    Group,
    GroupType,
    MemberRole,
    Membership,
    RoleLimit,
    StorageLocation,
    User,
    UserLimit,
    UserStorage,
)
from app.services.names import fold_name
from app.storage.keys import make_key
from app.storage.storage import Storage

_CHILD_TYPE = {GroupType.DISTRICT: GroupType.SCHOOL, GroupType.SCHOOL: GroupType.DEPARTMENT}


async def make_user(*, created_at: datetime | None = None, **fields: Any) -> User:
    """An active user without a password. The e-mail is unique unless given."""
    unique = uuid4().hex[:12]
    moment = created_at or datetime.now(UTC)
    values: dict[str, Any] = {
        "email": f"user-{unique}@example.org",
        "name": f"User {unique}",
        "created_at": moment,
        "updated_at": moment,
    }
    return await User.create(**(values | fields))


async def make_group(parent: Group | None = None, **fields: Any) -> Group:
    """A district, or below a parent the next level down."""
    unique = uuid4().hex[:12]
    moment = datetime.now(UTC)
    values: dict[str, Any] = {
        "name": f"Group {unique}",
        "slug": f"group-{unique}",
        "type": _CHILD_TYPE.get(parent.type, GroupType.DEPARTMENT) if parent else GroupType.DISTRICT,
        "parent": parent,
        "created_at": moment,
        "updated_at": moment,
    }
    return await Group.create(**(values | fields))


async def make_membership(user: User, group: Group, role: MemberRole = MemberRole.STUDENT, **fields: Any) -> Membership:
    """The user's place in the group."""
    values: dict[str, Any] = {"user": user, "group": group, "role": role, "created_at": datetime.now(UTC)}
    return await Membership.create(**(values | fields))


async def make_class(group: Group | None = None, **fields: Any) -> Class:
    """A class of the group, else of a new school in a new district."""
    moment = datetime.now(UTC)
    home = group or await make_group(await make_group())
    values: dict[str, Any] = {
        "name": f"Class {uuid4().hex[:12]}",
        "group": home,
        "created_at": moment,
        "updated_at": moment,
    }
    return await Class.create(**(values | fields))


async def make_class_member(
    user: User, school_class: Class, role: ClassRole = ClassRole.STUDENT, **fields: Any
) -> ClassMember:
    """The user's place in the class."""
    values: dict[str, Any] = {"user": user, "school_class": school_class, "role": role, "created_at": datetime.now(UTC)}
    return await ClassMember.create(**(values | fields))


async def make_assignment(school_class: Class | None = None, **fields: Any) -> Assignment:
    """An assignment of the class, else of a new one, set by nobody in particular."""
    moment = datetime.now(UTC)
    values: dict[str, Any] = {
        "title": f"Assignment {uuid4().hex[:12]}",
        "school_class": school_class or await make_class(),
        "created_at": moment,
        "updated_at": moment,
    }
    return await Assignment.create(**(values | fields))


async def make_attachment(
    assignment: Assignment, file: File, kind: AttachmentKind = AttachmentKind.ATTACHMENT, **fields: Any
) -> Attachment:
    """The file's place in the assignment."""
    values: dict[str, Any] = {"assignment": assignment, "file": file, "kind": kind, "created_at": datetime.now(UTC)}
    return await Attachment.create(**(values | fields))


async def make_role_limit(
    group: Group, role: MemberRole, *, max_file_size_bytes: int | None = None, storage_quota_bytes: int | None = None
) -> RoleLimit:
    """What the role earns in the group and below it. Bytes."""
    return await RoleLimit.create(
        group=group,
        role=role,
        max_file_size_bytes=max_file_size_bytes,
        storage_quota_bytes=storage_quota_bytes,
        updated_at=datetime.now(UTC),
    )


async def make_user_limit(
    user: User, *, max_file_size_bytes: int | None = None, storage_quota_bytes: int | None = None, **fields: Any
) -> UserLimit:
    """The user's override. Bytes."""
    values: dict[str, Any] = {
        "user": user,
        "max_file_size_bytes": max_file_size_bytes,
        "storage_quota_bytes": storage_quota_bytes,
        "updated_at": datetime.now(UTC),
    }
    return await UserLimit.create(**(values | fields))


async def make_location(name: str = "local", **fields: Any) -> StorageLocation:
    """The row of a storage location: the one there is by that name, else a new one."""
    values: dict[str, Any] = {"backend": "local", "identity": uuid4().hex, "created_at": datetime.now(UTC)} | fields
    location, _ = await StorageLocation.get_or_create(name=name, defaults=values)
    return location


async def make_file(
    owner: User | None = None,
    *,
    content: bytes | None = None,
    size_bytes: int | None = None,
    status: FileStatus = FileStatus.ACTIVE,
    charged_bytes: int | None = None,
    location: str = "local",
    storage: Storage | None = None,
    **fields: Any,
) -> File:
    """A file in any state, and its owner's ledger moved with it.

    `content` gives size and SHA-256, and is stored when there is a `storage`, in its location of that name. Without
    content the size is 1,000 bytes unless given, the SHA-256 that of nothing, and nothing is stored. What is charged
    goes by the state: all of an ACTIVE or PENDING file, nothing of one in the trash or on its way out. A PENDING file's
    lease has just ended, a PURGING one is due. Bytes.
    """
    holder = owner or await make_user()
    size = size_bytes if size_bytes is not None else 1000 if content is None else len(content)
    charged = charged_bytes
    if charged is None:
        charged = size if status in {FileStatus.ACTIVE, FileStatus.PENDING} else 0
    values = _file_defaults(status, size, charged, content) | fields
    values.setdefault("storage_key", _key_of(values))
    values.setdefault("name_folded", fold_name(values["name"]))
    await make_location(location)
    if storage is not None and content is not None:
        await storage.write(location, values["storage_key"], _once(content), size_hint=len(content))
    async with in_transaction():
        row = await File.create(owner=holder, location_id=location, **values)
        await UserStorage.get_or_create(user_id=holder.id)
        trash = size if row.status is FileStatus.SOFT_DELETED else 0
        await UserStorage.filter(user_id=holder.id).update(
            used_bytes=F("used_bytes") + charged, trash_bytes=F("trash_bytes") + trash
        )
    return row


def _file_defaults(status: FileStatus, size: int, charged: int, content: bytes | None) -> dict[str, Any]:
    moment = datetime.now(UTC)
    return {
        "id": uuid4(),
        "name": "file.txt",
        "mime_type": "text/plain",
        "size_bytes": size,
        "charged_bytes": charged,
        "sha256": None if status is FileStatus.PENDING else hashlib.sha256(content or b"").hexdigest(),
        "status": status,
        "created_at": moment,
        "updated_at": moment,
        "deleted_at": moment if status is FileStatus.SOFT_DELETED else None,
        "lease_expires_at": moment if status is FileStatus.PENDING else None,
        "purge_next_attempt_at": moment if status is FileStatus.PURGING else None,
    }


def _key_of(values: dict[str, Any]) -> str:
    group = values.get("group")
    group_id: UUID | None = group.id if group is not None else values.get("group_id")
    return make_key(group_id, values["created_at"], values["id"], values["name"])


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
