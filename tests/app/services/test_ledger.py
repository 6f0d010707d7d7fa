"""The ledger: it moves with the row, cannot be beaten by parallel work, and heals itself where it finds a drift."""

import asyncio
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.db import Database
from app.errors import QuotaExceeded
from app.models import File, FileStatus, User
from app.services.ledger import Ledger
from app.services.limits import EffectiveLimits, LimitSource, Origin
from app.services.reservations import Draft, Reservations
from tests.factories import make_file, make_location, make_user
from tests.fixtures.ledger import assert_ledger_is_true, recorded

DEFAULT = Origin(LimitSource.SYSTEM_DEFAULT)


def limited(quota: int) -> EffectiveLimits:
    return EffectiveLimits(quota, quota, DEFAULT, DEFAULT)


def draft(owner_id: UUID) -> Draft:
    file_id = uuid4()
    return Draft(
        id=file_id,
        owner_id=owner_id,
        group_id=None,
        name="essay.txt",
        location="memory",
        storage_key=f"system/2026/01/{file_id}.txt",
        entity_type=None,
        entity_id=None,
        idempotency_key=None,
        created_at=FixedClock().now(),
    )


@pytest.fixture
async def owner(database: Database) -> User:
    await make_location("memory")
    return await make_user()


def reservations_on(database: Database, *, factor: int = 2) -> Reservations:
    return Reservations(database, Ledger(database, trash_quota_factor=factor), FixedClock(), upload_expires_seconds=900)


@pytest.mark.requirement("R2")
async def test_parallel_reservations_never_pass_the_quota_and_none_that_fits_is_refused(
    database: Database, owner: User
) -> None:
    reservations = reservations_on(database)

    async def attempt() -> bool:
        try:
            await reservations.open(draft(owner.id), 100, limited(1050), needed=100)
        except QuotaExceeded:
            return False
        return True

    outcomes = await asyncio.gather(*(attempt() for _ in range(40)))
    assert sum(outcomes) == 10
    assert await recorded(database, owner.id) == (1000, 0)
    await assert_ledger_is_true(database)


@pytest.mark.requirement("R2")
async def test_a_refusal_tells_the_figures_and_changes_nothing(database: Database, owner: User) -> None:
    reservations = reservations_on(database)
    await reservations.open(draft(owner.id), 900, limited(1000), needed=900)
    with pytest.raises(QuotaExceeded) as refusal:
        await reservations.open(draft(owner.id), 200, limited(1000), needed=200)
    figures = refusal.value
    assert (figures.used_bytes, figures.trash_bytes, figures.quota_bytes, figures.requested_bytes) == (
        900,
        0,
        1000,
        200,
    )
    assert figures.source == LimitSource.SYSTEM_DEFAULT
    assert await File.all().count() == 1
    await assert_ledger_is_true(database)


async def test_use_and_trash_together_are_bounded(database: Database, owner: User) -> None:
    await make_file(owner, size_bytes=1900, status=FileStatus.SOFT_DELETED)
    reservations = reservations_on(database, factor=2)
    with pytest.raises(QuotaExceeded):
        await reservations.open(draft(owner.id), 101, limited(1000), needed=101)
    await reservations.open(draft(owner.id), 100, limited(1000), needed=100)
    unbounded = reservations_on(database, factor=0)
    await unbounded.open(draft(owner.id), 900, limited(1000), needed=900)
    await assert_ledger_is_true(database)


async def test_a_reservation_takes_what_is_free_when_that_is_enough(database: Database, owner: User) -> None:
    reservations = reservations_on(database)
    assert await reservations.open(draft(owner.id), 5000, limited(1000), needed=10) == 1000
    assert await recorded(database, owner.id) == (1000, 0)


async def test_an_abandoned_upload_holds_nothing(database: Database, owner: User) -> None:
    reservations = reservations_on(database)
    untouched, written = draft(owner.id), draft(owner.id)
    for each in (untouched, written):
        await reservations.open(each, 100, limited(1000), needed=100)
    await reservations.abandon(untouched, bytes_may_exist=False)
    await reservations.abandon(written, bytes_may_exist=True)
    assert await File.filter(id=untouched.id).count() == 0
    kept = await File.get(id=written.id)
    assert (kept.status, kept.charged_bytes) == (FileStatus.PURGING, 0)
    assert await recorded(database, owner.id) == (0, 0)
    await reservations.abandon(written, bytes_may_exist=True)
    await assert_ledger_is_true(database)


async def test_a_release_below_zero_heals_the_ledger_and_reports_it(database: Database, owner: User) -> None:
    await make_file(owner, size_bytes=300)
    await make_file(owner, size_bytes=200)
    await database.execute("UPDATE user_storage SET used_bytes = 100 WHERE user_id = $1", owner.id)
    ledger = Ledger(database, trash_quota_factor=2)
    victim = await File.filter(size_bytes=300).get()

    async def unit() -> None:
        await database.execute("DELETE FROM files WHERE id = $1", victim.id)
        await ledger.release(owner.id, 300)

    with capture_logs() as lines:
        await database.transaction(unit)
    assert await recorded(database, owner.id) == (200, 0)
    reported = [line for line in lines if line["event"] == "quota.discrepancy"]
    assert [(line["user_id"], line["expected"]) for line in reported] == [(str(owner.id), 200)]
