"""Limits as they hold for a user, where each figure came from (R8), and as they are stored. All figures in bytes."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app import models
from app.models import MemberRole
from app.services import limits
from schema.context import Info
from schema.fields import field
from schema.ids import global_id
from schema.pagination import Node
from schema.scalars import BigInt

if TYPE_CHECKING:
    from schema.groups.types import Group
    from schema.people.types import User

LazyGroup = Annotated["Group", strawberry.lazy("schema.groups.types")]
LazyUser = Annotated["User", strawberry.lazy("schema.people.types")]

_FILE_SIZE = "The most that one file may hold, in bytes; null: not set here."
_QUOTA = "The most that all files may hold together, in bytes; null: not set here."


@strawberry.type(description="Where a limit came from.")
class LimitOrigin:
    """The tier, and for the second tier what earned it."""

    tier: limits.LimitSource = strawberry.field(description="The tier that set the figure.")
    role: MemberRole | None = strawberry.field(description="The role that earned it, when ROLE_BASED.")
    group_id: strawberry.Private[UUID | None]

    @field("The group whose role limits set it, when ROLE_BASED.")
    async def group(self, info: Info) -> LazyGroup | None:
        """Through the loader."""
        return await _group(info, self.group_id)

    @classmethod
    def of(cls, origin: limits.Origin) -> "LimitOrigin":
        """From the service's answer."""
        return cls(tier=origin.tier, role=origin.role, group_id=origin.group_id)


@strawberry.type(description="The limits that hold for a user now, resolved per field from the three tiers.")
class EffectiveLimits:
    """Both figures with their origins."""

    max_file_size_bytes: BigInt = strawberry.field(description="The most that one file may hold, in bytes.")
    storage_quota_bytes: BigInt = strawberry.field(description="The most that all files may hold together, in bytes.")
    source: limits.LimitSource = strawberry.field(description="The strongest tier that set either value.")
    max_file_size_source: LimitOrigin = strawberry.field(description="Where maxFileSizeBytes came from.")
    storage_quota_source: LimitOrigin = strawberry.field(description="Where storageQuotaBytes came from.")

    @classmethod
    def of(cls, effective: limits.EffectiveLimits) -> "EffectiveLimits":
        """From the service's answer."""
        return cls(
            max_file_size_bytes=effective.max_file_size_bytes,
            storage_quota_bytes=effective.storage_quota_bytes,
            source=effective.source,
            max_file_size_source=LimitOrigin.of(effective.max_file_size_origin),
            storage_quota_source=LimitOrigin.of(effective.storage_quota_origin),
        )


@strawberry.type(description="What a user has stored, beside what the user may store.")
class Quota:
    """The ledger."""

    used_bytes: BigInt = strawberry.field(description="Bytes charged now, those of uploads in flight included.")
    trash_bytes: BigInt = strawberry.field(description="Bytes of the files in the trash.")
    quota_bytes: BigInt = strawberry.field(description="The most that usedBytes may reach.")
    remaining_bytes: BigInt = strawberry.field(description="quotaBytes less usedBytes, never below zero.")
    source: limits.LimitSource = strawberry.field(description="The tier that set quotaBytes.")

    @classmethod
    def of(cls, quota: limits.Quota) -> "Quota":
        """From the service's answer."""
        return cls(
            used_bytes=quota.used_bytes,
            trash_bytes=quota.trash_bytes,
            quota_bytes=quota.quota_bytes,
            remaining_bytes=quota.remaining_bytes,
            source=quota.source,
        )


async def quota_of(info: Info, owner_id: UUID) -> Quota:
    """The quota of a user, for callers who may read it. Raises Forbidden for others."""
    loaders = info.context.loaders
    return Quota.of(await loaders.quotas.load(await loaders.readable.load(owner_id)))


