"""R7, R19: groups are seen by people of their tree, and made, changed and deleted by admins of the group above."""

from typing import Any

import pytest

from app.models import Assignment, Class, ClassMember, File, FileStatus, Group, MemberRole, Membership
from schema.ids import global_id
from tests.factories import make_assignment, make_attachment, make_class, make_class_member, make_group, make_role_limit
from tests.fixtures.app import Satchel
from tests.schema.administration import act, join, refused, science_class

GROUP = "group { id name slug type parent { id } }"
TREE = """query ($id: ID!) { group(id: $id) { name parent { name }
  children { nodes { name } pageInfo { hasNextPage } } classes { nodes { name } } members { nodes { user { name } role } } } }"""


def _id(school: Satchel, group: str) -> str:
    return global_id("Group", school.groups[group].id)


@pytest.mark.requirement("R7")
async def test_people_of_a_tree_see_its_groups_and_only_admins_their_members(school: Satchel) -> None:
    await science_class(school)
    north, teacher = school.groups["north"], school.user("teacher")
    expected = {
        "name": school.groups["science"].name,
        "parent": {"name": north.name},
        "children": {"nodes": [], "pageInfo": {"hasNextPage": False}},
        "classes": {"nodes": [{"name": "Biology"}]},
        "members": {"nodes": [{"user": {"name": teacher.name}, "role": "TEACHER"}]},
    }

    for who in ("group_admin", "system_admin"):
        assert (await school.graphql(TREE, {"id": _id(school, "science")}, by=who)).ok() == {"group": expected}
    for who, classes in (("teacher", ["Biology"]), ("student", ["Biology"]), ("other_student", [])):
        answer = await school.graphql(TREE, {"id": _id(school, "science")}, by=who)
        shown = expected | {"members": None, "classes": {"nodes": [{"name": name} for name in classes]}}
        assert (answer.data, answer.codes) == ({"group": shown}, ["FORBIDDEN"]), who
        assert answer.error["path"] == ["group", "members"]
    hidden = await school.graphql(TREE, {"id": _id(school, "science")}, by="stranger")
    assert (hidden.data, hidden.codes) == ({"group": None}, ["NOT_FOUND"])


@pytest.mark.requirement("R7")
async def test_groups_are_listed_from_the_roots_that_one_belongs_to(school: Satchel) -> None:
    query = "query ($id: ID) { groups(parentId: $id) { nodes { name } } }"

    async def names(who: str, parent: str | None = None) -> list[str]:
        nodes = (await school.graphql(query, {"id": parent}, by=who)).ok()["groups"]["nodes"]
        return [node["name"] for node in nodes]

    district, science = school.groups["district"].name, school.groups["science"].name
    schools = sorted(school.groups[name].name for name in ("north", "south"))
    foreign = await Group.get(id=school.groups["elsewhere"].parent_id)
    assert await names("student") == [district]
    assert await names("stranger") == [foreign.name]
    assert await names("system_admin") == sorted([district, foreign.name])
    assert await names("student", _id(school, "district")) == schools
    assert await names("other_student", str(school.groups["north"].id)) == [science]
    assert (await school.graphql(query, {"id": _id(school, "district")}, by="stranger")).codes == ["NOT_FOUND"]
    nobody = await school.graphql(query, {"id": str(school.user("student").id)}, by="system_admin")
    assert nobody.codes == ["NOT_FOUND"]


