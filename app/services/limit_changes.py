"""Setting and clearing limits, each change with its line of history (R21-R25). All figures in bytes.

The row of the user or of the group is locked while its limits change: what a line of history calls old is what the line
before it called new, however many change the same limits at once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from tortoise.queryset import QuerySet

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import BadUserInput, Forbidden, NotFound
from app.events import Events, LimitsChanged
from app.models import Group, LimitChange, MemberRole, RoleLimit, User, UserLimit
from app.permissions import may_change_role_limits, may_change_user_limits
from app.services.directory import Directory
from app.services.names import clean_text
from app.services.standing import load_standing
from app.settings import MAX_SAFE_INTEGER

MAX_REASON = 1000  # characters

# What the groups above one set for a role, the nearest first.
_ABOVE = """
WITH RECURSIVE above (group_id, distance) AS (
    SELECT parent_id, 1 FROM groups WHERE id = $1 AND parent_id IS NOT NULL
    UNION ALL
    SELECT groups.parent_id, above.distance + 1 FROM above JOIN groups ON groups.id = above.group_id
    WHERE groups.parent_id IS NOT NULL
)
SELECT role_limits.max_file_size_bytes, role_limits.storage_quota_bytes
FROM above JOIN role_limits ON role_limits.group_id = above.group_id AND role_limits.role = $2
ORDER BY above.distance
"""


class Keep(Enum):
    """What a figure that was left out says: let it be what it is."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Figures:
    """Both limits as stored; None is not set."""

    max_file_size_bytes: int | None = None
    storage_quota_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WantedLimits:
    """What to change: a figure to set, None to clear, KEEP to leave alone."""

    max_file_size_bytes: int | Keep | None = Keep.KEEP
    storage_quota_bytes: int | Keep | None = Keep.KEEP
    reason: str | None = None

    def over(self, old: Figures) -> Figures:
        """What `old` becomes."""
        return Figures(
            old.max_file_size_bytes if isinstance(self.max_file_size_bytes, Keep) else self.max_file_size_bytes,
            old.storage_quota_bytes if isinstance(self.storage_quota_bytes, Keep) else self.storage_quota_bytes,
        )

    def checked(self) -> "WantedLimits":
        """The same with its reason cleaned. Raises BadUserInput for a figure out of bounds or a reason that is too long."""
        for field, value in (
            ("maxFileSizeBytes", self.max_file_size_bytes),
            ("storageQuotaBytes", self.storage_quota_bytes),
        ):
            if isinstance(value, int) and not 1 <= value <= MAX_SAFE_INTEGER:
                raise BadUserInput(f"A limit is from 1 to {MAX_SAFE_INTEGER} bytes, or null for none.", field=field)
        return WantedLimits(self.max_file_size_bytes, self.storage_quota_bytes, clean_reason(self.reason))


@dataclass(frozen=True, slots=True)
class _OfUser:
    """A user's override."""

    user_id: UUID

    @property
    def key(self) -> dict[str, Any]:
        return {"user_id": self.user_id}

    @property
    def history(self) -> dict[str, Any]:
        return self.key

    async def lock(self) -> None:
        """Others may go on uploading meanwhile: their rows refer to this one, and change nothing in it."""
        if await User.filter(id=self.user_id).select_for_update(no_key=True).first() is None:
            raise NotFound("user")

    def rows(self) -> QuerySet[UserLimit]:
        return UserLimit.filter(**self.key)

    async def save(self, new: Figures, by: UUID, reason: str | None, now: datetime, *, is_new: bool) -> None:
        values = asdict(new) | {"set_by_id": by, "reason": reason, "updated_at": now}
        await (UserLimit.create(**self.key, **values) if is_new else self.rows().update(**values))


