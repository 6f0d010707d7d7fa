"""People and places: users, the tree of groups, classes, assignments."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

from app.models.folding import fold_name

if TYPE_CHECKING:
    from tortoise.backends.base.client import BaseDBAsyncClient

    from app.models.files import File


class GroupType(StrEnum):
    """The levels of the tree, from the root down."""

    DISTRICT = "DISTRICT"
    SCHOOL = "SCHOOL"
    DEPARTMENT = "DEPARTMENT"


class MemberRole(StrEnum):
    """A user's one role in a group."""

    GROUP_ADMIN = "GROUP_ADMIN"
    TEACHER = "TEACHER"
    STUDENT = "STUDENT"


class ClassRole(StrEnum):
    """A user's role in a class."""

    TEACHER = "TEACHER"
    STUDENT = "STUDENT"


class User(Model):
    """A person. Deactivated rather than deleted, so that files keep their owner (R19)."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    # Stored stripped and case-folded, so that the unique index compares what people compare.
    email = fields.CharField(max_length=320, unique=True)
    name = fields.CharField(max_length=200)
    name_folded = fields.TextField(db_default="")  # kept by save(): what searches and NAME_ASC compare
    password_hash = fields.CharField(max_length=255, null=True)  # argon2id in PHC form
    is_system_admin = fields.BooleanField(default=False)
    # A token carries the generation it was issued in; raising this revokes all of them at once.
    token_generation = fields.IntField(default=0)
    # The same for tokens of the identity provider, which carry none: those issued until then are worth nothing.
    tokens_valid_after = fields.DatetimeField(null=True)
    # Who the user is to the identity provider. A partial index holds that no two users are the same one.
    identity_issuer = fields.CharField(max_length=255, null=True)
    identity_subject = fields.CharField(max_length=255, null=True)
    avatar: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "satchel.File", related_name="avatar_of_users", null=True, on_delete=fields.SET_NULL
    )
    avatar_id: UUID | None
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    deactivated_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"

    async def save(
        self,
        using_db: BaseDBAsyncClient | None = None,
        update_fields: Iterable[str] | None = None,
        force_create: bool = False,
        force_update: bool = False,
    ) -> None:
        """As Tortoise's, with `name_folded` following the name."""
        self.name_folded = fold_name(self.name)
        changed = None if update_fields is None else list(update_fields)
        if changed is not None and "name" in changed:
            changed.append("name_folded")
        await super().save(using_db, changed, force_create, force_update)


class Group(Model):
    """A node of the tree district > school > department."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    name = fields.CharField(max_length=200)
    slug = fields.CharField(max_length=100)  # unique among siblings, by a partial index for the roots
    type = fields.CharEnumField(GroupType, max_length=16)
    parent: fields.ForeignKeyNullableRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="children", null=True, on_delete=fields.RESTRICT
    )
    parent_id: UUID | None
    avatar: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "satchel.File", related_name="avatar_of_groups", null=True, on_delete=fields.SET_NULL
    )
    avatar_id: UUID | None
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "groups"
        unique_together = (("parent", "slug"),)


class Membership(Model):
    """A user's place in a group."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="memberships", on_delete=fields.CASCADE
    )
    user_id: UUID
    group: fields.ForeignKeyRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="memberships", on_delete=fields.CASCADE
    )
    group_id: UUID
    role = fields.CharEnumField(MemberRole, max_length=16)
    created_at = fields.DatetimeField()

    class Meta:
        table = "memberships"
        unique_together = (("user", "group"),)
        indexes: Any = (("group_id", "role"),)


class Class(Model):
    """A class of a group, with its teachers and students."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    name = fields.CharField(max_length=200)
    group: fields.ForeignKeyRelation[Group] = fields.ForeignKeyField(
        "satchel.Group", related_name="classes", on_delete=fields.CASCADE
    )
    group_id: UUID
    avatar: fields.ForeignKeyNullableRelation[File] = fields.ForeignKeyField(
        "satchel.File", related_name="avatar_of_classes", null=True, on_delete=fields.SET_NULL
    )
    avatar_id: UUID | None
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "classes"
        indexes: Any = (("group_id", "name"),)


class ClassMember(Model):
    """A teacher or student of a class."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    school_class: fields.ForeignKeyRelation[Class] = fields.ForeignKeyField(
        "satchel.Class", related_name="members", on_delete=fields.CASCADE
    )
    school_class_id: UUID
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="class_memberships", on_delete=fields.CASCADE
    )
    user_id: UUID
    role = fields.CharEnumField(ClassRole, max_length=16)
    created_at = fields.DatetimeField()

    class Meta:
        table = "class_members"
        unique_together = (("school_class", "user"),)
        indexes: Any = (("user_id",),)


class Assignment(Model):
    """A piece of work set for a class."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    title = fields.CharField(max_length=200)
    school_class: fields.ForeignKeyRelation[Class] = fields.ForeignKeyField(
        "satchel.Class", related_name="assignments", on_delete=fields.CASCADE
    )
    school_class_id: UUID
    created_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="assignments_created", null=True, on_delete=fields.SET_NULL
    )
    created_by_id: UUID | None
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "assignments"
        indexes: Any = (("school_class_id", "created_at"),)
