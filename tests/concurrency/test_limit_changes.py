"""Many changes of the same limits at once: the history is one chain, whatever the order they came in (R25)."""

import asyncio
from uuid import UUID

import pytest

from app.auth import Principal
from app.clock import SystemClock
from app.db import Database
from app.models import LimitChange, MemberRole, RoleLimit, UserLimit
from app.services.directory import Directory
from app.services.limit_changes import Ceilings, Figures, LimitChanges, WantedLimits
from tests.factories import make_group, make_user
from tests.fixtures.events import events_of

pytestmark = pytest.mark.requirement("R25")

CHANGES = 24


@pytest.fixture
def limit_changes(database: Database) -> LimitChanges:
    return LimitChanges(
        database,
        Directory(database),
        SystemClock(),
        ceilings=Ceilings(100, 100),
        events=events_of(database),
    )


def _wanted(number: int) -> WantedLimits:
    """Every third change clears, the others set one figure or the other."""
    match number % 3:
        case 0:
            return WantedLimits(None, None)
        case 1:
            return WantedLimits(max_file_size_bytes=number)
        case _:
            return WantedLimits(storage_quota_bytes=number)


async def _assert_chain(stored: Figures, **subject: UUID | MemberRole) -> None:
    """Each line begins where the one before it ended, the last one ends with what is stored, and none says nothing."""
    known = Figures()
    for line in await LimitChange.filter(**subject).order_by("created_at", "id"):
        assert Figures(line.old_max_file_size_bytes, line.old_storage_quota_bytes) == known
        new = Figures(line.new_max_file_size_bytes, line.new_storage_quota_bytes)
        assert new != known
        known = new
    assert known == stored


async def test_a_users_history_is_one_chain(database: Database, limit_changes: LimitChanges) -> None:
    admin, user = await make_user(is_system_admin=True), await make_user()
    principal = Principal(admin.id, is_system_admin=True)

    for _ in range(3):
        await asyncio.gather(
            *(limit_changes.set_for_user(principal, user.id, _wanted(number)) for number in range(CHANGES))
        )
        row = await UserLimit.get_or_none(user_id=user.id)
        stored = Figures(row.max_file_size_bytes, row.storage_quota_bytes) if row else Figures()
        await _assert_chain(stored, user_id=user.id)


async def test_the_history_of_a_role_is_one_chain(database: Database, limit_changes: LimitChanges) -> None:
    admin, group = await make_user(is_system_admin=True), await make_group()
    principal = Principal(admin.id, is_system_admin=True)
    roles = (MemberRole.STUDENT, MemberRole.TEACHER)

    await asyncio.gather(
        *(
            limit_changes.set_for_role(principal, group.id, role, _wanted(number))
            for number in range(CHANGES)
            for role in roles
        )
    )

    for role in roles:
        row = await RoleLimit.get_or_none(group_id=group.id, role=role)
        stored = Figures(row.max_file_size_bytes, row.storage_quota_bytes) if row else Figures()
        await _assert_chain(stored, group_id=group.id, role=role)
