"""R6 and what follows it: into the trash, back from it, and out of it for good."""

import asyncio
from typing import Any

import pytest

from app.models import File, FileStatus
from schema.ids import global_id
from tests.factories import make_file, make_user_limit
from tests.fixtures.app import Satchel

SIZE = 1000
EMPTY = (
    "mutation ($input: EmptyTrashInput) { emptyTrash(input: $input) { filesPurged bytesFreed quota { trashBytes } } }"
)


async def _balance(satchel: Satchel, who: str = "student") -> tuple[int, int]:
    quota = await satchel.quota(who)
    return quota["usedBytes"], quota["trashBytes"]


@pytest.fixture
async def kept(satchel: Satchel) -> dict[str, Any]:
    """A file of the student's that no test touches: 500 bytes."""
    return await satchel.file(b"k" * 500, name="kept.txt")


@pytest.mark.requirement("R6")
async def test_a_soft_delete_hides_the_file_and_lowers_use_by_exactly_its_size(
    satchel: Satchel, kept: dict[str, Any]
) -> None:
    file = await satchel.file(b"x" * SIZE, name="gone.txt")
    satchel.clock.advance(seconds=5)

    deleted = (await satchel.act("deleteFile", file["id"])).ok()["deleteFile"]

    assert deleted["file"] == file | {"status": "SOFT_DELETED", "deletedAt": "2026-01-01T12:00:05.000000Z"}
    assert (deleted["quota"]["usedBytes"], deleted["quota"]["trashBytes"]) == (500, SIZE)
    assert await _balance(satchel) == (500, SIZE)
    hidden = await satchel.graphql("query ($id: ID!) { file(id: $id) { id } }", {"id": file["id"]}, by="student")
    assert (hidden.data, hidden.codes) == ({"file": None}, ["NOT_FOUND"])
    listed = await satchel.graphql("{ files { nodes { name } } }", by="student")
    assert listed.ok() == {"files": {"nodes": [{"name": "kept.txt"}]}}


@pytest.mark.requirement("R6")
@pytest.mark.parametrize("app_settings", [{"trash_counts_toward_quota": True}], ids=["trash counts"])
async def test_where_the_trash_counts_use_falls_only_when_it_is_emptied(satchel: Satchel, kept: dict[str, Any]) -> None:
    file = await satchel.file(b"x" * SIZE)

    (await satchel.act("deleteFile", file["id"])).ok()
    assert await _balance(satchel) == (500 + SIZE, SIZE)
    (await satchel.act("restoreFile", file["id"])).ok()
    assert await _balance(satchel) == (500 + SIZE, 0)
    (await satchel.act("deleteFile", file["id"])).ok()
    (await satchel.act("purgeFile", file["id"])).ok()
    assert await _balance(satchel) == (500, 0)


@pytest.mark.requirement("R6")
async def test_a_file_comes_back_from_the_trash_with_its_bytes(satchel: Satchel, kept: dict[str, Any]) -> None:
    file = await satchel.file(b"x" * SIZE)
    (await satchel.act("deleteFile", file["id"])).ok()

    restored = (await satchel.act("restoreFile", file["id"])).ok()["restoreFile"]

    assert restored["file"] == file | {"deletedAt": None}
    assert (restored["quota"]["usedBytes"], restored["quota"]["trashBytes"]) == (500 + SIZE, 0)
    signed = await satchel.graphql(
        "query ($id: ID!) { file(id: $id) { signedUrl { url } } }", {"id": file["id"]}, by="student"
    )
    assert (await satchel.client.get(signed.ok()["file"]["signedUrl"]["url"])).content == b"x" * SIZE


async def test_restore_is_refused_when_the_quota_is_full(satchel: Satchel, kept: dict[str, Any]) -> None:
    file = await satchel.file(b"x" * SIZE)
    (await satchel.act("deleteFile", file["id"])).ok()
    await make_user_limit(satchel.user("student"), storage_quota_bytes=500 + SIZE - 1)

    answer = await satchel.act("restoreFile", file["id"])

    assert answer.data == {"restoreFile": None}
    assert answer.error["extensions"] == {
        "code": "QUOTA_EXCEEDED",
        "usedBytes": 500,
        "trashBytes": SIZE,
        "quotaBytes": 500 + SIZE - 1,
        "requestedBytes": SIZE,
        "source": "USER_OVERRIDE",
    }
    assert await _balance(satchel) == (500, SIZE)
    assert (await File.get(id=file["uuid"])).status == FileStatus.SOFT_DELETED


async def test_a_purge_deletes_the_bytes_and_the_row(satchel: Satchel, kept: dict[str, Any]) -> None:
    file = await satchel.file(b"x" * SIZE)
    (await satchel.act("deleteFile", file["id"])).ok()

    purged = (await satchel.act("purgeFile", file["id"])).ok()["purgeFile"]

    assert purged["fileId"] == file["id"]
    assert (purged["quota"]["usedBytes"], purged["quota"]["trashBytes"]) == (500, 0)
    assert [str(row.id) for row in await File.all()] == [kept["uuid"]]
    assert len(await satchel.stored_keys()) == 1
    assert (await satchel.act("restoreFile", file["id"])).codes == ["NOT_FOUND"]


