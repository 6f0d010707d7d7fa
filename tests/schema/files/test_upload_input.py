"""What clients say about an upload: names, types, checksums, keys, purposes."""

import asyncio
import hashlib

import pytest

from app.models import File
from schema.ids import global_id
from tests.factories import make_assignment, make_class, make_class_member
from tests.fixtures.app import Satchel

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + b"\0" * 32
ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "given, kept",
    [
        ("plain.txt", "plain.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\essay.txt", "essay.txt"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("e\u0301t\u00e9.txt", "\u00e9t\u00e9.txt"),
        ('quote"s & <tags>.txt', 'quote"s & <tags>.txt'),
        ("Ö" * 120 + ".txt", "Ö" * 120 + ".txt"),
    ],
    ids=["plain", "path", "windows path", "controls", "decomposed", "markup", "long"],
)
async def test_names_are_kept_but_for_what_could_hurt(satchel: Satchel, given: str, kept: str) -> None:
    uploaded = (await satchel.upload(b"x", input_name=given)).ok()["uploadFile"]["file"]
    assert uploaded["name"] == kept

    renamed = (await satchel.act("renameFile", uploaded["id"], name=f"new {given}")).ok()["renameFile"]["file"]
    assert renamed["name"] in {f"new {kept}", kept}


@pytest.mark.parametrize("name", ["", " ", "..", "/", "\x00", "x" * 256, "Ö" * 128], ids=repr)
async def test_names_that_are_none_or_too_long_are_refused(embedded: Satchel, name: str) -> None:
    file = await embedded.file()

    for answer in (
        await embedded.upload(b"x", input_name=name),
        await embedded.act("renameFile", file["id"], name=name),
    ):
        assert (answer.codes, answer.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "name")
    assert [row.name for row in await File.all()] == [file["name"]]


@pytest.mark.requirement("R3")
async def test_the_type_comes_from_the_bytes_and_not_from_the_client(satchel: Satchel) -> None:
    assert (await satchel.file(PNG, name="essay.txt"))["mimeType"] == "image/png"
    assert (await satchel.file(b"just text", name="photo.png"))["mimeType"] == "text/plain"
    assert (await satchel.file(b"\x01\x02\x03", name="data.bin"))["mimeType"] == "application/octet-stream"


@pytest.mark.requirement("R3")
@pytest.mark.parametrize(
    "content, name",
    [(b"MZ" + b"\0" * 100, "essay.pdf"), (b"#!/bin/sh\n", "notes.txt"), (b"harmless", "setup.exe")],
    ids=["program", "script", "by its name"],
)
async def test_programs_are_refused(satchel: Satchel, content: bytes, name: str) -> None:
    answer = await satchel.upload(content, name=name)

    assert (answer.data, answer.codes) == ({"uploadFile": None}, ["UNSUPPORTED_MEDIA_TYPE"])
    assert answer.error["extensions"]["allowed"] == []
    assert (await satchel.quota("student"))["usedBytes"] == 0


@pytest.mark.parametrize(
    "app_settings", [{"allowed_mime_types": ("image/*", "application/pdf")}], ids=["images and PDF"]
)
async def test_types_that_are_not_on_the_list_are_refused(embedded: Satchel) -> None:
    await embedded.file(PNG, name="a.png")
    await embedded.file(b"%PDF-1.7", name="a.pdf")

    answer = await embedded.upload(b"text")

    assert answer.error["extensions"] == {
        "code": "UNSUPPORTED_MEDIA_TYPE",
        "mimeType": "text/plain",
        "allowed": ["image/*", "application/pdf"],
    }


@pytest.mark.requirement("R3")
async def test_of_several_reasons_size_comes_before_quota_and_quota_before_type(embedded: Satchel) -> None:
    program = b"MZ" + b"\0" * (11 * 1024 * 1024)

    assert (await embedded.upload(program)).codes == ["FILE_TOO_LARGE"]
    assert (await embedded.upload(program, groupId=ABSENT)).codes == ["NOT_FOUND"]


