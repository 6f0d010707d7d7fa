"""What each use case tells the world: on the bus and in the log, after its commit, and nothing where nothing was changed."""

import asyncio
from io import StringIO

import pytest
from structlog.testing import capture_logs

from app.auth import Principal
from app.models import File, FileStatus
from app.services.uploads import UploadRequest
from tests.app.events.conftest import Ear, lines_of, listening
from tests.app.services.conftest import Source
from tests.factories import make_class, make_group
from tests.fixtures.app import Satchel

NAME = "Zeugnis von Ada.pdf"


# ---------------------------------------------------------------- files


@pytest.mark.requirement("R49")
async def test_the_life_of_a_file_is_told_on_the_bus_and_in_the_log(satchel: Satchel, log: StringIO) -> None:
    student, district, north = satchel.user("student"), satchel.groups["district"], satchel.groups["north"]
    async with listening(satchel) as ear:
        file = await satchel.file(b"twelve bytes", name=NAME, groupId=str(north.id))
        (await satchel.act("renameFile", file["id"], name="other.pdf")).ok()
        for mutation in ("deleteFile", "restoreFile", "deleteFile", "purgeFile"):
            (await satchel.act(mutation, file["id"])).ok()
        messages = await ear.heard()
    life = ["file.uploaded", "file.renamed", "file.deleted", "file.restored", "file.deleted", "file.purged"]
    assert [message.name for message in messages] == life
    for message in messages:
        assert message.at == satchel.clock.now()
        assert message.data == {
            "file_id": file["uuid"],
            "owner_id": str(student.id),
            "group_id": str(north.id),
            "ancestor_ids": [str(district.id)],
            "name": NAME if message.name == "file.uploaded" else "other.pdf",
            "size_bytes": 12,
        }
    lines = lines_of(log, *life)
    assert [line["event"] for line in lines] == life
    for line in lines:
        assert line["level"] == "info"
        assert line["request_id"]
        assert (line["file_id"], line["owner_id"], line["size_bytes"]) == (file["uuid"], str(student.id), 12)
    assert NAME not in log.getvalue()
    assert "other.pdf" not in log.getvalue()


@pytest.mark.requirement("R49")
@pytest.mark.parametrize("app_settings", [{"default_storage_quota_bytes": 100}])
async def test_a_refusal_for_the_quota_is_told(embedded: Satchel, log: StringIO) -> None:
    student, north = embedded.user("student"), embedded.groups["north"]
    async with listening(embedded) as ear:
        answer = await embedded.upload(b"x" * 101, name=NAME, groupId=str(north.id))
        assert answer.codes == ["QUOTA_EXCEEDED"]
        [given_back, message] = await ear.heard()
    assert (given_back.name, given_back.data) == ("usage.changed", {"owner_id": str(student.id)})
    assert message.name == "quota.exceeded"
    assert message.data == {
        "user_id": str(student.id),
        "owner_id": str(student.id),
        "group_id": str(north.id),
        "ancestor_ids": [str(embedded.groups["district"].id)],
        "name": NAME,
        "size_bytes": 101,
    }
    [line] = lines_of(log, "quota.exceeded")
    figures = {"used_bytes": 0, "trash_bytes": 0, "quota_bytes": 100, "requested_bytes": 101}
    assert {name: line[name] for name in figures} == figures
    assert line["user_id"] == str(student.id)
    assert (await embedded.quota("student"))["usedBytes"] == 0


@pytest.mark.parametrize("app_settings", [{"default_storage_quota_bytes": 100}])
async def test_a_refused_restore_is_told_like_an_upload(ear: Ear) -> None:
    satchel = ear.satchel
    file = await satchel.file(b"x" * 60, name="first.txt")
    (await satchel.act("deleteFile", file["id"])).ok()
    await satchel.file(b"x" * 60)
    await ear.heard()
    assert (await satchel.act("restoreFile", file["id"])).codes == ["QUOTA_EXCEEDED"]
    [message] = await ear.heard()
    assert (message.name, message.data["name"], message.data["size_bytes"]) == ("quota.exceeded", "first.txt", 60)


async def test_what_was_refused_is_not_told_as_done(ear: Ear, log: StringIO) -> None:
    satchel = ear.satchel
    file = await satchel.file(b"x")
    await ear.heard()
    log.truncate(0)
    log.seek(0)
    assert (await satchel.act("restoreFile", file["id"])).codes == ["CONFLICT"]
    assert (await satchel.act("purgeFile", file["id"])).codes == ["CONFLICT"]
    assert (await satchel.act("deleteFile", file["id"], by="stranger")).codes == ["NOT_FOUND"]
    assert (await satchel.upload(b"MZ\x90\x00", name="a.exe")).codes == ["UNSUPPORTED_MEDIA_TYPE"]
    assert [message.name for message in await ear.heard()] == ["usage.changed"], "what the upload had reserved"
    assert [line["event"] for line in lines_of(log, "upload.failed", "file.deleted", "file.purged")] == [
        "upload.failed"
    ]