async def test_what_does_not_fit_a_files_state_is_a_conflict_that_changes_nothing(satchel: Satchel) -> None:
    active = await satchel.file(b"x" * SIZE)
    trashed = await satchel.file(b"y" * SIZE)
    (await satchel.act("deleteFile", trashed["id"])).ok()
    before = await _balance(satchel)

    refused = [
        await satchel.act("restoreFile", active["id"]),
        await satchel.act("purgeFile", active["id"]),
        await satchel.act("deleteFile", trashed["id"]),
        await satchel.act("renameFile", trashed["id"], name="new.txt"),
    ]

    assert [answer.codes for answer in refused] == [["CONFLICT"]] * 4
    assert await _balance(satchel) == before
    assert {file.name for file in await File.all()} == {"notes.txt"}


@pytest.mark.parametrize("status", [FileStatus.PENDING, FileStatus.PURGING])
async def test_files_on_their_way_in_or_out_are_managed_by_nobody(
    satchel: Satchel, backend: str, status: FileStatus
) -> None:
    file = await make_file(satchel.user("student"), status=status, location=backend)

    for who in ("student", "system_admin"):
        for mutation, fields in (
            ("renameFile", {"name": "x"}),
            ("deleteFile", {}),
            ("restoreFile", {}),
            ("purgeFile", {}),
        ):
            assert (await satchel.act(mutation, str(file.id), by=who, **fields)).codes == ["CONFLICT"]
    assert (await File.get(id=file.id)).status == status


async def test_of_parallel_deletes_and_restores_each_change_happens_once(satchel: Satchel) -> None:
    file = await satchel.file(b"x" * SIZE)

    deletes = await asyncio.gather(*(satchel.act("deleteFile", file["id"]) for _ in range(6)))
    assert sorted(answer.codes for answer in deletes) == [[]] + [["CONFLICT"]] * 5
    assert await _balance(satchel) == (0, SIZE)

    restores = await asyncio.gather(*(satchel.act("restoreFile", file["id"]) for _ in range(6)))
    assert sorted(answer.codes for answer in restores) == [[]] + [["CONFLICT"]] * 5
    assert await _balance(satchel) == (SIZE, 0)


async def test_emptying_the_trash_purges_the_viewers_files_in_it_and_no_others(
    satchel: Satchel, kept: dict[str, Any]
) -> None:
    for who in ("student", "student", "teacher"):
        (await satchel.act("deleteFile", (await satchel.file(b"x" * SIZE, by=who))["id"], by=who)).ok()

    answer = await satchel.graphql(EMPTY, by="student")

    assert answer.ok()["emptyTrash"] == {"filesPurged": 2, "bytesFreed": 2 * SIZE, "quota": {"trashBytes": 0}}
    assert await _balance(satchel) == (500, 0)
    assert await _balance(satchel, "teacher") == (0, SIZE)
    assert len(await satchel.stored_keys()) == 2
    assert (await satchel.graphql(EMPTY, by="student")).ok()["emptyTrash"]["filesPurged"] == 0


async def test_a_system_admin_empties_a_users_trash_and_nobody_else_does(satchel: Satchel) -> None:
    (await satchel.act("deleteFile", (await satchel.file(b"x" * SIZE))["id"])).ok()
    wanted = {"input": {"userId": global_id("User", satchel.user("student").id)}}

    for who in ("teacher", "group_admin", "stranger"):
        assert (await satchel.graphql(EMPTY, wanted, by=who)).codes == ["FORBIDDEN"]
    assert await _balance(satchel) == (0, SIZE)

    answer = await satchel.graphql(EMPTY, wanted, by="system_admin")
    assert answer.ok()["emptyTrash"] == {"filesPurged": 1, "bytesFreed": SIZE, "quota": {"trashBytes": 0}}
    nobody = {"input": {"userId": "00000000-0000-4000-8000-000000000000"}}
    assert (await satchel.graphql(EMPTY, nobody, by="system_admin")).codes == ["NOT_FOUND"]


async def test_mutations_of_one_document_see_what_the_ones_before_them_changed(satchel: Satchel) -> None:
    file = await satchel.file(b"x" * SIZE)
    query = """mutation ($id: ID!) {
      a: deleteFile(input: {id: $id}) { file { uploadedBy { quota { usedBytes } } } quota { usedBytes } }
      b: restoreFile(input: {id: $id}) { file { uploadedBy { quota { usedBytes } } } quota { usedBytes } }
    }"""

    answer = (await satchel.graphql(query, {"id": file["id"]}, by="student")).ok()

    for name, used in (("a", 0), ("b", SIZE)):
        assert answer[name]["quota"] == {"usedBytes": used}
        assert answer[name]["file"]["uploadedBy"]["quota"] == {"usedBytes": used}
