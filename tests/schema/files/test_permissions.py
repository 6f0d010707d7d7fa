"""R7: who may see and do what with files. Refusals change nothing."""

from typing import Any
from uuid import UUID

import pytest

from app.models import File
from schema.ids import global_id
from tests.fixtures.app import Answer, Satchel

MUTATIONS: dict[str, dict[str, Any]] = {
    "renameFile": {"name": "taken.txt"},
    "deleteFile": {},
    "restoreFile": {},
    "purgeFile": {},
}
READ = "query ($id: ID!) { file(id: $id) { name signedUrl { url } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on File { name } } }"


async def _everything(satchel: Satchel, file: dict[str, Any], who: str | None) -> dict[str, Answer]:
    answers = {
        mutation: await satchel.act(mutation, file["id"], by=who, **fields) for mutation, fields in MUTATIONS.items()
    }
    answers["file"] = await satchel.graphql(READ, {"id": file["id"]}, by=who)
    answers["node"] = await satchel.graphql(NODE, {"id": file["id"]}, by=who)
    return answers


async def _assert_untouched(file: dict[str, Any]) -> None:
    row = await File.get(id=file["uuid"])
    assert (row.name, row.status, row.size_bytes) == (file["name"], file["status"], file["sizeBytes"])


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["stranger", "other_student", "teacher", "group_admin"])
async def test_a_file_without_a_group_does_not_exist_for_others(satchel: Satchel, who: str) -> None:
    file = await satchel.file()

    for name, answer in (await _everything(satchel, file, who)).items():
        assert (answer.data, answer.codes) == ({name: None}, ["NOT_FOUND"])
    await _assert_untouched(file)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["stranger", "student"])
async def test_a_file_of_a_group_does_not_exist_for_those_who_do_not_administer_it(satchel: Satchel, who: str) -> None:
    file = await satchel.file(by="teacher", groupId=str(satchel.groups["science"].id))

    for name, answer in (await _everything(satchel, file, who)).items():
        assert (answer.data, answer.codes) == ({name: None}, ["NOT_FOUND"])
    await _assert_untouched(file)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["student", "system_admin"])
async def test_the_owner_and_system_admins_do_everything(satchel: Satchel, who: str) -> None:
    file = await satchel.file(b"mine", name="mine.txt")

    assert (await satchel.graphql(READ, {"id": file["id"]}, by=who)).ok()["file"]["name"] == "mine.txt"
    assert (await satchel.graphql(NODE, {"id": file["id"]}, by=who)).ok() == {"node": {"name": "mine.txt"}}
    renamed = (await satchel.act("renameFile", file["id"], by=who, name="renamed.txt")).ok()
    assert renamed["renameFile"]["file"] == file | {"name": "renamed.txt"}
    for mutation in ("deleteFile", "restoreFile", "deleteFile"):
        quota = (await satchel.act(mutation, file["id"], by=who)).ok()[mutation]["quota"]
        assert quota["usedBytes"] + quota["trashBytes"] == 4  # the owner's, whoever asks
    assert (await satchel.graphql(NODE, {"id": file["id"]}, by=who)).ok() == {"node": {"name": "renamed.txt"}}
    (await satchel.act("purgeFile", file["id"], by=who)).ok()
    assert await File.all().count() == 0


@pytest.mark.requirement("R7")
async def test_an_admin_of_a_group_above_manages_its_files(satchel: Satchel) -> None:
    file = await satchel.file(b"plan", by="teacher", groupId=str(satchel.groups["science"].id))

    assert (await satchel.graphql(READ, {"id": file["id"]}, by="group_admin")).ok()["file"]["name"] == "notes.txt"
    deleted = (await satchel.act("deleteFile", file["id"], by="group_admin")).ok()["deleteFile"]
    assert deleted["quota"]["trashBytes"] == 4  # the teacher is in the subtree, so the quota may be read
    (await satchel.act("purgeFile", file["id"], by="group_admin")).ok()


