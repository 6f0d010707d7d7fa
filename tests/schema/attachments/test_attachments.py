"""R17, R18, R20: files are attached to assignments, in order and up to a limit, and detached; the files stay."""

import asyncio
from uuid import UUID, uuid4

import pytest

from app.models import Attachment, File, FileStatus
from schema.ids import global_id
from tests.factories import make_attachment, make_file
from tests.fixtures.app import Satchel
from tests.schema.attachments.assignments import make_work


@pytest.mark.requirement("R17")
async def test_files_are_attached_with_their_kinds_in_the_order_of_adding(school: Satchel) -> None:
    work = await make_work(school)
    files = [await school.file(name=f"{name}.txt", by="teacher") for name in ("c", "a", "b")]

    first = (await work.add(files[0]["id"], kind="RUBRIC")).ok()["addAssignmentAttachment"]
    (await work.add(files[1]["id"], kind="EXAMPLE")).ok()
    last = (await work.add(files[2]["id"])).ok()["addAssignmentAttachment"]

    now = school.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    told = [
        {"kind": kind, "createdAt": now, "file": {"id": file["id"], "name": file["name"]}}
        for kind, file in zip(("RUBRIC", "EXAMPLE", "ATTACHMENT"), files, strict=True)
    ]
    assert first == {"assignment": {"title": work.row.title, "attachments": told[:1]}, "attachment": told[0]}
    assert last == {"assignment": {"title": work.row.title, "attachments": told}, "attachment": told[2]}
    assert await work.shown() == ["c.txt", "a.txt", "b.txt"]


@pytest.mark.requirement("R17")
async def test_a_kind_of_null_is_the_default(embedded: Satchel) -> None:
    work, file = await make_work(embedded), await embedded.file(by="teacher")

    assert (await work.add(file["id"], kind=None)).ok()["addAssignmentAttachment"]["attachment"]["kind"] == "ATTACHMENT"
    assert (await work.add(file["id"], kind="SONG")).codes == ["BAD_USER_INPUT"]


@pytest.mark.requirement("R17")
async def test_a_file_is_attached_to_an_assignment_once_and_to_others_too(school: Satchel) -> None:
    work, other = await make_work(school), await make_work(school)
    file = await school.file(by="teacher")
    (await work.add(file["id"])).ok()

    assert (await work.add(file["id"], kind="RUBRIC")).codes == ["CONFLICT"]
    (await other.add(file["id"])).ok()

    assert (await work.stored(), await other.stored()) == (1, 1)
    assert (await Attachment.get(assignment=work.row)).kind == "ATTACHMENT"


@pytest.mark.requirement("R18")
async def test_detaching_keeps_the_file(school: Satchel) -> None:
    work = await make_work(school)
    files = [await school.file(name=f"{name}.txt", by="teacher") for name in ("a", "b")]
    for file in files:
        (await work.add(file["id"])).ok()

    answer = (await work.remove(files[0]["id"])).ok()["removeAssignmentAttachment"]["assignment"]

    assert [attachment["file"]["name"] for attachment in answer["attachments"]] == ["b.txt"]
    assert (await File.get(id=files[0]["uuid"])).status is FileStatus.ACTIVE
    assert (await work.remove(files[0]["id"])).codes == ["NOT_FOUND"]
    assert (await work.add(files[0]["id"])).errors == []
    assert await work.shown() == ["b.txt", "a.txt"]


@pytest.mark.requirement("R18")
async def test_the_trash_hides_an_attachment_a_restore_brings_it_back_and_a_purge_ends_it(school: Satchel) -> None:
    work = await make_work(school)
    files = [await school.file(name=f"{name}.txt", by="teacher") for name in ("a", "b")]
    for file in files:
        (await work.add(file["id"])).ok()

    (await school.act("deleteFile", files[0]["id"], by="teacher")).ok()
    for viewer in ("student", "teacher", "system_admin"):
        assert await work.shown(by=viewer) == ["b.txt"]
    assert await work.stored() == 2
    (await school.act("restoreFile", files[0]["id"], by="teacher")).ok()
    assert await work.shown() == ["a.txt", "b.txt"]
    (await school.act("deleteFile", files[0]["id"], by="teacher")).ok()
    (await school.act("purgeFile", files[0]["id"], by="teacher")).ok()

    assert await work.shown() == ["b.txt"]
    assert await work.stored() == 1


