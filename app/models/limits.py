"""The ledger of bytes, and the limits in their stored tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from app.models.people import MemberRole

if TYPE_CHECKING:
    from app.models.people import Group, User


class UserStorage(Model):
    """The ledger: at every committed instant `used_bytes` is the sum of `charged_bytes` over the user's files,
    and `trash_bytes` the sum of `size_bytes` of the SOFT_DELETED ones. Bytes; never negative, by CHECK.
    """

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "satchel.User", related_name="storage", primary_key=True, on_delete=fields.CASCADE
    )
    user_id: UUID
    used_bytes = fields.BigIntField(default=0)
    trash_bytes = fields.BigIntField(default=0)

    class Meta:
        table = "user_storage"


class UserLimit(Model):
    """The third tier: one user's override. A null field is not overridden. Bytes."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "satchel.User", related_name="limit_override", primary_key=True, on_delete=fields.CASCADE
    )
    user_id: UUID
    max_file_size_bytes: int | None = fields.BigIntField(null=True)
    storage_quota_bytes: int | None = fields.BigIntField(null=True)
    set_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="limits_set", null=True, on_delete=fields.SET_NULL
    )
    set_by_id: UUID | None
    reason = fields.TextField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "user_limits"


class RoleLimit(Model):
    """The second tier: what a role earns in a group and below it, until a nearer group says otherwise. Bytes."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    group: fields.ForeignKeyRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="role_limits", on_delete=fields.CASCADE
    )
    group_id: UUID
    role = fields.CharEnumField(MemberRole, max_length=16)
    max_file_size_bytes: int | None = fields.BigIntField(null=True)
    storage_quota_bytes: int | None = fields.BigIntField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "role_limits"
        unique_together = (("group", "role"),)


class LimitChange(Model):
    """History: who changed which limit, when, why, from what to what (R25). Bytes, and null where nothing was set."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="limit_history", null=True, on_delete=fields.CASCADE
    )
    user_id: UUID | None
    group: fields.ForeignKeyNullableRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="limit_history", null=True, on_delete=fields.CASCADE
    )
    group_id: UUID | None
    role: MemberRole | None = fields.CharEnumField(MemberRole, max_length=16, null=True)  # type: ignore[assignment]  # Tortoise types enums as never null
    changed_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="limit_changes_made", null=True, on_delete=fields.SET_NULL
    )
    changed_by_id: UUID | None
    reason = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    old_max_file_size_bytes: int | None = fields.BigIntField(null=True)
    new_max_file_size_bytes: int | None = fields.BigIntField(null=True)
    old_storage_quota_bytes: int | None = fields.BigIntField(null=True)
    new_storage_quota_bytes: int | None = fields.BigIntField(null=True)

    class Meta:
        table = "limit_changes"
        indexes: Any = (("user_id", "created_at", "id"), ("group_id", "created_at", "id"))
