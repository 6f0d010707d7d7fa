"""R7: who may attach and detach, from which files, and who may then read these. Refusals change nothing."""

from typing import Any

import pytest

from app.models import Attachment, ClassRole
from tests.factories import make_class_member
from tests.fixtures.app import Satchel
from tests.schema.attachments.assignments import SHOW, make_work

pytestmark = pytest.mark.requirement("R7")

READ = "query ($id: ID!) { file(id: $id) { name signedUrl { url } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on File { name } } }"


async def _assert_hidden(school: Satchel, file: dict[str, Any], *people: str) -> None:
    for who in people:
        for query in (READ, NODE):
            answer = await school.graphql(query, {"id": file["id"]}, by=who)
            assert (answer.codes, list(answer.data.values())) == (["NOT_FOUND"], [None])


async def _assert_read(school: Satchel, file: dict[str, Any], *people: str) -> None:
    for who in people:
        found = (await school.graphql(READ, {"id": file["id"]}, by=who)).ok()["file"]
        assert (await school.client.get(found["signedUrl"]["url"])).status_code == 200
        assert (await school.graphql(NODE, {"id": file["id"]}, by=who)).errors == []


async def test_attaching_and_detaching_is_for_teachers_of_the_class_and_the_admins_above(school: Satchel) -> None:
    work = await make_work(school)
    attached = await school.file(name="kept.txt", by="teacher")
    (await work.add(attached["id"])).ok()

    for who, code in (
        ("student", "FORBIDDEN"),
        ("other_student", "NOT_FOUND"),
        ("stranger", "NOT_FOUND"),
        (None, "UNAUTHENTICATED"),
    ):
        own = await school.file(by=who or "student")
        assert (await work.add(own["id"], by=who)).codes == [code]
        assert (await work.add(attached["id"], by=who)).codes == [code]
        assert (await work.remove(attached["id"], by=who)).codes == [code]
    assert await work.shown() == ["kept.txt"]
    for who in ("teacher", "group_admin", "system_admin"):
        own = await school.file(by=who)
        (await work.add(own["id"], by=who)).ok()
    (await work.remove(attached["id"], by="group_admin")).ok()
    assert await work.stored() == 3


async def test_a_teacher_of_another_class_has_no_part_in_it(school: Satchel) -> None:
    work, other = await make_work(school), await make_work(school)
    await make_class_member(school.user("other_student"), other.school_class, ClassRole.TEACHER)
    own = await school.file(by="other_student")

    assert (await work.add(own["id"], by="other_student")).codes == ["NOT_FOUND"]
    hidden = await school.graphql(SHOW, {"id": work.id}, by="other_student")
    assert (hidden.data, hidden.codes) == ({"node": None}, ["NOT_FOUND"])
    assert await Attachment.all().count() == 0


async def test_only_files_that_the_caller_manages_are_attached(school: Satchel) -> None:
    work = await make_work(school)
    submitted = await school.file(by="student", entityType="SUBMISSION_FILE", entityId=work.id)
    private = await school.file(by="student")
    foreign = await school.file(by="stranger")
    grouped = await school.file(by="teacher", groupId=str(school.groups["science"].id))

    assert (await work.add(submitted["id"])).codes == ["FORBIDDEN"]
    assert (await work.add(private["id"])).codes == ["NOT_FOUND"]
    for who in ("teacher", "group_admin"):
        assert (await work.add(foreign["id"], by=who)).codes == ["NOT_FOUND"]
    assert await work.stored() == 0
    await _assert_hidden(school, foreign, "student", "teacher", "group_admin")
    (await work.add(grouped["id"], by="group_admin")).ok()
    (await work.add(foreign["id"], by="system_admin")).ok()
    assert await work.stored() == 2


