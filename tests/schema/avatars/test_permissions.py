"""R7: who may set avatars, from which files, and who may then read these. Refusals change nothing."""

import pytest

from app.models import Group, MemberRole, User
from tests.factories import make_membership, make_user
from tests.fixtures.app import Person, Satchel
from tests.schema.avatars.subjects import KINDS, PNG, SETTER, Subject, subject

pytestmark = pytest.mark.requirement("R7")

PEOPLE = ["student", "other_student", "teacher", "group_admin", "stranger"]
# Who sees the subject but may not set its avatar; to all the others it is not there.
SEE = {
    "user": ["other_student", "teacher", "group_admin"],
    "group": ["student", "other_student", "teacher"],
    "class": ["student"],
}
MAY = {"user": ["student"], "group": ["group_admin"], "class": ["teacher", "group_admin"]}
READ = "query ($id: ID!) { file(id: $id) { name signedUrl { url } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on File { name } } }"


@pytest.mark.parametrize("kind", KINDS)
async def test_setting_and_removing_is_for_those_in_the_table(school: Satchel, kind: str) -> None:
    who = await subject(school, kind)
    current = await school.file(PNG, by="system_admin")
    (await who.set(current["id"], by="system_admin")).ok()
    stored = await who.stored()

    for person in PEOPLE:
        own = await school.file(PNG, by=person)
        if person in MAY[kind]:
            (await who.set(own["id"], by=person)).ok()
            (await who.remove(by=person)).ok()
            (await who.set(current["id"], by="system_admin")).ok()
            continue
        code = "FORBIDDEN" if person in SEE[kind] else "NOT_FOUND"
        assert (await who.set(own["id"], by=person)).codes == [code]
        assert (await who.remove(by=person)).codes == [code]
    assert (await who.set(current["id"], by=None)).codes == ["UNAUTHENTICATED"]
    assert (await who.remove(by=None)).codes == ["UNAUTHENTICATED"]
    assert await who.stored() == stored


@pytest.mark.parametrize("kind", KINDS)
async def test_an_avatar_can_be_read_by_the_whole_tree_and_by_nobody_else(school: Satchel, kind: str) -> None:
    who, setter = await subject(school, kind), SETTER[kind]
    file = await school.file(PNG, name="me.png", by=setter)
    readers = [person for person in PEOPLE if person not in {setter, "stranger"}]
    for person in readers:
        assert (await school.graphql(READ, {"id": file["id"]}, by=person)).codes == ["NOT_FOUND"]

    (await who.set(file["id"], by=setter)).ok()

    for person in readers:
        found = (await school.graphql(READ, {"id": file["id"]}, by=person)).ok()["file"]
        assert found["name"] == "me.png"
        assert (await school.client.get(found["signedUrl"]["url"])).content == PNG
        assert (await school.graphql(NODE, {"id": file["id"]}, by=person)).ok() == {"node": {"name": "me.png"}}
    for query in (READ, NODE):
        assert (await school.graphql(query, {"id": file["id"]}, by="stranger")).codes == ["NOT_FOUND"]
    listed = await school.graphql("{ files(filter: {scope: MANAGED}) { nodes { id } } }", by="other_student")
    assert listed.ok() == {"files": {"nodes": []}}


@pytest.mark.parametrize("kind", KINDS)
async def test_who_reads_an_avatar_may_not_change_it(school: Satchel, kind: str) -> None:
    who, setter = await subject(school, kind), SETTER[kind]
    file = await school.file(PNG, name="me.png", by=setter)
    (await who.set(file["id"], by=setter)).ok()

    for mutation in ("renameFile", "deleteFile", "restoreFile", "purgeFile"):
        fields = {"name": "mine.png"} if mutation == "renameFile" else {}
        assert (await school.act(mutation, file["id"], by="other_student", **fields)).codes == ["FORBIDDEN"]
    assert await who.shown(by=setter) == "me.png"


