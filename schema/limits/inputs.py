"""What the mutations of limits take. A figure that is left out keeps what it was, null clears it."""

from typing import cast

import strawberry
from strawberry.types.unset import UNSET, UnsetType

from app.models import MemberRole
from app.services.limit_changes import Keep, WantedLimits
from schema.scalars import BigInt

_FILE_SIZE = "The most that one file may hold, in bytes: left out, it stays as it is; null clears it."
_QUOTA = "The most that all files may hold together, in bytes: left out, it stays as it is; null clears it."
_REASON = "Why; for the history. At most 1,000 characters."


def _wanted(file_size: int | None, quota: int | None, reason: str | None) -> WantedLimits:
    return WantedLimits(_figure(file_size), _figure(quota), reason)


def _figure(value: int | None) -> int | Keep | None:
    # Strawberry says "left out" with a value of its own, which the types of the fields do not tell.
    return Keep.KEEP if isinstance(cast("object", value), UnsetType) else value


@strawberry.input(description="Limits of one user's own, before those of roles.")
class SetUserLimitsInput:
    """Figures of the third tier."""

    user_id: strawberry.ID = strawberry.field(description="The user.")
    max_file_size_bytes: BigInt | None = strawberry.field(default=UNSET, description=_FILE_SIZE)
    storage_quota_bytes: BigInt | None = strawberry.field(default=UNSET, description=_QUOTA)
    reason: str | None = strawberry.field(default=None, description=_REASON)

    def wanted(self) -> WantedLimits:
        """For the service."""
        return _wanted(self.max_file_size_bytes, self.storage_quota_bytes, self.reason)


@strawberry.input(description="Whose own limits to drop.")
class ClearUserLimitsInput:
    """One user."""

    user_id: strawberry.ID = strawberry.field(description="The user.")
    reason: str | None = strawberry.field(default=None, description=_REASON)


@strawberry.input(description="What a role earns in a group and below it, until a nearer group says otherwise.")
class SetGroupRoleLimitsInput:
    """Figures of the second tier."""

    group_id: strawberry.ID = strawberry.field(description="The group.")
    role: MemberRole = strawberry.field(description="The role that earns them.")
    max_file_size_bytes: BigInt | None = strawberry.field(default=UNSET, description=_FILE_SIZE)
    storage_quota_bytes: BigInt | None = strawberry.field(default=UNSET, description=_QUOTA)
    reason: str | None = strawberry.field(default=None, description=_REASON)

    def wanted(self) -> WantedLimits:
        """For the service."""
        return _wanted(self.max_file_size_bytes, self.storage_quota_bytes, self.reason)


@strawberry.input(description="Which role's limits to drop from a group.")
class ClearGroupRoleLimitsInput:
    """One role in one group."""

    group_id: strawberry.ID = strawberry.field(description="The group.")
    role: MemberRole = strawberry.field(description="The role.")
    reason: str | None = strawberry.field(default=None, description=_REASON)