async def test_a_checksum_that_holds_is_kept_and_one_that_does_not_refuses_the_file(satchel: Satchel) -> None:
    digest = hashlib.sha256(b"hello").hexdigest()

    assert (await satchel.file(b"hello", sha256=digest.upper()))["sha256"] == digest

    answer = await satchel.upload(b"hullo", sha256=digest)
    assert answer.codes == ["CHECKSUM_MISMATCH"]
    assert answer.error["extensions"]["expected"] == digest
    assert answer.error["extensions"]["actual"] == hashlib.sha256(b"hullo").hexdigest()
    assert (await satchel.quota("student"))["usedBytes"] == 5
    assert (await satchel.upload(b"hello", sha256="abc")).error["extensions"]["field"] == "sha256"


async def test_a_repeated_key_gives_the_same_file_and_no_second_charge(satchel: Satchel) -> None:
    first = await satchel.file(b"once", idempotencyKey="key-1")

    assert await satchel.file(b"once", idempotencyKey="key-1") == first
    other = await satchel.upload(b"other", idempotencyKey="key-1")
    assert (other.codes, other.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "idempotencyKey")
    assert (await satchel.quota("student"))["usedBytes"] == 4
    assert (await satchel.file(b"once", by="teacher", idempotencyKey="key-1"))["id"] != first["id"]


@pytest.mark.parametrize("app_settings", [{"token_expires_seconds": 7 * 86_400}], ids=["long tokens"])
async def test_a_key_is_free_again_after_a_day(satchel: Satchel) -> None:
    first = await satchel.file(b"once", idempotencyKey="key-1")

    satchel.clock.advance(seconds=24 * 3600 - 1)
    assert (await satchel.file(b"once", idempotencyKey="key-1"))["id"] == first["id"]
    satchel.clock.advance(seconds=2)
    assert (await satchel.file(b"once", idempotencyKey="key-1"))["id"] != first["id"]


async def test_of_parallel_uploads_with_one_key_one_file_is_made(satchel: Satchel) -> None:
    answers = await asyncio.gather(*(satchel.upload(b"x" * 200_000, idempotencyKey="k") for _ in range(5)))

    made = {answer.data["uploadFile"]["file"]["id"] for answer in answers if not answer.errors}
    assert len(made) == 1
    assert {code for answer in answers for code in answer.codes} <= {"CONFLICT"}
    assert (await satchel.quota("student"))["usedBytes"] == 200_000


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"], ids=["empty", "long", "controls"])
async def test_unfit_keys_are_refused(embedded: Satchel, key: str) -> None:
    answer = await embedded.upload(b"x", idempotencyKey=key)

    assert (answer.codes, answer.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "idempotencyKey")


async def test_a_file_knows_what_it_was_uploaded_for(satchel: Satchel) -> None:
    school_class = await make_class(satchel.groups["north"])
    await make_class_member(satchel.user("student"), school_class)
    purposes = [
        ("SUBMISSION_FILE", "Assignment", (await make_assignment(school_class)).id),
        ("AVATAR", "User", satchel.user("student").id),
        ("AVATAR", "Group", satchel.groups["north"].id),
        ("AVATAR", "Class", school_class.id),
    ]

    for entity_type, kind, identifier in purposes:
        for given in (str(identifier), global_id(kind, identifier)):
            file = await satchel.file(PNG, entityType=entity_type, entityId=given)
            query = "query ($id: ID!) { file(id: $id) { entityType entityId } }"
            told = (await satchel.graphql(query, {"id": file["id"]}, by="student")).ok()["file"]
            assert told == {"entityType": entity_type, "entityId": global_id(kind, identifier)}


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"entityId": ABSENT}, "BAD_USER_INPUT"),
        ({"entityType": "AVATAR", "entityId": "nonsense"}, "BAD_USER_INPUT"),
        ({"entityType": "AVATAR", "entityId": ABSENT}, "NOT_FOUND"),
        ({"entityType": "SUBMISSION_FILE", "entityId": ABSENT}, "NOT_FOUND"),
        ({"groupId": "nonsense"}, "BAD_USER_INPUT"),
        ({"groupId": ABSENT}, "NOT_FOUND"),
    ],
    ids=["no type", "garbage", "absent subject", "absent assignment", "garbage group", "absent group"],
)
async def test_purposes_that_lead_nowhere_are_refused(satchel: Satchel, fields: dict[str, str], code: str) -> None:
    assert (await satchel.upload(b"x", **fields)).codes == [code]
    assert await File.all().count() == 0
