"""Files at the service: states, the ledger that moves with them, and who may do what (R5 to R7)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import (
    BadUserInput,
    Conflict,
    Forbidden,
    NotFound,
    QuotaExceeded,
    StorageUnavailable,
    UnsupportedMediaType,
)
from app.models import File, FileStatus, MemberRole, User, UserStorage
from app.runtime import Runtime
from app.services.file_list import FileFilter, FileOrder, FileScope
from tests.factories import make_file, make_group, make_membership, make_user, make_user_limit
from tests.fixtures.ledger import assert_ledger_is_true, recorded
from tests.fixtures.statements import statements


@pytest.mark.requirement("R6")
async def test_delete_restore_and_purge_move_the_ledger_with_the_row(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    file = await make_file(user, content=b"x" * 700, location="memory", storage=runtime.storage)
    deleted = await runtime.files.delete(principal, file.id)
    assert (deleted.status, deleted.deleted_at) == (FileStatus.SOFT_DELETED, runtime.clock.now())
    assert await recorded(runtime.database, user.id) == (0, 700)
    with pytest.raises(Conflict):
        await runtime.files.delete(principal, file.id)
    restored = await runtime.files.restore(principal, file.id)
    assert (restored.status, restored.deleted_at) == (FileStatus.ACTIVE, None)
    assert await recorded(runtime.database, user.id) == (700, 0)
    for refused in (runtime.files.restore, runtime.files.purge):
        with pytest.raises(Conflict):
            await refused(principal, file.id)
    await runtime.files.delete(principal, file.id)
    await runtime.files.purge(principal, file.id)
    assert await recorded(runtime.database, user.id) == (0, 0)
    assert await File.all().count() == 0
    assert [info.key async for info in runtime.storage.list("memory")] == []
    await assert_ledger_is_true(runtime.database)


async def test_a_restore_that_does_not_fit_changes_nothing(runtime: Runtime, principal: Principal, user: User) -> None:
    gone = await make_file(user, size_bytes=600_000, status=FileStatus.SOFT_DELETED, location="memory")
    await make_file(user, size_bytes=1_500_000, location="memory")
    with pytest.raises(QuotaExceeded) as refusal:
        await runtime.files.restore(principal, gone.id)
    assert refusal.value.requested_bytes == 600_000
    assert (await File.get(id=gone.id)).status is FileStatus.SOFT_DELETED
    assert await recorded(runtime.database, user.id) == (1_500_000, 600_000)


@pytest.mark.parametrize(
    "drift", ["DELETE FROM user_storage", "UPDATE user_storage SET trash_bytes = 3"], ids=["no row", "too little trash"]
)
async def test_a_restore_heals_a_ledger_that_has_drifted(
    runtime: Runtime, principal: Principal, user: User, drift: str
) -> None:
    await make_file(user, size_bytes=100, location="memory")
    gone = await make_file(user, size_bytes=5, status=FileStatus.SOFT_DELETED, location="memory")
    await runtime.database.execute(drift)
    await runtime.files.restore(principal, gone.id)
    assert await recorded(runtime.database, user.id) == (105, 0)
    await assert_ledger_is_true(runtime.database)


async def test_a_restore_into_a_quota_that_only_a_drift_leaves_room_in_is_refused(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    await make_file(user, size_bytes=1_999_999, location="memory")
    gone = await make_file(user, size_bytes=5, status=FileStatus.SOFT_DELETED, location="memory")
    await runtime.database.execute("DELETE FROM user_storage")
    with pytest.raises(QuotaExceeded) as refusal:
        await runtime.files.restore(principal, gone.id)
    assert (refusal.value.used_bytes, refusal.value.trash_bytes) == (1_999_999, 5)
    assert (await File.get(id=gone.id)).status is FileStatus.SOFT_DELETED
    assert not await UserStorage.exists(user_id=user.id)


async def test_a_full_trash_stands_in_the_way_of_uploads_and_not_of_a_restore(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    gone = [await make_file(user, size_bytes=size, status=FileStatus.SOFT_DELETED) for size in (500_000, 3_500_000)]
    await make_user_limit(user, storage_quota_bytes=600_000)
    restored = await runtime.files.restore(principal, gone[0].id)
    assert restored.status is FileStatus.ACTIVE
    assert await recorded(runtime.database, user.id) == (500_000, 3_500_000)


async def test_no_file_becomes_a_script_by_its_name(runtime: Runtime, principal: Principal, user: User) -> None:
    file = await make_file(user, name="notes.txt", location="memory")
    for name in ("invoice.bat", "a.HTA", "b.ps1", "c.js", "d.vbs. ."):
        with pytest.raises(UnsupportedMediaType):
            await runtime.files.rename(principal, file.id, name)
    assert (await File.get(id=file.id)).name == "notes.txt"
    assert (await runtime.files.rename(principal, file.id, "js.txt")).name == "js.txt"


@pytest.mark.requirement("R13")
async def test_a_url_of_a_store_that_is_not_ready_is_told_as_such(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    file = await make_file(user, location="memory")
    await runtime.storage.close()
    with pytest.raises(StorageUnavailable):
        await runtime.files.signed_url(file, expires_in=None, inline=False)


async def test_what_the_trash_still_holds_is_not_charged_twice(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    held = await make_file(user, size_bytes=600, charged_bytes=600, status=FileStatus.SOFT_DELETED, location="memory")
    await runtime.files.restore(principal, held.id)
    assert await recorded(runtime.database, user.id) == (600, 0)
    await assert_ledger_is_true(runtime.database)


async def test_a_purge_whose_store_is_away_is_finished_later(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    file = await make_file(user, size_bytes=10, status=FileStatus.SOFT_DELETED, location="memory")
    await runtime.storage.close()
    await runtime.files.purge(principal, file.id)
    row = await File.get(id=file.id)
    assert (row.status, row.purge_attempts) == (FileStatus.PURGING, 1)
    assert await recorded(runtime.database, user.id) == (0, 0)


async def test_parallel_deletes_and_restores_of_one_file_keep_the_ledger(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    file = await make_file(user, size_bytes=700, location="memory")

    async def attempt(number: int) -> None:
        action = runtime.files.delete if number % 2 else runtime.files.restore
        try:
            await action(principal, file.id)
        except Conflict:
            return

    await asyncio.gather(*(attempt(number) for number in range(30)))
    await assert_ledger_is_true(runtime.database)


async def test_a_delete_answers_also_when_the_file_is_purged_at_once(
    runtime: Runtime, principal: Principal, user: User
) -> None:
    async def purge_as_soon_as_possible(file_id: UUID) -> None:
        while True:
            try:
                await runtime.files.purge(principal, file_id)
            except Conflict:
                continue
            return

    for _ in range(10):
        file = await make_file(user, size_bytes=10, location="memory")
        deleted, _ = await asyncio.gather(runtime.files.delete(principal, file.id), purge_as_soon_as_possible(file.id))
        assert (deleted.id, deleted.status) == (file.id, FileStatus.SOFT_DELETED)
    assert await recorded(runtime.database, user.id) == (0, 0)


@pytest.mark.requirement("R7")
async def test_who_may_see_and_manage_a_file(runtime: Runtime, principal: Principal, user: User) -> None:
    district = await make_group()
    school, other = await make_group(district), await make_group(district)
    head, sibling, stranger, admin = [await make_user() for _ in range(4)]
    await make_membership(head, district, MemberRole.GROUP_ADMIN)
    await make_membership(sibling, other, MemberRole.GROUP_ADMIN)
    file = await make_file(user, group=school, location="memory")
    loose = await make_file(user, location="memory")
    for caller, sees_group_file, sees_loose_file in (
        (principal, True, True),
        (Principal(head.id, is_system_admin=False), True, False),
        (Principal(sibling.id, is_system_admin=False), False, False),
        (Principal(stranger.id, is_system_admin=False), False, False),
        (Principal(admin.id, is_system_admin=True), True, True),
    ):
        for target, visible in ((file, sees_group_file), (loose, sees_loose_file)):
            if visible:
                assert (await runtime.files.get(caller, target.id)).id == target.id
                assert (await runtime.files.rename(caller, target.id, "new.txt")).name == "new.txt"
            else:
                for attempt in (runtime.files.get, runtime.files.delete, runtime.files.restore, runtime.files.purge):
                    with pytest.raises(NotFound):
                        await attempt(caller, target.id)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("status", [FileStatus.PENDING, FileStatus.PURGING])
async def test_a_file_on_its_way_is_managed_by_nobody(
    runtime: Runtime, principal: Principal, user: User, status: FileStatus
) -> None:
    file = await make_file(user, status=status, location="memory")
    for attempt in (runtime.files.delete, runtime.files.restore, runtime.files.purge):
        with pytest.raises(Conflict):
            await attempt(principal, file.id)
    with pytest.raises(NotFound):
        await runtime.files.get(principal, file.id)
    assert (await runtime.files.get(principal, file.id, active_only=False)).id == file.id


@pytest.mark.requirement("R7")
async def test_only_system_admins_empty_the_trash_of_others(runtime: Runtime, principal: Principal, user: User) -> None:
    other = await make_user()
    await make_file(other, status=FileStatus.SOFT_DELETED, location="memory")
    with pytest.raises(Forbidden):
        await runtime.files.empty_trash(principal, other.id)
    admin = Principal((await make_user(is_system_admin=True)).id, is_system_admin=True)
    assert (await runtime.files.empty_trash(admin, other.id)).files_purged == 1
    with pytest.raises(NotFound):
        await runtime.files.empty_trash(admin, UUID(int=5))


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("order", FileOrder)
async def test_pages_walk_the_whole_list_in_order_while_rows_come_and_go(
    runtime: Runtime, principal: Principal, user: User, order: FileOrder
) -> None:
    start = runtime.clock.now()
    for number in range(23):
        await make_file(
            user,
            name=f"{'äÄbBz'[number % 5]}{number % 4}.txt",
            size_bytes=number % 6,
            created_at=start + timedelta(microseconds=(number % 9) * 500_000),
            location="memory",
        )
    keys: dict[FileOrder, tuple[Any, bool]] = {
        FileOrder.CREATED_AT_DESC: (lambda file: (file.created_at, str(file.id)), True),
        FileOrder.CREATED_AT_ASC: (lambda file: (file.created_at, str(file.id)), False),
        FileOrder.NAME_ASC: (lambda file: (file.name_folded.encode(), str(file.id)), False),
        FileOrder.SIZE_DESC: (lambda file: (file.size_bytes, str(file.id)), True),
    }
    key, backwards = keys[order]
    expected = [file.id for file in sorted(await File.all(), key=key, reverse=backwards)]
    seen: list[UUID] = []
    after: str | None = None
    removed = expected.pop(9)
    for page_number in range(10):
        page = await runtime.files.page(principal, FileFilter(), order, 5, after)
        assert page.has_previous is (page_number > 0)
        seen += [file.id for file in page.items]
        if page_number == 0:
            await runtime.files.delete(principal, removed)
        if not page.has_next:
            break
        after = page.cursors[-1]
    assert seen == expected


async def test_a_page_of_ones_own_files_is_one_statement(runtime: Runtime, principal: Principal, user: User) -> None:
    file = await make_file(user)

    with statements() as sent:
        page = await runtime.files.page(principal, FileFilter(), FileOrder.NAME_ASC, 5, None)

    assert ([found.id for found in page.items], len(sent)) == ([file.id], 1)


@pytest.mark.requirement("R5")
async def test_filters_combine(runtime: Runtime, principal: Principal, user: User, clock: FixedClock) -> None:
    group = await make_group()
    early, late = clock.now(), clock.now() + timedelta(days=2)
    essay = await make_file(user, name="My ESSAY 100%_a.pdf", mime_type="application/pdf", created_at=late, group=group)
    await make_file(user, name="essay.txt", mime_type="text/plain", created_at=late)
    await make_file(user, name="essay old.pdf", mime_type="application/pdf", created_at=early, group=group)
    await make_file(name="essay of another.pdf", mime_type="application/pdf", created_at=late, group=group)
    trashed = await make_file(user, name="essay gone.pdf", status=FileStatus.SOFT_DELETED)

    async def names(wanted: FileFilter) -> list[str]:
        return [file.name for file in (await runtime.files.page(principal, wanted, FileOrder.NAME_ASC, 50, None)).items]

    assert await names(
        FileFilter(
            name_contains="essay",
            mime_type="application/pdf",
            created_after=early + timedelta(days=1),
            created_before=late + timedelta(days=1),
            group_id=group.id,
            uploaded_by_id=user.id,
        )
    ) == [essay.name]
    assert await names(FileFilter(name_contains="100%_")) == [essay.name]
    assert await names(FileFilter(name_contains="100%b")) == []
    assert await names(FileFilter(status=FileStatus.SOFT_DELETED)) == [trashed.name]
    assert len(await names(FileFilter(status=None))) == 4


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_a_filter_that_no_database_can_be_asked_for_is_bad_input(
    runtime: Runtime, principal: Principal, text: str
) -> None:
    for wanted in (FileFilter(name_contains=text), FileFilter(mime_type=text)):
        with pytest.raises(BadUserInput):
            await runtime.files.page(principal, wanted, FileOrder.NAME_ASC, 10, None)


@pytest.mark.requirement("R7")
async def test_managed_lists_hold_what_the_caller_administers(runtime: Runtime, user: User) -> None:
    district = await make_group()
    school = await make_group(district)
    head, admin = await make_user(), await make_user(is_system_admin=True)
    await make_membership(head, district, MemberRole.GROUP_ADMIN)
    inside = await make_file(user, group=school)
    outside = await make_file(user)
    managed = FileFilter(scope=FileScope.MANAGED)

    async def ids(caller: Principal) -> set[object]:
        return {f.id for f in (await runtime.files.page(caller, managed, FileOrder.SIZE_DESC, 50, None)).items}

    assert await ids(Principal(head.id, is_system_admin=False)) == {inside.id}
    assert await ids(Principal(admin.id, is_system_admin=True)) == {inside.id, outside.id}
    assert await ids(Principal(user.id, is_system_admin=False)) == set()


@pytest.mark.requirement("R4")
async def test_a_signed_url_has_a_bounded_life(runtime: Runtime, user: User) -> None:
    file = await make_file(user, location="memory")
    url = await runtime.files.signed_url(file, expires_in=None, inline=False)
    assert url is not None
    assert url.expires_at == runtime.clock.now() + timedelta(seconds=900)
    assert url.url.startswith("http://127.0.0.1:8000/files/")
    for seconds in (0, -1, 3601):
        with pytest.raises(BadUserInput):
            await runtime.files.signed_url(file, expires_in=seconds, inline=False)
    trashed = await make_file(user, status=FileStatus.SOFT_DELETED, location="memory")
    assert await runtime.files.signed_url(trashed, expires_in=60, inline=False) is None