async def test_what_is_an_avatar_no_more_or_not_now_is_not_there_for_its_readers(school: Satchel) -> None:
    who = await subject(school, "group")
    file = await school.file(PNG, by="group_admin")
    (await who.set(file["id"], by="group_admin")).ok()
    assert (await school.graphql(READ, {"id": file["id"]}, by="student")).errors == []

    (await school.act("deleteFile", file["id"], by="group_admin")).ok()
    for query in (READ, NODE):
        assert (await school.graphql(query, {"id": file["id"]}, by="student")).codes == ["NOT_FOUND"]
    (await school.act("restoreFile", file["id"], by="group_admin")).ok()
    assert (await school.graphql(READ, {"id": file["id"]}, by="student")).errors == []
    (await who.remove(by="group_admin")).ok()
    for query in (READ, NODE):
        assert (await school.graphql(query, {"id": file["id"]}, by="student")).codes == ["NOT_FOUND"]


async def test_nobody_makes_a_file_their_avatar_that_they_only_read_or_do_not_see(school: Satchel) -> None:
    picture, hidden = await school.file(PNG, by="teacher"), await school.file(PNG, by="teacher")
    teacher = Subject(school, "user", school.user("teacher"))
    (await teacher.set(picture["id"], by="teacher")).ok()
    student = await subject(school, "user")

    assert (await student.set(picture["id"], by="student")).codes == ["FORBIDDEN"]
    assert (await student.set(hidden["id"], by="student")).codes == ["NOT_FOUND"]
    assert await student.stored() is None
    # A stranger's avatar would carry the file into another district.
    stranger = Subject(school, "user", school.user("stranger"))
    assert (await stranger.set(picture["id"], by="stranger")).codes == ["NOT_FOUND"]
    assert await stranger.stored() is None


async def test_an_admin_uses_the_files_of_the_subtree_and_no_others(school: Satchel) -> None:
    north = await subject(school, "group")
    mine = await school.file(PNG, by="teacher", groupId=str(school.groups["science"].id))
    private = await school.file(PNG, by="teacher")

    (await north.set(mine["id"], by="group_admin")).ok()

    assert (await north.set(private["id"], by="group_admin")).codes == ["NOT_FOUND"]
    assert str(await north.stored()) == mine["uuid"]


async def test_the_avatar_of_someone_outside_the_tree_is_not_shown_where_their_name_is(school: Satchel) -> None:
    admin = Subject(school, "user", school.user("system_admin"))
    face, logo = await school.file(PNG, by="system_admin"), await school.file(PNG, by="system_admin")
    (await admin.set(face["id"], by="system_admin")).ok()
    north = await subject(school, "group")
    (await north.set(logo["id"], by="system_admin")).ok()
    query = "query ($id: ID!) { node(id: $id) { ... on Group { avatar { uploadedBy { name avatar { id } } } } } }"

    for who, shown in (("student", None), ("system_admin", {"id": face["id"]})):
        avatar = (await school.graphql(query, {"id": north.id}, by=who)).ok()["node"]["avatar"]
        assert avatar["uploadedBy"] == {"name": school.user("system_admin").name, "avatar": shown}


async def test_somebody_who_belongs_nowhere_sees_an_avatar_of_their_own(school: Satchel) -> None:
    loner = await make_user()
    issued = await school.runtime.accounts.token_for(loner.email)
    school.people["loner"] = Person(loner, issued.token)
    picture = await school.file(PNG, name="given.png", by="system_admin")
    who = Subject(school, "user", loner)

    (await who.set(picture["id"], by="system_admin")).ok()

    assert await who.shown(by="loner") == "given.png"
    assert (await school.graphql(READ, {"id": picture["id"]}, by="loner")).errors == []
    assert (await school.graphql(READ, {"id": picture["id"]}, by="student")).codes == ["NOT_FOUND"]


async def test_leaving_the_tree_ends_the_reading(school: Satchel) -> None:
    north = await subject(school, "group")
    file = await school.file(PNG, by="group_admin")
    (await north.set(file["id"], by="group_admin")).ok()
    place = await make_membership(school.user("stranger"), school.groups["south"], MemberRole.STUDENT)
    assert (await school.graphql(READ, {"id": file["id"]}, by="stranger")).errors == []

    await place.delete()

    assert (await school.graphql(READ, {"id": file["id"]}, by="stranger")).codes == ["NOT_FOUND"]
    assert await User.filter(avatar_id=file["uuid"]).count() == 0
    assert await Group.filter(avatar_id=file["uuid"]).count() == 1