@pytest.mark.requirement("R7")
async def test_admins_make_groups_below_their_own_and_system_admins_roots(school: Satchel) -> None:
    made = await act(
        school,
        "createGroup",
        GROUP,
        by="group_admin",
        name=" Música ",
        slug="musica",
        type="DEPARTMENT",
        parentId=_id(school, "north"),
    )
    root = await act(school, "createGroup", GROUP, by="system_admin", name="West", slug="west-1", type="DISTRICT")

    group = made.ok()["createGroup"]["group"]
    row = await Group.get(slug="musica")
    assert group == {
        "id": global_id("Group", row.id),
        "name": "Música",
        "slug": "musica",
        "type": "DEPARTMENT",
        "parent": {"id": _id(school, "north")},
    }
    assert root.ok()["createGroup"]["group"]["parent"] is None


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, parent, code",
    [
        ("group_admin", None, "FORBIDDEN"),
        ("group_admin", "district", "FORBIDDEN"),
        ("group_admin", "south", "FORBIDDEN"),
        ("group_admin", "elsewhere", "NOT_FOUND"),
        ("teacher", "science", "FORBIDDEN"),
        ("student", "north", "FORBIDDEN"),
        ("stranger", "north", "NOT_FOUND"),
        (None, "north", "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_makes_groups(school: Satchel, who: str | None, parent: str | None, code: str) -> None:
    parent_id = None if parent is None else _id(school, parent)
    await refused(school, code, "createGroup", by=who, name="X", slug="x", type="DEPARTMENT", parentId=parent_id)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "wanted, code, field",
    [
        ({"name": ""}, "BAD_USER_INPUT", "name"),
        ({"name": "x" * 201}, "BAD_USER_INPUT", "name"),
        ({"name": "a\x00"}, "BAD_USER_INPUT", "name"),
        ({"slug": ""}, "BAD_USER_INPUT", "slug"),
        ({"slug": "Not A Slug"}, "BAD_USER_INPUT", "slug"),
        ({"slug": "é"}, "BAD_USER_INPUT", "slug"),
        ({"slug": "a\n"}, "BAD_USER_INPUT", "slug"),
        ({"slug": "x" * 101}, "BAD_USER_INPUT", "slug"),
        ({"type": "DISTRICT"}, "BAD_USER_INPUT", "type"),
        ({"type": "SCHOOL"}, "BAD_USER_INPUT", "type"),
        ({"slug": "science"}, "CONFLICT", None),
    ],
    ids=str,
)
async def test_unfit_groups_are_refused(school: Satchel, wanted: dict[str, str], code: str, field: str | None) -> None:
    await make_group(school.groups["north"], slug="science")
    fields = {"name": "X", "slug": "x", "type": "DEPARTMENT", "parentId": _id(school, "north")} | wanted

    await refused(school, code, "createGroup", by="group_admin", **fields)

    answer = await act(school, "createGroup", by="group_admin", **fields)
    assert answer.error["extensions"].get("field") == field
    if "type" not in wanted:
        await refused(school, code, "updateGroup", by="group_admin", id=_id(school, "science"), **wanted)


@pytest.mark.requirement("R7")
async def test_a_slug_is_unique_among_siblings_and_roots_only(school: Satchel) -> None:
    fields = {"name": "X", "slug": "same", "type": "DEPARTMENT"}
    for parent in ("north", "south"):
        (await act(school, "createGroup", by="system_admin", parentId=_id(school, parent), **fields)).ok()
    (await act(school, "createGroup", by="system_admin", **fields)).ok()

    await refused(school, "CONFLICT", "createGroup", by="system_admin", **fields)


@pytest.mark.requirement("R7")
async def test_an_admin_renames_the_group_and_those_below_and_system_admins_roots(school: Satchel) -> None:
    for group in ("north", "science"):
        answer = await act(school, "updateGroup", GROUP, by="group_admin", id=_id(school, group), name="New", slug=None)
        assert answer.ok()["updateGroup"]["group"]["name"] == "New"
    district_admin = await join(school, "district_admin", "district", MemberRole.GROUP_ADMIN)
    assert district_admin.is_system_admin is False

    for who, group, code in (
        ("teacher", "science", "FORBIDDEN"),
        ("group_admin", "south", "FORBIDDEN"),
        ("group_admin", "elsewhere", "NOT_FOUND"),
        ("district_admin", "district", "FORBIDDEN"),
        ("student", "district", "FORBIDDEN"),
    ):
        await refused(school, code, "updateGroup", by=who, id=_id(school, group), name="Taken")
    slug = await act(school, "updateGroup", GROUP, by="system_admin", id=_id(school, "district"), slug="d-1")
    assert slug.ok()["updateGroup"]["group"]["slug"] == "d-1"


@pytest.mark.requirement("R19")
async def test_a_deleted_groups_files_go_to_the_group_above_and_its_classes_go(school: Satchel) -> None:
    science, north, student = school.groups["science"], school.groups["north"], school.user("student")
    school_class = await science_class(school)
    assignment = await make_assignment(school_class)
    await make_role_limit(science, MemberRole.TEACHER, storage_quota_bytes=500)
    work = await school.file(b"work", entityType="SUBMISSION_FILE", entityId=global_id("Assignment", assignment.id))
    plan = await school.file(b"plan", by="teacher", groupId=str(science.id))
    trashed = await school.file(b"old", by="teacher", groupId=str(science.id))
    (await school.act("deleteFile", trashed["id"], by="teacher")).ok()
    await make_attachment(assignment, await File.get(id=plan["uuid"]))
    await Group.filter(id=science.id).update(avatar_id=plan["uuid"])

    answer = await act(school, "deleteGroup", "groupId", by="group_admin", id=_id(school, "science"))

    assert answer.ok() == {"deleteGroup": {"groupId": _id(school, "science")}}
    gone = (
        await Group.filter(id=science.id).count(),
        await Membership.filter(group_id=science.id).count(),
        await Class.filter(id=school_class.id).count(),
        await ClassMember.filter(school_class_id=school_class.id).count(),
        await Assignment.filter(id=assignment.id).count(),
    )
    assert gone == (0, 0, 0, 0, 0)
    kept = {str(file.id): file for file in await File.all()}
    assert {file.group_id for file in (kept[plan["uuid"]], kept[trashed["uuid"]])} == {north.id}
    assert kept[plan["uuid"]].status is FileStatus.ACTIVE
    submitted = kept[work["uuid"]]
    assert (submitted.owner_id, submitted.entity_id, submitted.entity_type) == (student.id, None, "SUBMISSION_FILE")
    # The owner of the plan is in no group of the tree now, and still reads the file; its admins do, too.
    for who in ("teacher", "group_admin"):
        read = await school.graphql("query ($id: ID!) { file(id: $id) { name } }", {"id": plan["id"]}, by=who)
        assert read.ok() == {"file": {"name": "notes.txt"}}


@pytest.mark.requirement("R19")
async def test_the_files_of_a_root_are_in_no_group_when_it_is_gone(school: Satchel) -> None:
    root = await make_group()
    school.groups["root"] = root
    await join(school, "lonely", "root", MemberRole.GROUP_ADMIN)
    file = await school.file(b"x", by="lonely", groupId=str(root.id))
    await refused(school, "FORBIDDEN", "deleteGroup", by="lonely", id=_id(school, "root"))

    (await act(school, "deleteGroup", by="system_admin", id=_id(school, "root"))).ok()

    assert (await File.get(id=file["uuid"])).group_id is None


@pytest.mark.requirement("R19")
async def test_a_group_with_groups_below_it_stays(school: Satchel) -> None:
    await join(school, "district_admin", "district", MemberRole.GROUP_ADMIN)
    await refused(school, "CONFLICT", "deleteGroup", by="district_admin", id=_id(school, "north"))
    await refused(school, "CONFLICT", "deleteGroup", by="system_admin", id=_id(school, "district"))


@pytest.mark.requirement("R19")
@pytest.mark.parametrize(
    "who, group, code",
    [
        ("group_admin", "north", "FORBIDDEN"),
        ("group_admin", "south", "FORBIDDEN"),
        ("group_admin", "elsewhere", "NOT_FOUND"),
        ("teacher", "science", "FORBIDDEN"),
        ("student", "science", "FORBIDDEN"),
        ("stranger", "science", "NOT_FOUND"),
        (None, "science", "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_deletes_groups(school: Satchel, who: str | None, group: str, code: str) -> None:
    await refused(school, code, "deleteGroup", by=who, id=_id(school, group))


@pytest.mark.requirement("R19")
async def test_who_is_in_the_tree_no_more_when_a_group_goes_is_in_none_of_its_classes(school: Satchel) -> None:
    in_south = await make_class(school.groups["south"])
    for who in ("teacher", "student"):
        await make_class_member(school.user(who), in_south)

    (await act(school, "deleteGroup", by="group_admin", id=_id(school, "science"))).ok()

    members: list[Any] = await ClassMember.filter(school_class_id=in_south.id).values_list("user_id", flat=True)
    assert members == [school.user("student").id]