@pytest.mark.requirement("R18")
async def test_what_is_in_the_trash_can_be_detached_too(school: Satchel) -> None:
    work, file = await make_work(school), await school.file(by="teacher")
    (await work.add(file["id"])).ok()
    (await school.act("deleteFile", file["id"], by="teacher")).ok()

    (await work.remove(file["id"])).ok()
    (await school.act("restoreFile", file["id"], by="teacher")).ok()

    assert (await work.stored(), await work.shown()) == (0, [])


@pytest.mark.requirement("R20")
@pytest.mark.parametrize("app_settings", [{"max_attachments_per_assignment": 3}], ids=["three"])
async def test_one_more_than_the_limit_is_refused_hidden_ones_counted(school: Satchel) -> None:
    work = await make_work(school)
    files = [await school.file(name=f"{number}.txt", by="teacher") for number in range(4)]
    for file in files[:3]:
        (await work.add(file["id"])).ok()
    (await school.act("deleteFile", files[0]["id"], by="teacher")).ok()

    refused = await work.add(files[3]["id"])

    assert refused.data == {"addAssignmentAttachment": None}
    assert refused.error["extensions"] == {"code": "ATTACHMENT_LIMIT", "count": 3, "limit": 3}
    assert (await work.add(files[1]["id"])).codes == ["CONFLICT"]
    assert await work.stored() == 3
    (await work.remove(files[0]["id"])).ok()
    (await work.add(files[3]["id"])).ok()
    assert await work.shown() == ["1.txt", "2.txt", "3.txt"]


@pytest.mark.requirement("R20")
async def test_the_limit_is_ten_and_holds_under_parallel_requests(school: Satchel) -> None:
    work, teacher = await make_work(school), school.user("teacher")
    for _ in range(8):
        await make_attachment(work.row, await _stored_file(school))
    files = [await _stored_file(school) for _ in range(10)]

    answers = await asyncio.gather(*(work.add(str(file.id)) for file in files))

    assert [answer.codes for answer in answers].count([]) == 2
    refusals = [answer.error["extensions"] for answer in answers if answer.errors]
    assert refusals == [{"code": "ATTACHMENT_LIMIT", "count": 10, "limit": 10}] * 8
    assert await work.stored() == 10
    assert await File.filter(owner=teacher, status=FileStatus.ACTIVE).count() == 18


async def _stored_file(school: Satchel) -> File:
    return await make_file(
        school.user("teacher"), content=b"material", storage=school.runtime.storage, location="memory"
    )


@pytest.mark.requirement("R17")
async def test_the_same_file_attached_twice_at_once_is_attached_once(school: Satchel) -> None:
    work, file = await make_work(school), await school.file(by="teacher")

    answers = await asyncio.gather(*(work.add(file["id"]) for _ in range(6)))

    assert sorted(code for answer in answers for code in answer.codes) == ["CONFLICT"] * 5
    assert await work.stored() == 1


@pytest.mark.requirement("R17")
async def test_only_active_files_are_attached(school: Satchel) -> None:
    work = await make_work(school)
    for status in (FileStatus.PENDING, FileStatus.PURGING, FileStatus.SOFT_DELETED):
        stored = school.runtime.storage if status is FileStatus.SOFT_DELETED else None
        file = await make_file(school.user("teacher"), content=b"x", status=status, storage=stored, location="memory")

        for who in ("teacher", "system_admin"):
            assert (await work.add(str(file.id), by=who)).codes == ["CONFLICT"]
    assert await work.stored() == 0


@pytest.mark.requirement("R17")
async def test_ids_that_lead_nowhere_are_refused(embedded: Satchel) -> None:
    work, file = await make_work(embedded), await embedded.file(by="teacher")
    for identifier, code in (
        (str(uuid4()), "NOT_FOUND"),
        (global_id("User", UUID(file["uuid"])), "NOT_FOUND"),
        ("nonsense", "BAD_USER_INPUT"),
    ):
        assert (await work.add(identifier)).codes == [code]
        assert (await work.remove(identifier)).codes == [code]
        assert (await work.add(file["id"], assignmentId=identifier)).codes == [code]
    assert await work.stored() == 0
