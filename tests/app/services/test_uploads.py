"""Uploading at the service: what is stored, what is refused, and that a refusal leaves nothing behind."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import (
    BadUserInput,
    ChecksumMismatch,
    Conflict,
    FileTooLarge,
    Forbidden,
    NotFound,
    QuotaExceeded,
    SatchelError,
    StorageUnavailable,
    UnsupportedMediaType,
)
from app.models import EntityType, File, FileStatus, JobName, MemberRole, StorageLocation, User
from app.runtime import Runtime
from app.services.ledger import Ledger
from app.services.limits import EffectiveLimits
from app.services.reservations import Draft, Reservations
from app.services.uploads import UploadRequest, Uploads
from tests.app.services.conftest import Source
from tests.factories import make_assignment, make_file, make_group, make_membership, make_user
from tests.fixtures.jobs import run_job
from tests.fixtures.ledger import assert_ledger_is_true, recorded

TEXT = b"To be, or not to be.\n" * 1000


async def stored(runtime: Runtime) -> list[str]:
    return [info.key async for info in runtime.storage.list("memory")]


async def assert_nothing_happened(runtime: Runtime, user: User) -> None:
    assert await stored(runtime) == []
    assert await recorded(runtime.database, user.id) == (0, 0)
    assert not await File.exists(status=FileStatus.ACTIVE)
    assert not await File.exists(status=FileStatus.PENDING)
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("told", [True, False], ids=["length told", "length unknown"])
@pytest.mark.parametrize("size", [0, 1, 8 * 1024, 300_000, 1_000_000])
async def test_a_file_is_stored_as_it_came(runtime: Runtime, principal: Principal, size: int, told: bool) -> None:
    content = (TEXT * 50)[:size]
    chunks = [content[start : start + 65_536] for start in range(0, size, 65_536)]
    source = Source(chunks, size_estimate=size if told else None)
    file = await runtime.uploads.upload(principal, UploadRequest(), source)
    assert (file.status, file.size_bytes, file.charged_bytes) == (FileStatus.ACTIVE, size, size)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    async with runtime.storage.read("memory", file.storage_key) as body:
        assert b"".join([chunk async for chunk in body]) == content
    assert await recorded(runtime.database, principal.user_id) == (size, 0)


async def test_the_answer_is_the_row_as_it_stands_in_the_database(runtime: Runtime, principal: Principal) -> None:
    request = UploadRequest(name="a name.txt", idempotency_key="a key")

    file = await runtime.uploads.upload(principal, request, Source([TEXT]))

    assert vars(file) == vars(await File.get(id=file.id))


@pytest.mark.requirement("R2")
async def test_a_length_that_cannot_fit_is_refused_before_a_byte_is_read(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    await make_file(user, size_bytes=1_900_000, location="memory")
    source = Source([TEXT], size_estimate=500_000)
    with pytest.raises(QuotaExceeded) as refusal:
        await runtime.uploads.upload(principal, UploadRequest(), source)
    assert source.pulled == 0
    assert refusal.value.requested_bytes == 500_000
    assert refusal.value.used_bytes == 1_900_000
    assert await recorded(runtime.database, user.id) == (1_900_000, 0)


@pytest.mark.requirement("R2")
async def test_a_length_within_the_slack_of_the_free_space_is_given_the_benefit_of_the_doubt(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    await make_file(user, size_bytes=1_900_000, location="memory")
    file = await runtime.uploads.upload(principal, UploadRequest(), Source([TEXT[:100_000]], size_estimate=100_100))
    assert file.size_bytes == len(TEXT[:100_000])
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R2")
@pytest.mark.parametrize("estimate", [None, 60_000], ids=["length unknown", "length understated"])
async def test_the_byte_that_nothing_covers_is_refused_and_all_is_given_back(
    runtime: Runtime, principal: Principal, user: User, estimate: int | None
) -> None:
    await make_file(user, size_bytes=1_950_000, location="memory")
    source = Source([TEXT, TEXT, TEXT, TEXT], size_estimate=estimate)
    with pytest.raises(QuotaExceeded) as refusal:
        await runtime.uploads.upload(principal, UploadRequest(), source)
    assert refusal.value.used_bytes == 1_950_000
    assert refusal.value.requested_bytes == source.pulled
    assert await recorded(runtime.database, user.id) == (1_950_000, 0)
    assert await stored(runtime) == []
    await assert_ledger_is_true(runtime.database)


@pytest.mark.requirement("R2")
async def test_an_upload_of_unknown_length_takes_the_last_byte_that_is_free(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    await make_file(user, size_bytes=2_000_000 - len(TEXT), location="memory")
    await runtime.uploads.upload(principal, UploadRequest(), Source([TEXT]))
    assert await recorded(runtime.database, user.id) == (2_000_000, 0)


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("estimate, pulled", [(2_000_000, 0), (None, 1_050_000), (10, 1_050_000)])
async def test_a_file_over_the_limit_is_refused(
    runtime: Runtime, principal: Principal, user: User, estimate: int | None, pulled: int
) -> None:
    source = Source([TEXT] * 60, size_estimate=estimate)
    with pytest.raises(FileTooLarge) as refusal:
        await runtime.uploads.upload(principal, UploadRequest(), source)
    assert refusal.value.max_file_size_bytes == 1_000_000
    assert refusal.value.size_bytes == (estimate if pulled == 0 else None)
    assert abs(source.pulled - pulled) < len(TEXT) * 3
    await assert_nothing_happened(runtime, user)


@pytest.mark.requirement("R3")
async def test_an_executable_is_refused_before_the_store_sees_a_byte(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    with pytest.raises(UnsupportedMediaType):
        await runtime.uploads.upload(principal, UploadRequest(), Source([b"MZ\x90\x00" + TEXT], "holiday.jpg"))
    assert await File.all().count() == 0
    await assert_nothing_happened(runtime, user)


async def test_a_source_that_breaks_leaves_a_row_for_the_sweeper_and_nothing_else(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    source = Source([TEXT, TEXT], breaks=ConnectionResetError("the client is gone"))
    with pytest.raises(ConnectionResetError):
        await runtime.uploads.upload(principal, UploadRequest(), source)
    await assert_nothing_happened(runtime, user)
    assert [(row.status, row.charged_bytes) for row in await File.all()] == [(FileStatus.PURGING, 0)]


async def test_a_cancelled_upload_gives_everything_back(runtime: Runtime, principal: Principal, user: User) -> None:
    reached = asyncio.Event()

    class Endless(Source):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield TEXT
            reached.set()
            await asyncio.Event().wait()

    upload = asyncio.create_task(runtime.uploads.upload(principal, UploadRequest(), Endless([])))
    await reached.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    await assert_nothing_happened(runtime, user)


async def test_bytes_that_do_not_hash_to_the_announced_sum_are_refused(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    request = UploadRequest(sha256=hashlib.sha256(b"something else").hexdigest())
    with pytest.raises(ChecksumMismatch) as refusal:
        await runtime.uploads.upload(principal, request, Source([TEXT]))
    assert refusal.value.actual == hashlib.sha256(TEXT).hexdigest()
    assert await recorded(runtime.database, user.id) == (0, 0)
    assert not await File.exists(status=FileStatus.ACTIVE)
    right = UploadRequest(sha256=hashlib.sha256(TEXT).hexdigest().upper())
    assert (await runtime.uploads.upload(principal, right, Source([TEXT]))).status is FileStatus.ACTIVE


async def test_an_upload_of_a_user_who_is_deactivated_meanwhile_fails(
    runtime: Runtime, principal: Principal, user: User, clock: FixedClock
) -> None:
    class Slow(Source):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield TEXT
            await User.filter(id=user.id).update(deactivated_at=clock.now())
            yield TEXT

    with pytest.raises(Conflict):
        await runtime.uploads.upload(principal, UploadRequest(), Slow([]))
    assert await recorded(runtime.database, user.id) == (0, 0)


async def test_an_upload_that_the_sweeper_gave_up_does_not_become_a_file(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    class Stalled(Source):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield TEXT
            await runtime.database.execute(
                f"UPDATE files SET lease_expires_at = {runtime.database.now_plus('$1')}", -901
            )
            await run_job(runtime, JobName.EXPIRED_UPLOAD_CLEANUP)
            yield TEXT

    with pytest.raises(Conflict):
        await runtime.uploads.upload(principal, UploadRequest(), Stalled([]))
    assert await recorded(runtime.database, user.id) == (0, 0)
    assert not await File.exists(status=FileStatus.ACTIVE)
    await assert_ledger_is_true(runtime.database)


class LostAnswers(Reservations):
    """Commits, and its caller never hears of it."""

    failure: BaseException = ConnectionResetError()

    async def open(self, draft: Draft, amount: int, limits: EffectiveLimits, *, needed: int) -> int:
        await super().open(draft, amount, limits, needed=needed)
        raise self.failure


@pytest.mark.requirement("R13")
@pytest.mark.parametrize("failure", [ConnectionResetError(), asyncio.CancelledError()], ids=["lost", "cancelled"])
async def test_a_reservation_that_nobody_heard_of_is_given_back(
    runtime: Runtime, principal: Principal, user: User, failure: BaseException
) -> None:
    ledger = Ledger(runtime.database, trash_quota_factor=2)
    reservations = LostAnswers(runtime.database, ledger, runtime.clock, upload_expires_seconds=900)
    reservations.failure = failure
    uploads = Uploads(
        *(runtime.database, runtime.storage, runtime.limits, reservations, runtime.clock),
        allowed_mime_types=(),
        events=runtime.events,
        metrics=runtime.metrics,
    )
    request = UploadRequest(idempotency_key="homework-1")
    with pytest.raises(type(failure)):
        await uploads.upload(principal, request, Source([TEXT], size_estimate=len(TEXT)))
    await assert_nothing_happened(runtime, user)
    assert (await runtime.uploads.upload(principal, request, Source([TEXT]))).status is FileStatus.ACTIVE


@pytest.mark.requirement("R13")
async def test_a_store_that_has_never_been_asked_is_not_ready(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    await StorageLocation.all().delete()
    with pytest.raises(StorageUnavailable):
        await runtime.uploads.upload(principal, UploadRequest(), Source([TEXT]))
    await assert_nothing_happened(runtime, user)


@pytest.mark.parametrize(
    "request_",
    [
        UploadRequest(sha256="abc"),
        UploadRequest(idempotency_key=""),
        UploadRequest(idempotency_key="x" * 256),
        UploadRequest(idempotency_key="a\nb"),
        UploadRequest(name=""),
        UploadRequest(entity_id=UUID(int=1)),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    runtime: Runtime, principal: Principal, user: User, request_: UploadRequest
) -> None:
    with pytest.raises(BadUserInput):
        await runtime.uploads.upload(principal, request_, Source([TEXT]))
    await assert_nothing_happened(runtime, user)


@pytest.mark.requirement("R7")
async def test_who_may_upload_into_a_group(runtime: Runtime, principal: Principal, user: User) -> None:
    district = await make_group()
    school, other_school = await make_group(district), await make_group(district)
    elsewhere = await make_group()
    await make_membership(user, school, MemberRole.STUDENT)

    async def attempt(group_id: UUID, caller: Principal = principal) -> type[SatchelError] | None:
        try:
            await runtime.uploads.upload(caller, UploadRequest(group_id=group_id), Source([b"x"]))
        except SatchelError as error:
            return type(error)
        return None

    assert await attempt(school.id) is None
    assert await attempt(other_school.id) is Forbidden
    assert await attempt(elsewhere.id) is NotFound
    admin, head = await make_user(is_system_admin=True), await make_user()
    await make_membership(head, district, MemberRole.GROUP_ADMIN)
    assert await attempt(elsewhere.id, Principal(admin.id, is_system_admin=True)) is None
    assert await attempt(other_school.id, Principal(head.id, is_system_admin=False)) is None
    assert await attempt(elsewhere.id, Principal(head.id, is_system_admin=False)) is NotFound


@pytest.mark.requirement("R7")
async def test_a_file_points_only_at_what_its_uploader_can_see(runtime: Runtime, principal: Principal) -> None:
    assignment = await make_assignment()
    request = UploadRequest(entity_type=EntityType.SUBMISSION_FILE, entity_id=assignment.id)
    with pytest.raises(NotFound):
        await runtime.uploads.upload(principal, request, Source([TEXT]))
    own = UploadRequest(entity_type=EntityType.AVATAR, entity_id=principal.user_id)
    assert (await runtime.uploads.upload(principal, own, Source([TEXT]))).entity_id == principal.user_id
