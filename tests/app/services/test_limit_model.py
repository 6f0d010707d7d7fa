"""R8 against chance and through the database: trees, memberships, role limits and overrides, resolved and by a model."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.db import Database
from app.models import Group, MemberRole, Membership, RoleLimit, User, UserLimit
from app.services.limits import EffectiveLimits, Limits, LimitSource, Origin
from tests.factories import make_group, make_membership, make_role_limit, make_user, make_user_limit

pytestmark = pytest.mark.requirement("R8")

DEFAULTS = (10, 1000)  # bytes: of a file, and altogether
Pair = tuple[int | None, int | None]  # the same two figures, where they are set
# One database for all examples: each begins by clearing it.
_shared = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_figures = st.none() | st.integers(1, 30) | st.just(2**53 - 1)
_pairs = st.tuples(_figures, _figures)


@dataclass(frozen=True)
class Forest:
    """Groups by number, each with the number of the one above it; users by number."""

    parents: list[int | None]
    roles: dict[tuple[int, int], MemberRole]  # of (user, group)
    role_limits: dict[tuple[int, MemberRole], Pair]
    overrides: dict[int, Pair]
    users: int = 4

    def line(self, group: int) -> list[int]:
        """The group and those above it, the nearest first."""
        above = self.parents[group]
        return [group] if above is None else [group, *self.line(above)]

    def expected(self, user: int, field: int) -> tuple[int, LimitSource, set[tuple[int, MemberRole]]]:
        """A figure, its tier, and the places that may be named as its origin. "User override, else the most generous limit
        that the user's roles earn (for each membership the nearest group at or above it that sets the field for that role),
        else the system default."
        """
        override = self.overrides.get(user, (None, None))[field]
        if override is not None:
            return override, LimitSource.USER_OVERRIDE, set()
        earned: list[tuple[int, int, MemberRole]] = []
        for (member, group), role in self.roles.items():
            if member == user:
                earned += self._nearest(group, role, field)
        if not earned:
            return DEFAULTS[field], LimitSource.SYSTEM_DEFAULT, set()
        best = max(figure for figure, _, _ in earned)
        return best, LimitSource.ROLE_BASED, {(group, role) for figure, group, role in earned if figure == best}

    def _nearest(self, group: int, role: MemberRole, field: int) -> list[tuple[int, int, MemberRole]]:
        for above in self.line(group):
            figure = self.role_limits.get((above, role), (None, None))[field]
            if figure is not None:
                return [(figure, above, role)]
        return []


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """Up to eight groups, of which any may be a root, and places in them."""
    count = draw(st.integers(1, 8))
    parents = [None, *(draw(st.none() | st.integers(max(0, number - 3), number - 1)) for number in range(1, count))]
    groups, users = st.integers(0, len(parents) - 1), st.integers(0, 3)
    return Forest(
        parents,
        roles=draw(st.dictionaries(st.tuples(users, groups), st.sampled_from(MemberRole), max_size=10)),
        role_limits=draw(st.dictionaries(st.tuples(groups, st.sampled_from(MemberRole)), _pairs, max_size=12)),
        overrides=draw(st.dictionaries(users, _pairs, max_size=2)),
    )


async def _rewrite(database: Database, forest: Forest) -> tuple[list[UUID], list[UUID]]:
    """The forest in place of the one before. The ids of the users, and of the groups."""
    for model in (UserLimit, RoleLimit, Membership):
        await model.all().delete()
    await database.execute("UPDATE groups SET parent_id = NULL")
    await Group.all().delete()
    await User.all().delete()
    users = [await make_user() for _ in range(forest.users)]
    groups: list[Group] = []
    for parent in forest.parents:
        groups.append(await make_group(None if parent is None else groups[parent]))
    for (user, group), role in forest.roles.items():
        await make_membership(users[user], groups[group], role)
    for (group, role), (file_size, quota) in forest.role_limits.items():
        await make_role_limit(groups[group], role, max_file_size_bytes=file_size, storage_quota_bytes=quota)
    for user, (file_size, quota) in forest.overrides.items():
        await make_user_limit(users[user], max_file_size_bytes=file_size, storage_quota_bytes=quota)
    return [user.id for user in users], [group.id for group in groups]


async def _compare(database: Database, forest: Forest) -> None:
    users, groups = await database.transaction(partial(_rewrite, database, forest))
    limits = Limits(database, default_file_size_bytes=DEFAULTS[0], default_quota_bytes=DEFAULTS[1])
    found = await limits.effective_many(users)
    quotas = await limits.quota_many(users)
    assert set(found) == set(quotas) == set(users)
    for number, user in enumerate(users):
        _check(forest, number, found[user], groups)
        assert (quotas[user].quota_bytes, quotas[user].source) == (
            found[user].storage_quota_bytes,
            found[user].storage_quota_origin.tier,
        )
        assert await limits.effective(user) == found[user]


def _check(forest: Forest, user: int, limits: EffectiveLimits, groups: list[UUID]) -> None:
    tiers = []
    for field, figure, origin in (
        (0, limits.max_file_size_bytes, limits.max_file_size_origin),
        (1, limits.storage_quota_bytes, limits.storage_quota_origin),
    ):
        expected, tier, places = forest.expected(user, field)
        assert (figure, origin.tier) == (expected, tier)
        assert origin in ([Origin(tier, groups[group], role) for group, role in places] or [Origin(tier)])
        tiers.append(tier)
    assert limits.source is max(tiers, key=list(LimitSource).index)


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    async with _opened(sqlite_url) as database:
        yield database


@pytest.fixture
async def postgresql(postgres_url: str) -> AsyncIterator[Database]:
    async with _opened(postgres_url) as database:
        yield database


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Database, None]:
    database = Database(url, pool_max=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.timeout(1800)  # of a machine that has other things to do
@settings(_shared, max_examples=100, derandomize=True, database=None)
@given(forest=forests())
async def test_limits_are_those_of_the_rule(sqlite: Database, forest: Forest) -> None:
    await _compare(sqlite, forest)


@pytest.mark.timeout(1800)
@settings(_shared, max_examples=15, derandomize=True, database=None)
@given(forest=forests())
async def test_so_they_are_on_postgresql(postgresql: Database, forest: Forest) -> None:
    await _compare(postgresql, forest)


@pytest.mark.long
@settings(_shared, max_examples=1000)
@given(forest=forests())
async def test_so_they_are_in_a_thousand_trees(database: Database, forest: Forest) -> None:
    await _compare(database, forest)