@pytest.mark.requirement("R7")
async def test_nobody_gets_in_without_a_token(satchel: Satchel) -> None:
    file = await satchel.file()

    for name, answer in (await _everything(satchel, file, None)).items():
        assert (answer.data, answer.codes) == ({name: None}, ["UNAUTHENTICATED"])
        assert answer.error["extensions"]["reason"] == "missing"
    for query in ("{ me { id } }", "{ files { nodes { id } } }", "mutation { emptyTrash { filesPurged } }"):
        assert (await satchel.graphql(query)).codes == ["UNAUTHENTICATED"]
    upload = await satchel.upload(b"x", by=None)
    assert (upload.status, upload.codes) == (401, ["UNAUTHENTICATED"])
    await _assert_untouched(file)
    assert await File.all().count() == 1


@pytest.mark.requirement("R7")
async def test_storage_details_are_for_system_admins_and_null_for_others(satchel: Satchel) -> None:
    file = await satchel.file()
    query = """query ($id: ID!) { file(id: $id) { storageKey purgeAttempts purgeLastError purgeNextAttemptAt } }"""

    own = (await satchel.graphql(query, {"id": file["id"]}, by="student")).ok()["file"]
    assert own == dict.fromkeys(("storageKey", "purgeAttempts", "purgeLastError", "purgeNextAttemptAt"))
    seen = (await satchel.graphql(query, {"id": file["id"]}, by="system_admin")).ok()["file"]
    assert seen["storageKey"] == f"system/2026/01/{file['uuid']}.txt"
    assert seen["purgeAttempts"] == 0


@pytest.mark.requirement("R7")
async def test_uploading_into_a_group_is_for_its_members_and_its_admins(satchel: Satchel) -> None:
    science, district = satchel.groups["science"], satchel.groups["district"]

    for who in ("teacher", "group_admin", "system_admin"):
        (await satchel.upload(b"x", by=who, groupId=str(science.id))).ok()
    assert (await satchel.upload(b"x", by="student", groupId=str(science.id))).codes == ["FORBIDDEN"]
    assert (await satchel.upload(b"x", by="group_admin", groupId=str(district.id))).codes == ["FORBIDDEN"]
    assert (await satchel.upload(b"x", by="stranger", groupId=str(science.id))).codes == ["NOT_FOUND"]
    assert (await satchel.upload(b"x", groupId=str(satchel.user("student").id))).codes == ["NOT_FOUND"]
    assert await File.all().count() == 3


@pytest.mark.requirement("R7")
async def test_a_user_who_is_deactivated_is_let_in_no_more_and_the_files_stay(satchel: Satchel) -> None:
    file = await satchel.file()
    student = satchel.user("student")
    student.deactivated_at = satchel.clock.now()
    await student.save(update_fields=["deactivated_at"])

    answer = await satchel.graphql("{ me { id } }", by="student")
    assert (answer.codes, answer.error["extensions"]["reason"]) == (["UNAUTHENTICATED"], "invalid")
    assert (await satchel.upload(b"x")).codes == ["UNAUTHENTICATED"]
    (await satchel.act("deleteFile", file["id"], by="system_admin")).ok()


@pytest.mark.parametrize(
    "identifier, code",
    [
        ("nonsense", "BAD_USER_INPUT"),
        ("", "BAD_USER_INPUT"),
        ("00000000-0000-4000-8000-000000000000", "NOT_FOUND"),
        (global_id("File", UUID(int=1)), "NOT_FOUND"),
        (global_id("User", UUID(int=1)), "NOT_FOUND"),
    ],
    ids=["garbage", "empty", "bare", "absent", "of another type"],
)
async def test_ids_that_lead_nowhere_are_refused(embedded: Satchel, identifier: str, code: str) -> None:
    for mutation, fields in MUTATIONS.items():
        assert (await embedded.act(mutation, identifier, **fields)).codes == [code]
    assert (await embedded.graphql(READ, {"id": identifier}, by="student")).codes == [code]


async def test_ids_are_taken_bare_and_global(satchel: Satchel) -> None:
    file = await satchel.file()

    for identifier in (file["id"], file["uuid"], file["uuid"].upper()):
        assert (await satchel.graphql(READ, {"id": identifier}, by="student")).ok()["file"]["name"] == file["name"]