@strawberry.type(description="Limits of one user's own: the third tier as stored.")
class LimitOverride:
    """A row of the third tier."""

    max_file_size_bytes: BigInt | None = strawberry.field(description=_FILE_SIZE)
    storage_quota_bytes: BigInt | None = strawberry.field(description=_QUOTA)
    reason: str | None = strawberry.field(description="Why, in the words of who set it.")
    updated_at: datetime = strawberry.field(description="When it was changed last.")
    row: strawberry.Private[models.UserLimit]

    @field("Who changed it last.")
    async def set_by(self, info: Info) -> LazyUser | None:
        """Through the loader."""
        return await _user(info, self.row.set_by_id)

    @classmethod
    def of(cls, row: models.UserLimit) -> "LimitOverride":
        """From a row."""
        return cls(
            max_file_size_bytes=row.max_file_size_bytes,
            storage_quota_bytes=row.storage_quota_bytes,
            reason=row.reason,
            updated_at=row.updated_at,
            row=row,
        )


@strawberry.type(description="What a role earns in a group and below it: the second tier as stored.")
class RoleLimit:
    """A row of the second tier."""

    role: MemberRole = strawberry.field(description="The role that earns it.")
    max_file_size_bytes: BigInt | None = strawberry.field(description=_FILE_SIZE)
    storage_quota_bytes: BigInt | None = strawberry.field(description=_QUOTA)

    @classmethod
    def of(cls, row: models.RoleLimit) -> "RoleLimit":
        """From a row."""
        return cls(
            role=row.role, max_file_size_bytes=row.max_file_size_bytes, storage_quota_bytes=row.storage_quota_bytes
        )


@strawberry.type(description="One change of a user's own limits or of what a role earns in a group.")
class LimitChange(Node):
    """A line of history. Null figures are those that were, or are, not set."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    role: MemberRole | None = strawberry.field(description="The role whose limits changed; null for a user's own.")
    reason: str | None = strawberry.field(description="Why, in the words of who changed them.")
    created_at: datetime = strawberry.field(description="When.")
    old_max_file_size_bytes: BigInt | None = strawberry.field(description="The most one file could hold before.")
    new_max_file_size_bytes: BigInt | None = strawberry.field(description="The most one file could hold from then on.")
    old_storage_quota_bytes: BigInt | None = strawberry.field(description="The quota before.")
    new_storage_quota_bytes: BigInt | None = strawberry.field(description="The quota from then on.")
    row: strawberry.Private[models.LimitChange]

    @field("The user whose own limits changed; null for those of a role.")
    async def user(self, info: Info) -> LazyUser | None:
        """Through the loader."""
        return await _user(info, self.row.user_id)

    @field("The group in which a role's limits changed; null for a user's own.")
    async def group(self, info: Info) -> LazyGroup | None:
        """Through the loader."""
        return await _group(info, self.row.group_id)

    @field("Who changed them.")
    async def changed_by(self, info: Info) -> LazyUser | None:
        """Through the loader."""
        return await _user(info, self.row.changed_by_id)

    @classmethod
    def of(cls, row: models.LimitChange) -> "LimitChange":
        """From a row that the caller may see."""
        return cls(
            id=global_id("LimitChange", row.id),
            uuid=str(row.id),
            role=row.role,
            reason=row.reason,
            created_at=row.created_at,
            old_max_file_size_bytes=row.old_max_file_size_bytes,
            new_max_file_size_bytes=row.new_max_file_size_bytes,
            old_storage_quota_bytes=row.old_storage_quota_bytes,
            new_storage_quota_bytes=row.new_storage_quota_bytes,
            row=row,
        )


async def _user(info: Info, user_id: UUID | None) -> "User | None":
    from schema.people.types import User

    return None if user_id is None else User.of(await info.context.loaders.users.load(user_id))


async def _group(info: Info, group_id: UUID | None) -> "Group | None":
    from schema.groups.types import Group

    return None if group_id is None else Group.of(await info.context.loaders.visible_groups.load(group_id))
