"""Limit resolution: three tiers, field by field, each figure with its origin (R8)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import Database
from app.models import MemberRole
from app.services.limits import EarnedLimit, Limits, LimitSource, Override, resolve
from tests.factories import make_group, make_membership, make_role_limit, make_user, make_user_limit

pytestmark = pytest.mark.requirement("R8")

DEFAULT_FILE, DEFAULT_QUOTA = 10, 1000

figures = st.none() | st.integers(min_value=1, max_value=2**53 - 1)
group_ids = st.integers(min_value=1, max_value=4).map(lambda number: UUID(int=number))
earned_limits = st.builds(
    EarnedLimit,
    membership_group_id=group_ids,
    role=st.sampled_from(MemberRole),
    distance=st.integers(min_value=0, max_value=3),
    group_id=group_ids,
    max_file_size_bytes=figures,
    storage_quota_bytes=figures,
)


@given(
    override=st.builds(Override, figures, figures),
    # A path meets each distance once: what a real tree can give.
    earned=st.lists(earned_limits, max_size=12, unique_by=lambda limit: (limit.membership_group_id, limit.distance)),
)
def test_each_field_is_resolved_on_its_own(override: Override, earned: list[EarnedLimit]) -> None:
    limits = resolve(override, earned, default_file_size=DEFAULT_FILE, default_quota=DEFAULT_QUOTA)
    for field, value, origin, default in (
        ("max_file_size_bytes", limits.max_file_size_bytes, limits.max_file_size_origin, DEFAULT_FILE),
        ("storage_quota_bytes", limits.storage_quota_bytes, limits.storage_quota_origin, DEFAULT_QUOTA),
    ):
        expected = _model(getattr(override, field), earned, field)
        assert value == (default if expected is None else expected)
        if getattr(override, field) is not None:
            assert origin.tier is LimitSource.USER_OVERRIDE
        elif expected is not None:
            assert origin.tier is LimitSource.ROLE_BASED
            assert any(
                limit.group_id == origin.group_id and limit.role == origin.role and getattr(limit, field) == value
                for limit in earned
            )
        else:
            assert origin.tier is LimitSource.SYSTEM_DEFAULT


def _model(override: int | None, earned: list[EarnedLimit], field: str) -> int | None:
    """The rule once more, written as requirements.md says it and in no other way."""
    if override is not None:
        return override
    by_membership = []
    for membership in {limit.membership_group_id for limit in earned}:
        path = sorted((e for e in earned if e.membership_group_id == membership), key=lambda e: e.distance)
        setting = [getattr(e, field) for e in path if getattr(e, field) is not None]
        by_membership += setting[:1]
    return max(by_membership, default=None)


@pytest.fixture
def limits(database: Database) -> Limits:
    return Limits(database, default_file_size_bytes=DEFAULT_FILE, default_quota_bytes=DEFAULT_QUOTA)


async def test_a_user_without_anything_has_the_defaults(limits: Limits) -> None:
    user = await make_user()
    found = await limits.effective(user.id)
    assert (found.max_file_size_bytes, found.storage_quota_bytes, found.source) == (
        10,
        1000,
        LimitSource.SYSTEM_DEFAULT,
    )


async def test_the_nearest_group_that_sets_the_field_for_the_role_counts(limits: Limits) -> None:
    district = await make_group()
    school = await make_group(district)
    department = await make_group(school)
    user = await make_user()
    await make_membership(user, department, MemberRole.TEACHER)
    await make_role_limit(district, MemberRole.TEACHER, max_file_size_bytes=500, storage_quota_bytes=7000)
    await make_role_limit(school, MemberRole.TEACHER, max_file_size_bytes=50)
    await make_role_limit(department, MemberRole.STUDENT, max_file_size_bytes=9_999, storage_quota_bytes=9_999)
    found = await limits.effective(user.id)
    assert (found.max_file_size_bytes, found.storage_quota_bytes) == (50, 7000)
    assert found.max_file_size_origin.group_id == school.id
    assert found.storage_quota_origin.group_id == district.id
    assert found.storage_quota_origin.role is MemberRole.TEACHER
    assert found.source is LimitSource.ROLE_BASED


async def test_the_most_generous_membership_wins(limits: Limits) -> None:
    first, second = await make_group(), await make_group()
    user = await make_user()
    await make_membership(user, first, MemberRole.STUDENT)
    await make_membership(user, second, MemberRole.TEACHER)
    await make_role_limit(first, MemberRole.STUDENT, storage_quota_bytes=100)
    await make_role_limit(second, MemberRole.TEACHER, storage_quota_bytes=200)
    assert (await limits.effective(user.id)).storage_quota_bytes == 200


async def test_an_override_beats_the_roles_in_the_field_that_it_sets(limits: Limits) -> None:
    group = await make_group()
    user = await make_user()
    await make_membership(user, group, MemberRole.STUDENT)
    await make_role_limit(group, MemberRole.STUDENT, max_file_size_bytes=300, storage_quota_bytes=400)
    await make_user_limit(user, storage_quota_bytes=50)
    found = await limits.effective(user.id)
    assert (found.max_file_size_bytes, found.storage_quota_bytes) == (300, 50)
    assert found.storage_quota_origin.tier is LimitSource.USER_OVERRIDE
    assert found.source is LimitSource.USER_OVERRIDE


async def test_several_users_are_resolved_apart(limits: Limits) -> None:
    group = await make_group()
    inside, outside = await make_user(), await make_user()
    await make_membership(inside, group, MemberRole.STUDENT)
    await make_role_limit(group, MemberRole.STUDENT, storage_quota_bytes=77)
    found = await limits.effective_many([inside.id, outside.id])
    assert found[inside.id].storage_quota_bytes == 77
    assert found[outside.id].storage_quota_bytes == 1000
    quotas = await limits.quota_many([inside.id, outside.id])
    assert (quotas[inside.id].used_bytes, quotas[inside.id].remaining_bytes) == (0, 77)
