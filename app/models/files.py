"""Files, the storage locations they live in, and their use as attachments."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from app.models.people import Assignment, Group, User


class FileStatus(StrEnum):
    """PENDING → ACTIVE ⇄ SOFT_DELETED → PURGING → row gone; a failed upload goes PENDING → PURGING."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SOFT_DELETED = "SOFT_DELETED"
    PURGING = "PURGING"


class EntityType(StrEnum):
    """What a file was uploaded for."""

    AVATAR = "AVATAR"
    ASSIGNMENT_ATTACHMENT = "ASSIGNMENT_ATTACHMENT"
    SUBMISSION_FILE = "SUBMISSION_FILE"


class AttachmentKind(StrEnum):
    """The part an attachment plays in its assignment."""

    ATTACHMENT = "ATTACHMENT"
    RUBRIC = "RUBRIC"
    EXAMPLE = "EXAMPLE"


class StorageLocation(Model):
    """A place where bytes live. The identity is written into the place itself and compared at every start."""

    name = fields.CharField(primary_key=True, max_length=64)
    backend = fields.CharField(max_length=16)
    identity = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()

    class Meta:
        table = "storage_locations"


class File(Model):
    """One stored object and what is known of it. The row exists before the first byte and until after the last one.

    `charged_bytes` is this file's share of its owner's `used_bytes`: the ledger rule and its CHECK constraints stand in
    `app/migrations/0002_rules.py`.
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    owner: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="files", on_delete=fields.RESTRICT
    )
    owner_id: UUID
    group: fields.ForeignKeyNullableRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="files", null=True, on_delete=fields.SET_NULL
    )
    group_id: UUID | None
    name = fields.CharField(max_length=255)  # NFC, at most 255 bytes of UTF-8
    # The name case-folded: what `nameContains` and NAME_ASC compare, byte by byte and alike on every database.
    name_folded = fields.TextField()
    mime_type = fields.CharField(max_length=255)
    size_bytes = fields.BigIntField(default=0)  # what has arrived so far while PENDING
    charged_bytes = fields.BigIntField(default=0)
    sha256 = fields.CharField(max_length=64, null=True)  # lower-case hexadecimal
    status = fields.CharEnumField(FileStatus, max_length=16)
    location: fields.ForeignKeyRelation[StorageLocation] = fields.ForeignKeyField(
        "satchel.StorageLocation", related_name="files", on_delete=fields.RESTRICT
    )
    location_id: str
    storage_key = fields.CharField(max_length=255)
    entity_type: EntityType | None = fields.CharEnumField(EntityType, max_length=32, null=True)  # type: ignore[assignment]  # Tortoise types enums as never null
    entity_id = fields.UUIDField(null=True)
    idempotency_key = fields.CharField(max_length=255, null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    deleted_at = fields.DatetimeField(null=True)
    # Leases are on the database's clock: a PENDING row's upload, or a PURGING row's claim, is alive until then.
    lease_expires_at = fields.DatetimeField(null=True)
    claim_token = fields.UUIDField(null=True)
    # The run of a job that claimed the row last. Not a foreign key, which would cost every claim.
    claim_run_id = fields.UUIDField(null=True)
    purge_attempts = fields.IntField(default=0)
    purge_last_error = fields.TextField(null=True)
    purge_next_attempt_at = fields.DatetimeField(null=True)  # on the database's clock

    class Meta:
        table = "files"
        unique_together = (("location", "storage_key"),)


class Attachment(Model):
    """A file's place in an assignment. The serial key is the order of adding."""

    id = fields.BigIntField(primary_key=True, generated=True)
    assignment: fields.ForeignKeyRelation[Assignment] = fields.ForeignKeyField(
        "satchel.Assignment", related_name="attachments", on_delete=fields.CASCADE
    )
    assignment_id: UUID
    file: fields.ForeignKeyRelation[File] = fields.ForeignKeyField(
        "satchel.File", related_name="attachments", on_delete=fields.CASCADE
    )
    file_id: UUID
    kind = fields.CharEnumField(AttachmentKind, max_length=16, default=AttachmentKind.ATTACHMENT)
    created_at = fields.DatetimeField()

    class Meta:
        table = "attachments"
        unique_together = (("assignment", "file"),)
        indexes: Any = (("file_id",),)
