"""What a user may store: three tiers, resolved per field, each figure with its origin (R8). All figures in bytes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.db import Database
from app.db.sql import placeholders, uuid_of
from app.models import MemberRole


class LimitSource(StrEnum):
    """The tiers, the weakest first."""

    SYSTEM_DEFAULT = "SYSTEM_DEFAULT"
    ROLE_BASED = "ROLE_BASED"
    USER_OVERRIDE = "USER_OVERRIDE"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one figure came from; group and role when it was earned by a role."""

    tier: LimitSource
    group_id: UUID | None = None
    role: MemberRole | None = None


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """The limits that hold for a user now."""

    max_file_size_bytes: int
    storage_quota_bytes: int
    max_file_size_origin: Origin
    storage_quota_origin: Origin

    @property
    def source(self) -> LimitSource:
        """The strongest tier that set either figure."""
        strength = list(LimitSource)
        return max(self.max_file_size_origin.tier, self.storage_quota_origin.tier, key=strength.index)


@dataclass(frozen=True, slots=True)
class Quota:
    """A user's ledger beside the quota."""

    used_bytes: int
    trash_bytes: int
    quota_bytes: int
    source: LimitSource

    @property
    def remaining_bytes(self) -> int:
        """What is left; zero when a lowered limit is below what is used."""
        return max(0, self.quota_bytes - self.used_bytes)


@dataclass(frozen=True, slots=True)
class EarnedLimit:
    """A limit found on a group at or above one of the user's memberships, `distance` levels up from it."""

    membership_group_id: UUID
    role: MemberRole
    distance: int
    group_id: UUID
    max_file_size_bytes: int | None
    storage_quota_bytes: int | None


@dataclass(frozen=True, slots=True)
class Override:
    """One user's own limits; None is not overridden."""

    max_file_size_bytes: int | None = None
    storage_quota_bytes: int | None = None


def resolve(
    override: Override, earned: Sequence[EarnedLimit], *, default_file_size: int, default_quota: int
) -> EffectiveLimits:
    """The user's override, else the most generous of what the roles earn, else the system default; field by field."""
    file_size, file_size_origin = _resolve_field(
        override.max_file_size_bytes, [(limit, limit.max_file_size_bytes) for limit in earned], default_file_size
    )
    quota, quota_origin = _resolve_field(
        override.storage_quota_bytes, [(limit, limit.storage_quota_bytes) for limit in earned], default_quota
    )
    return EffectiveLimits(file_size, quota, file_size_origin, quota_origin)


def _resolve_field(
    override: int | None, earned: Iterable[tuple[EarnedLimit, int | None]], default: int
) -> tuple[int, Origin]:
    if override is not None:
        return override, Origin(LimitSource.USER_OVERRIDE)
    nearest: dict[UUID, tuple[EarnedLimit, int]] = {}
    for limit, value in earned:
        known = nearest.get(limit.membership_group_id)
        if value is not None and (known is None or limit.distance < known[0].distance):
            nearest[limit.membership_group_id] = (limit, value)
    if not nearest:
        return default, Origin(LimitSource.SYSTEM_DEFAULT)
    # Of equally generous ones the nearest, then the smaller id: the origin must not change from one call to the next.
    best, value = min(nearest.values(), key=lambda pair: (-pair[1], pair[0].distance, pair[0].group_id))
    return value, Origin(LimitSource.ROLE_BASED, best.group_id, best.role)


class Limits:
    """Reads the tiers and the ledger."""

    def __init__(self, database: Database, *, default_file_size_bytes: int, default_quota_bytes: int) -> None:
        self._database = database
        self._default_file_size = default_file_size_bytes
        self._default_quota = default_quota_bytes

    async def effective(self, user_id: UUID) -> EffectiveLimits:
        """The limits of one user."""
        return (await self.effective_many([user_id]))[user_id]

    async def effective_many(self, user_ids: Sequence[UUID]) -> dict[UUID, EffectiveLimits]:
        """The limits of several users, in one query."""
        if not user_ids:
            return {}
        overrides: dict[UUID, Override] = {}
        earned: defaultdict[UUID, list[EarnedLimit]] = defaultdict(list)
        for row in await self._database.fetch(_tiers(len(user_ids)), *user_ids):
            if row["role"] is None:
                overrides[uuid_of(row["user_id"])] = Override(row["max_file_size_bytes"], row["storage_quota_bytes"])
            else:
                earned[uuid_of(row["user_id"])].append(_earned(row))
        return {
            user_id: resolve(
                overrides.get(user_id, Override()),
                earned[user_id],
                default_file_size=self._default_file_size,
                default_quota=self._default_quota,
            )
            for user_id in user_ids
        }

    async def quota(self, user_id: UUID) -> Quota:
        """The ledger of one user beside the quota."""
        return (await self.quota_many([user_id]))[user_id]

    async def quota_many(self, user_ids: Sequence[UUID]) -> dict[UUID, Quota]:
        """The ledgers of several users beside their quotas, in two queries."""
        limits = await self.effective_many(user_ids)
        if not limits:
            return {}
        rows = await self._database.fetch(
            "SELECT user_id, used_bytes, trash_bytes FROM user_storage"  # noqa: S608 - placeholders only
            f" WHERE user_id IN ({placeholders(1, len(user_ids))})",
            *user_ids,
        )
        ledger = {uuid_of(row["user_id"]): row for row in rows}
        empty = {"used_bytes": 0, "trash_bytes": 0}
        return {
            user_id: Quota(
                used_bytes=ledger.get(user_id, empty)["used_bytes"],
                trash_bytes=ledger.get(user_id, empty)["trash_bytes"],
                quota_bytes=limit.storage_quota_bytes,
                source=limit.storage_quota_origin.tier,
            )
            for user_id, limit in limits.items()
        }


def _tiers(count: int) -> str:
    # From every membership up to the root, with what each group on the way sets for the membership's role.
    wanted = placeholders(1, count)
    return f"""
WITH RECURSIVE path (user_id, membership_group_id, role, group_id, distance) AS (
    SELECT user_id, group_id, role, group_id, 0 FROM memberships WHERE user_id IN ({wanted})
    UNION ALL
    SELECT path.user_id, path.membership_group_id, path.role, groups.parent_id, path.distance + 1
    FROM path JOIN groups ON groups.id = path.group_id WHERE groups.parent_id IS NOT NULL
)
SELECT path.user_id, path.membership_group_id, path.role, path.group_id, path.distance,
       role_limits.max_file_size_bytes, role_limits.storage_quota_bytes
FROM path JOIN role_limits ON role_limits.group_id = path.group_id AND role_limits.role = path.role
UNION ALL
SELECT user_id, NULL, NULL, NULL, 0, max_file_size_bytes, storage_quota_bytes
FROM user_limits WHERE user_id IN ({wanted})
"""  # noqa: S608 - placeholders only


def _earned(row: dict[str, Any]) -> EarnedLimit:
    return EarnedLimit(
        membership_group_id=uuid_of(row["membership_group_id"]),
        role=MemberRole(row["role"]),
        distance=row["distance"],
        group_id=uuid_of(row["group_id"]),
        max_file_size_bytes=row["max_file_size_bytes"],
        storage_quota_bytes=row["storage_quota_bytes"],
    )