@dataclass(frozen=True, slots=True)
class _OfRole:
    """What a group sets for a role."""

    group_id: UUID
    role: MemberRole

    @property
    def key(self) -> dict[str, Any]:
        return {"group_id": self.group_id, "role": self.role}

    @property
    def history(self) -> dict[str, Any]:
        return {"group_id": self.group_id}

    async def lock(self) -> None:
        """Raises NotFound when the group has gone meanwhile."""
        if await Group.filter(id=self.group_id).select_for_update(no_key=True).first() is None:
            raise NotFound("group")

    def rows(self) -> QuerySet[RoleLimit]:
        return RoleLimit.filter(**self.key)

    async def save(self, new: Figures, _by: UUID, _reason: str | None, now: datetime, *, is_new: bool) -> None:
        values = asdict(new) | {"updated_at": now}
        await (RoleLimit.create(**self.key, **values) if is_new else self.rows().update(**values))


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most that group admins may set where no group above sets anything."""

    max_file_size_bytes: int
    storage_quota_bytes: int


def clean_reason(reason: str | None) -> str | None:
    """The reason without control characters; None when nothing is left. Raises BadUserInput above 1,000 characters."""
    cleaned = clean_text(" ".join((reason or "").split()))
    if len(cleaned) > MAX_REASON:
        raise BadUserInput(f"The reason is longer than {MAX_REASON} characters.", field="reason")
    return cleaned or None


def refuse_above_ceilings(old: Figures, new: Figures, above: Sequence[Figures], last: Ceilings) -> None:
    """Raises Forbidden when a figure changes to one above what the nearest of the groups above sets, or else `last`.

    `above` is in order, the nearest first. A figure that stays is no change, whoever set it.
    """
    for field in ("max_file_size_bytes", "storage_quota_bytes"):
        value: int | None = getattr(new, field)
        if value is None or value == getattr(old, field):
            continue
        nearest = next((found for figures in above if (found := getattr(figures, field)) is not None), None)
        ceiling = getattr(last, field) if nearest is None else nearest
        if value > ceiling:
            raise Forbidden(f"A group admin may set at most {ceiling} bytes here; a system admin may set more.")


class LimitChanges:
    """The use cases of those who set limits."""

    def __init__(
        self, database: Database, directory: Directory, clock: Clock, *, ceilings: Ceilings, events: Events
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ceilings = ceilings
        self._events = events

    async def set_for_user(self, principal: Principal, user_id: UUID, wanted: WantedLimits) -> User:
        """Change a user's override; an override of nothing is none. Raises Forbidden, NotFound, BadUserInput."""
        if not may_change_user_limits(principal):
            raise Forbidden
        checked = wanted.checked()
        user = await self._directory.user(principal, user_id)
        await self._database.transaction(partial(self._change, principal, _OfUser(user_id), checked))
        return user

    async def clear_for_user(self, principal: Principal, user_id: UUID, reason: str | None) -> User:
        """Drop a user's override. Raises Forbidden, NotFound, BadUserInput."""
        return await self.set_for_user(principal, user_id, WantedLimits(None, None, reason))

    async def set_for_role(self, principal: Principal, group_id: UUID, role: MemberRole, wanted: WantedLimits) -> Group:
        """Change what a role earns in a group and below it. Raises NotFound, Forbidden, BadUserInput."""
        group = await self._directory.group(principal, group_id)
        if not may_change_role_limits(principal, group_id, await load_standing(self._database, principal)):
            raise Forbidden
        checked = wanted.checked()
        await self._database.transaction(partial(self._change, principal, _OfRole(group_id, role), checked))
        return group

    async def clear_for_role(self, principal: Principal, group_id: UUID, role: MemberRole, reason: str | None) -> Group:
        """Drop what a group sets for a role: the groups above count again. Raises NotFound, Forbidden, BadUserInput."""
        return await self.set_for_role(principal, group_id, role, WantedLimits(None, None, reason))

    async def _change(self, principal: Principal, place: _OfUser | _OfRole, wanted: WantedLimits) -> None:
        """The unit: lock, compare, write, record. A change that changes nothing leaves no trace."""
        await place.lock()
        stored = await place.rows().first()
        old = Figures(stored.max_file_size_bytes, stored.storage_quota_bytes) if stored else Figures()
        new = wanted.over(old)
        if new == old:
            return
        if isinstance(place, _OfRole) and not principal.is_system_admin:
            refuse_above_ceilings(old, new, await self._above(place), self._ceilings)
        now = await self._moment(place)
        if new == Figures():
            await place.rows().delete()
        else:
            await place.save(new, principal.user_id, wanted.reason, now, is_new=stored is None)
        await LimitChange.create(
            **place.key,
            changed_by_id=principal.user_id,
            reason=wanted.reason,
            created_at=now,
            old_max_file_size_bytes=old.max_file_size_bytes,
            new_max_file_size_bytes=new.max_file_size_bytes,
            old_storage_quota_bytes=old.storage_quota_bytes,
            new_storage_quota_bytes=new.storage_quota_bytes,
        )
        self._database.after_commit(lambda: self._events.emit(LimitsChanged(**place.history)))

    async def _above(self, place: _OfRole) -> list[Figures]:
        rows = await self._database.fetch(_ABOVE, place.group_id, place.role)
        return [Figures(row["max_file_size_bytes"], row["storage_quota_bytes"]) for row in rows]

    async def _moment(self, place: _OfUser | _OfRole) -> datetime:
        """Now, but later than the history's last line: lines are in the order of their changes, whatever the clocks of
        several processes say.
        """
        now = self._clock.now()
        last = await LimitChange.filter(**place.history).order_by("-created_at").first()
        return now if last is None else max(now, last.created_at + timedelta(microseconds=1))
