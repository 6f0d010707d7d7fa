"""quotaChanged: the state first, then every state that is another one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.models import FileStatus, JobName, UserStorage
from tests.factories import make_file
from tests.fixtures.app import Satchel
from tests.fixtures.jobs import succeed, trashed
from tests.fixtures.watching import Watcher, subscribed, watch

QUOTA = """subscription ($user: ID) {
  quotaChanged(userId: $user) { userId at quota { usedBytes trashBytes quotaBytes remainingBytes source } }
}"""
MIB, GIB = 1024**2, 1024**3


async def quota_of(watcher: Watcher) -> tuple[int, int, int, str]:
    quota: dict[str, Any] = (await watcher.next())["quotaChanged"]["quota"]
    return quota["usedBytes"], quota["trashBytes"], quota["quotaBytes"], quota["source"]


async def administer(satchel: Satchel, mutation: str, **fields: Any) -> None:
    kind = mutation[0].upper() + mutation[1:]
    query = f"mutation ($input: {kind}Input!) {{ {mutation}(input: $input) {{ __typename }} }}"
    (await satchel.graphql(query, {"input": fields}, by="system_admin")).ok()


async def test_a_quota_is_told_now_and_whenever_it_is_another_one(embedded: Satchel) -> None:
    student, north = str(embedded.user("student").id), str(embedded.groups["north"].id)
    default = "SYSTEM_DEFAULT"
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(QUOTA)
        assert await quota_of(watcher) == (0, 0, GIB, default)
        file = await embedded.file(b"x" * 10)
        assert await quota_of(watcher) == (10, 0, GIB, default)
        await embedded.act("renameFile", file["id"], name="other")  # changes nothing here
        await embedded.file(b"x" * 10, by="other_student")
        await embedded.act("deleteFile", file["id"])
        assert await quota_of(watcher) == (0, 10, GIB, default)
        await embedded.act("restoreFile", file["id"])
        assert await quota_of(watcher) == (10, 0, GIB, default)
        await administer(embedded, "setGroupRoleLimits", groupId=north, role="STUDENT", storageQuotaBytes=5 * MIB)
        assert await quota_of(watcher) == (10, 0, 5 * MIB, "ROLE_BASED")
        await administer(embedded, "setUserLimits", userId=student, storageQuotaBytes=7 * MIB)
        assert await quota_of(watcher) == (10, 0, 7 * MIB, "USER_OVERRIDE")
        await administer(embedded, "clearUserLimits", userId=student)
        assert await quota_of(watcher) == (10, 0, 5 * MIB, "ROLE_BASED")
        await administer(embedded, "removeGroupMember", groupId=north, userId=student)
        assert await quota_of(watcher) == (10, 0, GIB, default)
        await embedded.act("deleteFile", file["id"])
        assert await quota_of(watcher) == (0, 10, GIB, default)
        await embedded.act("purgeFile", file["id"])
        assert await quota_of(watcher) == (0, 0, GIB, default)


async def test_what_is_given_back_without_an_event_of_a_file_is_told_too(embedded: Satchel) -> None:
    """A reservation that nobody came to use, a ledger that is put right, and a file in the trash that was still charged."""
    runtime, student = embedded.runtime, embedded.user("student")
    location, long_ago = runtime.storage.default, datetime(2020, 1, 1, tzinfo=UTC)
    await make_file(student, size_bytes=70, status=FileStatus.PENDING, location=location, lease_expires_at=long_ago)
    await trashed(runtime, student, timedelta(days=31), content=b"x" * 30, charged_bytes=30)
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(QUOTA)
        assert (await quota_of(watcher))[:2] == (100, 30)
        await succeed(runtime, JobName.EXPIRED_UPLOAD_CLEANUP)
        assert (await quota_of(watcher))[:2] == (30, 30)
        await succeed(runtime, JobName.ORPHANED_FILE_CLEANUP)
        while (quota := (await quota_of(watcher))[:2]) != (0, 0):
            assert quota == (30, 0), "claimed, and not gone yet"
        file = await embedded.file(b"x" * 10)
        assert (await quota_of(watcher))[:2] == (10, 0)
        await UserStorage.filter(user_id=student.id).update(used_bytes=15)
        await embedded.act("renameFile", file["id"], name="other")
        assert (await quota_of(watcher))[:2] == (15, 0)
        await succeed(runtime, JobName.QUOTA_RECONCILIATION)
        assert (await quota_of(watcher))[:2] == (10, 0)


async def test_a_group_that_moves_below_other_limits_changes_quotas(embedded: Satchel) -> None:
    south, science = str(embedded.groups["south"].id), str(embedded.groups["science"].id)
    await administer(embedded, "setGroupRoleLimits", groupId=south, role="TEACHER", storageQuotaBytes=5 * MIB)
    async with watch(embedded, "teacher") as watcher:
        await watcher.subscribe(QUOTA)
        assert (await quota_of(watcher))[2] == GIB
        await administer(embedded, "updateGroup", id=science, parentId=south)
        assert (await quota_of(watcher))[2] == 5 * MIB


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, code",
    [("group_admin", None), ("system_admin", None), ("other_student", "FORBIDDEN"), ("stranger", "NOT_FOUND")],
)
async def test_the_quota_of_another_user_is_for_their_admins(embedded: Satchel, who: str, code: str | None) -> None:
    async with watch(embedded, who) as watcher:
        await watcher.subscribe(QUOTA, {"user": str(embedded.user("student").id)})
        if code is not None:
            assert (await watcher.error())["extensions"]["code"] == code
            return
        assert (await quota_of(watcher))[0] == 0
        await embedded.file(b"x" * 10)
        assert (await quota_of(watcher))[0] == 10


async def test_the_quota_is_told_no_more_to_who_is_no_admin_of_the_user_any_more(embedded: Satchel) -> None:
    async with watch(embedded, "group_admin") as watcher:
        await watcher.subscribe(QUOTA, {"user": str(embedded.user("student").id)})
        await quota_of(watcher)
        north, admin = str(embedded.groups["north"].id), str(embedded.user("group_admin").id)
        await administer(embedded, "setGroupMember", groupId=north, userId=admin, role="TEACHER")
        assert (await watcher.error())["extensions"]["code"] == "FORBIDDEN"
    await subscribed(embedded, 0)


@pytest.mark.parametrize("user", ["nonsense", ""])
async def test_an_id_that_is_none_is_bad_input(embedded: Satchel, user: str) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(QUOTA, {"user": user})
        assert (await watcher.error())["extensions"]["code"] == "BAD_USER_INPUT"
