"""R15, R16: users, groups and classes get an avatar, and lose it again; the files stay."""

import asyncio
from uuid import UUID, uuid4

import pytest

from app.models import File, FileStatus
from schema.ids import global_id
from tests.factories import make_file
from tests.fixtures.app import Satchel
from tests.schema.avatars.subjects import KINDS, PICTURES, PNG, SETTER, subject


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_picture_becomes_the_avatar(school: Satchel, kind: str) -> None:
    who = await subject(school, kind)
    for setter in (SETTER[kind], "system_admin"):
        file = await school.file(PNG, name=f"{setter}.png", by=setter)

        answer = await who.set(file["id"], by=setter)

        shown = {"id": file["id"], "name": f"{setter}.png"}
        assert list(answer.ok().values()) == [{kind: {"id": who.id, "avatar": shown}}]
        assert await who.shown(by="student") == f"{setter}.png"
        assert await who.stored() == UUID(file["uuid"])


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("mime_type", PICTURES)
async def test_the_four_types_that_every_browser_shows_are_taken(embedded: Satchel, mime_type: str) -> None:
    who = await subject(embedded, "user")
    file = await embedded.file(PICTURES[mime_type], name="picture.txt")
    assert file["mimeType"] == mime_type

    assert (await who.set(file["id"], by="student")).errors == []


@pytest.mark.requirement("R15")
@pytest.mark.parametrize(
    "content, name",
    [
        (b"not a picture", "me.png"),
        (b"", "me.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "me.svg"),
        (b"BM" + bytes(20), "me.bmp"),
        (b"%PDF-1.4\n", "me.jpg"),
    ],
    ids=["text", "empty", "svg", "bmp", "pdf"],
)
async def test_anything_else_is_refused_by_the_type_of_its_bytes(embedded: Satchel, content: bytes, name: str) -> None:
    for kind in KINDS:
        who = await subject(embedded, kind)
        file = await embedded.file(content, name=name, by=SETTER[kind])

        answer = await who.set(file["id"], by=SETTER[kind])

        assert answer.error["extensions"] == {
            "code": "UNSUPPORTED_MEDIA_TYPE",
            "mimeType": file["mimeType"],
            "allowed": ["image/png", "image/jpeg", "image/webp", "image/gif"],
        }
        assert await who.stored() is None


@pytest.mark.requirement("R16")
@pytest.mark.parametrize("kind", KINDS)
async def test_replacing_and_removing_keep_the_files(school: Satchel, kind: str) -> None:
    who, setter = await subject(school, kind), SETTER[kind]
    old, new = [await school.file(PNG, name=name, by=setter) for name in ("old.png", "new.png")]
    (await who.set(old["id"], by=setter)).ok()
    (await who.set(new["id"], by=setter)).ok()
    assert await who.shown(by="student") == "new.png"

    answer = await who.remove(by=setter)

    assert list(answer.ok().values()) == [{kind: {"id": who.id, "avatar": None}}]
    assert await who.stored() is None
    assert (await who.remove(by=setter)).errors == []
    files = await File.filter(id__in=[old["uuid"], new["uuid"]])
    assert [file.status for file in files] == [FileStatus.ACTIVE] * 2


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_trash_hides_an_avatar_a_restore_brings_it_back_and_a_purge_ends_it(
    school: Satchel, kind: str
) -> None:
    who, setter = await subject(school, kind), SETTER[kind]
    file = await school.file(PNG, name="me.png", by=setter)
    (await who.set(file["id"], by=setter)).ok()

    (await school.act("deleteFile", file["id"], by=setter)).ok()
    for viewer in ("student", setter, "system_admin"):
        assert await who.shown(by=viewer) is None
    (await school.act("restoreFile", file["id"], by=setter)).ok()
    assert await who.shown(by="student") == "me.png"
    (await school.act("deleteFile", file["id"], by=setter)).ok()
    (await school.act("purgeFile", file["id"], by=setter)).ok()

    assert await File.all().count() == 0
    assert await who.stored() is None
    assert await who.shown(by="student") is None


@pytest.mark.requirement("R15")
async def test_only_active_files_become_avatars(school: Satchel) -> None:
    who, student = await subject(school, "user"), school.user("student")
    for status in (FileStatus.PENDING, FileStatus.PURGING, FileStatus.SOFT_DELETED):
        stored = school.runtime.storage if status is FileStatus.SOFT_DELETED else None
        file = await make_file(
            student, content=PNG, mime_type="image/png", status=status, storage=stored, location="memory"
        )

        for setter in ("student", "system_admin"):
            assert (await who.set(str(file.id), by=setter)).codes == ["CONFLICT"]
    assert await who.stored() is None
    for identifier, code in (
        (str(uuid4()), "NOT_FOUND"),
        (global_id("User", student.id), "NOT_FOUND"),
        ("nonsense", "BAD_USER_INPUT"),
    ):
        assert (await who.set(identifier, by="student")).codes == [code]
    assert await who.stored() is None


@pytest.mark.requirement("R15")
async def test_setting_and_purging_at_once_leaves_no_avatar_and_no_failure(school: Satchel) -> None:
    for kind in KINDS:
        who, setter = await subject(school, kind), SETTER[kind]
        file = await school.file(PNG, by=setter)

        sets = [asyncio.create_task(who.set(file["id"], by=setter)) for _ in range(6)]
        purged = [await school.act(mutation, file["id"], by=setter) for mutation in ("deleteFile", "purgeFile")]
        answers = [await task for task in sets]

        assert [answer.codes for answer in purged] == [[], []]
        assert {code for answer in answers for code in answer.codes} <= {"CONFLICT", "NOT_FOUND"}
        assert await who.stored() is None