async def test_an_upload_whose_sender_leaves_at_its_end_is_told_as_what_became_of_it(ear: Ear) -> None:
    """The last statement may have been committed although nobody waits for it any more."""
    satchel = ear.satchel
    uploads, principal = satchel.runtime.uploads, Principal(satchel.user("student").id, False)
    for moment in range(40):
        before = await File.filter(status=FileStatus.ACTIVE).count()
        with capture_logs() as logs:
            source = Source([b"hello"])
            upload = asyncio.create_task(uploads.upload(principal, UploadRequest(), source))
            while not source.pulled:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            await asyncio.sleep(moment * 0.0002)
            upload.cancel()
            await asyncio.wait([upload])
        told = [line["event"] for line in logs if line["event"] in ("file.uploaded", "upload.failed")]
        stored = await File.filter(status=FileStatus.ACTIVE).count() - before
        assert told == (["file.uploaded"] if stored else ["upload.failed"])


async def test_emptying_the_trash_tells_of_each_file(ear: Ear) -> None:
    satchel = ear.satchel
    files = [await satchel.file(b"x" * size) for size in (1, 2, 3)]
    for file in files:
        (await satchel.act("deleteFile", file["id"])).ok()
    await ear.heard()
    (await satchel.graphql("mutation { emptyTrash { filesPurged } }", by="student")).ok()
    messages = await ear.heard()
    assert {message.name for message in messages} == {"file.purged"}
    assert {message.data["file_id"] for message in messages} == {file["uuid"] for file in files}


async def test_a_download_is_told_in_the_log_only(ear: Ear, log: StringIO) -> None:
    satchel = ear.satchel
    file = await satchel.file(b"hello", name=NAME)
    await ear.heard()
    query = f'{{ file(id: "{file["id"]}") {{ signedUrl {{ url }} }} }}'
    url = (await satchel.graphql(query, by="student")).ok()["file"]["signedUrl"]["url"]
    assert (await satchel.client.get(url)).content == b"hello"
    assert await ear.heard() == []
    [line] = lines_of(log, "file.downloaded")
    assert (line["file_id"], line["size_bytes"], line["location"]) == (file["uuid"], 5, "memory")
    assert NAME not in log.getvalue()


# ---------------------------------------------------------------- limits and standing


async def test_changed_limits_are_told(ear: Ear) -> None:
    student, north = str(ear.satchel.user("student").id), str(ear.satchel.groups["north"].id)
    by = "system_admin"
    assert await ear.after("setUserLimits", by=by, userId=student, storageQuotaBytes=5000) == [
        ("limits.changed", student)
    ]
    assert await ear.after("setUserLimits", by=by, userId=student, storageQuotaBytes=5000) == []
    assert await ear.after("clearUserLimits", by=by, userId=student) == [("limits.changed", student)]
    role = {"groupId": north, "role": "STUDENT"}
    assert await ear.after("setGroupRoleLimits", by=by, **role, storageQuotaBytes=5000) == [("limits.changed", north)]
    assert await ear.after("clearGroupRoleLimits", by=by, **role) == [("limits.changed", north)]


async def test_a_change_of_somebodys_place_is_told(ear: Ear) -> None:
    satchel = ear.satchel
    student, south = str(satchel.user("student").id), satchel.groups["south"]
    changed = [("standing.changed", student)]
    member = {"userId": student, "groupId": str(south.id)}
    assert await ear.after("setGroupMember", by="system_admin", **member, role="STUDENT") == changed
    school_class = await make_class(south)
    pupil = {"userId": student, "classId": str(school_class.id)}
    assert await ear.after("setClassMember", by="system_admin", **pupil, role="TEACHER") == changed
    assert await ear.after("removeClassMember", by="system_admin", **pupil) == changed
    assert await ear.after("removeGroupMember", by="system_admin", **member) == changed


async def test_a_change_of_somebodys_rights_is_told(ear: Ear) -> None:
    student = str(ear.satchel.user("student").id)
    changed = [("standing.changed", student)]
    by = "system_admin"
    assert await ear.after("updateUser", by=by, id=student, name="Ada") == []
    assert await ear.after("updateUser", by=by, id=student, isSystemAdmin=True) == changed
    assert await ear.after("updateUser", by=by, id=student, isSystemAdmin=False) == changed
    assert await ear.after("setUserPassword", by=by, id=student, password="correct horse battery") == changed
    assert await ear.after("deleteUser", by=by, id=student) == changed
    assert await ear.after("reactivateUser", by=by, id=student) == changed


async def test_signing_out_is_told(ear: Ear) -> None:
    (await ear.satchel.graphql("mutation { logout { userId } }", by="student")).ok()
    [message] = await ear.heard()
    assert (message.name, message.data["user_id"]) == ("standing.changed", str(ear.satchel.user("student").id))


async def test_a_change_of_the_trees_is_told(ear: Ear) -> None:
    satchel = ear.satchel
    by, south, district = "system_admin", satchel.groups["south"], satchel.groups["district"]
    department = await make_group(south)
    changed = [("standing.changed", str(department.id))]
    assert await ear.after("updateGroup", by=by, id=str(department.id), name="Physics") == []
    assert await ear.after("updateGroup", by=by, id=str(department.id), parentId=str(district.id)) == changed
    school_class = await make_class(department)
    assert await ear.after("updateClass", by=by, id=str(school_class.id), name="5 b") == []
    assert await ear.after("deleteClass", by=by, id=str(school_class.id)) == changed
    assert await ear.after("deleteGroup", by=by, id=str(department.id)) == changed
    new = {"name": "Chemistry", "slug": "chemistry", "type": "DEPARTMENT", "parentId": str(south.id)}
    [(name, _)] = await ear.after("createGroup", by=by, **new)
    assert name == "standing.changed"
