"""What is set for whom, and what was: read in sets, for lists are how it is shown (R25). All figures in bytes."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.errors import NotFound
from app.models import LimitChange, RoleLimit, UserLimit
from app.permissions import may_administer_group, may_see_user_details
from app.services.keyset import MOMENT, Listing, read_pages
from app.services.paging import Page
from app.services.standing import load_standing, user_place


class HistoryOf(StrEnum):
    """Whose limits a history is of: the column that says so."""

    USER = "user_id"
    GROUP = "group_id"


class LimitHistory:
    """Reads overrides, role limits and their changes. Who may read them is for the caller to know, but for `change`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overrides(self, user_ids: Sequence[UUID]) -> dict[UUID, UserLimit]:
        """Overrides by user; users without one are left out."""
        return {row.user_id: row for row in await UserLimit.filter(user_id__in=user_ids)}

    async def role_limits(self, group_ids: Sequence[UUID]) -> dict[UUID, list[RoleLimit]]:
        """What each group sets, in the order of the roles' names."""
        found: defaultdict[UUID, list[RoleLimit]] = defaultdict(list)
        for row in await RoleLimit.filter(group_id__in=group_ids).order_by("role"):
            found[row.group_id].append(row)
        return found

    async def pages(
        self, of: HistoryOf, subjects: Sequence[UUID], first: int, after: str | None
    ) -> dict[UUID, Page[LimitChange]]:
        """The same page of each subject's history, the newest change first. Raises BadUserInput."""
        listing = Listing(
            name=f"limit_history.{of}",
            source="limit_changes",
            id="id",
            sort="created_at",
            key=MOMENT,
            parent=of,
            ascending=False,
        )
        return await read_pages(self._database, listing, LimitChange, subjects, first, after)

    async def change(self, principal: Principal, change_id: UUID) -> LimitChange:
        """One line of history. Raises NotFound for who may not read the user's or the group's."""
        found = await LimitChange.get_or_none(id=change_id)
        if found is None or not await self._may_read(principal, found):
            raise NotFound("limit change")
        return found

    async def _may_read(self, principal: Principal, change: LimitChange) -> bool:
        if principal.is_system_admin:
            return True
        standing = await load_standing(self._database, principal)
        if change.group_id is not None:
            return may_administer_group(principal, change.group_id, standing)
        if change.user_id is None:
            return False
        place = await user_place(self._database, change.user_id)
        return may_see_user_details(principal, change.user_id, place, standing)