async def test_an_attachment_can_be_read_by_whoever_sees_the_assignment(school: Satchel) -> None:
    work, file = await make_work(school), await school.file(name="sheet.txt", by="teacher")
    await _assert_hidden(school, file, "student", "group_admin", "other_student", "stranger")

    (await work.add(file["id"])).ok()

    await _assert_read(school, file, "student", "teacher", "group_admin", "system_admin")
    await _assert_hidden(school, file, "other_student", "stranger")
    for mutation in ("renameFile", "deleteFile", "restoreFile", "purgeFile"):
        fields = {"name": "mine.txt"} if mutation == "renameFile" else {}
        assert (await school.act(mutation, file["id"], by="student", **fields)).codes == ["FORBIDDEN"]
    assert await work.shown() == ["sheet.txt"]
    (await school.act("deleteFile", file["id"], by="teacher")).ok()
    await _assert_hidden(school, file, "student", "group_admin")
    (await school.act("restoreFile", file["id"], by="teacher")).ok()
    await _assert_read(school, file, "student")
    (await work.remove(file["id"])).ok()
    await _assert_hidden(school, file, "student", "group_admin")


async def test_who_leaves_the_class_reads_its_attachments_no_more(school: Satchel) -> None:
    work, file = await make_work(school), await school.file(by="teacher")
    (await work.add(file["id"])).ok()
    place = await make_class_member(school.user("other_student"), work.school_class)
    await _assert_read(school, file, "other_student")

    await place.delete()

    await _assert_hidden(school, file, "other_student")


async def test_a_submission_can_be_read_by_teachers_of_the_class_and_by_no_classmate(school: Satchel) -> None:
    work = await make_work(school)
    await make_class_member(school.user("other_student"), work.school_class)

    file = await school.file(by="student", entityType="SUBMISSION_FILE", entityId=work.id)

    await _assert_read(school, file, "student", "teacher", "system_admin")
    await _assert_hidden(school, file, "other_student", "group_admin", "stranger")
    assert (await school.act("deleteFile", file["id"], by="teacher")).codes == ["FORBIDDEN"]
    (await school.act("deleteFile", file["id"], by="student")).ok()
    await _assert_hidden(school, file, "teacher")


async def test_saying_what_a_file_is_for_shows_it_to_nobody_else(school: Satchel) -> None:
    work = await make_work(school)
    files = [
        await school.file(by="student", entityType="ASSIGNMENT_ATTACHMENT", entityId=work.id),
        await school.file(by="student", entityType="AVATAR", entityId=str(school.groups["north"].id)),
        await school.file(by="student", entityType="SUBMISSION_FILE"),
    ]

    for file in files:
        await _assert_hidden(school, file, "teacher", "other_student", "group_admin")
    assert await work.shown(by="teacher") == []


async def test_filters_of_the_list_reveal_nothing_that_the_viewer_may_not_see(school: Satchel) -> None:
    work = await make_work(school)
    submitted = await school.file(by="student", entityType="SUBMISSION_FILE", entityId=work.id)
    attached = await school.file(by="teacher", entityType="ASSIGNMENT_ATTACHMENT", entityId=work.id)
    grouped = await school.file(by="teacher", groupId=str(school.groups["science"].id))
    (await work.add(attached["id"])).ok()
    query = "query ($filter: FileFilter) { files(filter: $filter) { nodes { id } } }"
    filters: list[dict[str, Any]] = [
        {"entityId": work.id},
        {"entityType": "SUBMISSION_FILE"},
        {"entityType": "ASSIGNMENT_ATTACHMENT", "entityId": str(work.row.id)},
        {"groupId": str(school.groups["science"].id)},
        {"uploadedById": str(school.user("student").id)},
        {"uploadedById": str(school.user("teacher").id)},
    ]

    for wanted in filters:
        for scope in ("OWN", "MANAGED"):
            for who, may in (
                ("other_student", set()),
                ("stranger", set()),
                ("student", {submitted["id"]} if scope == "OWN" else set()),
                ("teacher", {attached["id"], grouped["id"]} if scope == "OWN" else set()),
                ("group_admin", {grouped["id"]} if scope == "MANAGED" else set()),
            ):
                answer = await school.graphql(query, {"filter": wanted | {"scope": scope, "status": None}}, by=who)
                assert {node["id"] for node in answer.ok()["files"]["nodes"]} <= may
