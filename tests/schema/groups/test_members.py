"""R7, R19: who belongs to a group is decided by its admins, and they decide it for people of their tree only."""

import asyncio
from uuid import UUID

import pytest

from app.models import ClassMember, Group, GroupType, MemberRole, Membership
from schema.ids import global_id
from tests.factories import make_class, make_class_member, make_group, make_membership, make_user
from tests.fixtures.app import Answer, Satchel
from tests.schema.administration import act, join, refused, science_class, sign_in

MEMBERSHIP = "membership { role user { id } group { id } }"


def _fields(school: Satchel, group: str, who: str) -> dict[str, str]:
    return {"groupId": global_id("Group", school.groups[group].id), "userId": global_id("User", school.user(who).id)}


async def _set(school: Satchel, group: str, who: str, role: str, *, by: str) -> Answer:
    return await act(school, "setGroupMember", MEMBERSHIP, by=by, role=role, **_fields(school, group, who))


@pytest.mark.requirement("R7")
async def test_an_admin_adds_people_of_the_tree_and_changes_their_roles(school: Satchel) -> None:
    for role in ("STUDENT", "TEACHER", "GROUP_ADMIN"):
        answer = await _set(school, "science", "other_student", role, by="group_admin")

        fields = _fields(school, "science", "other_student")
        assert answer.ok()["setGroupMember"]["membership"] == {
            "role": role,
            "user": {"id": fields["userId"]},
            "group": {"id": fields["groupId"]},
        }
    assert await Membership.filter(group_id=school.groups["science"].id).count() == 2
    # What an admin of the department may do now follows from the row, at once.
    assert (await _set(school, "science", "student", "STUDENT", by="other_student")).errors == []


@pytest.mark.requirement("R7")
async def test_a_group_admin_enrols_no_strangers(school: Satchel) -> None:
    free = await sign_in(school, "free", await make_user())
    assert free.deactivated_at is None
    for who in ("stranger", "free", "system_admin"):
        await refused(
            school, "NOT_FOUND", "setGroupMember", by="group_admin", role="STUDENT", **_fields(school, "north", who)
        )
        (await _set(school, "north", who, "STUDENT", by="system_admin")).ok()


@pytest.mark.requirement("R7")
async def test_an_admin_of_two_trees_does_not_carry_people_from_one_to_the_other(school: Satchel) -> None:
    await make_membership(school.user("group_admin"), school.groups["elsewhere"])
    fields = _fields(school, "north", "stranger")

    await refused(school, "FORBIDDEN", "setGroupMember", by="group_admin", role="STUDENT", **fields)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "by, group, code",
    [
        ("group_admin", "south", "FORBIDDEN"),
        ("group_admin", "district", "FORBIDDEN"),
        ("group_admin", "elsewhere", "NOT_FOUND"),
        ("teacher", "science", "FORBIDDEN"),
        ("student", "north", "FORBIDDEN"),
        ("stranger", "north", "NOT_FOUND"),
        (None, "north", "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_decides_who_belongs_to_a_group(
    school: Satchel, by: str | None, group: str, code: str
) -> None:
    for who in ("student", "teacher", by or "student"):
        fields = _fields(school, group, who)
        await refused(school, code, "setGroupMember", by=by, role="GROUP_ADMIN", **fields)
        await refused(school, code, "removeGroupMember", by=by, **fields)


@pytest.mark.requirement("R7")
async def test_what_is_not_there_is_not_found(school: Satchel) -> None:
    north, student = school.groups["north"].id, school.user("student").id
    for group_id, user_id in ((student, student), (north, north), (UUID(int=1), student), (north, UUID(int=1))):
        fields = {"groupId": str(group_id), "userId": str(user_id)}
        await refused(school, "NOT_FOUND", "setGroupMember", by="system_admin", role="STUDENT", **fields)
        await refused(school, "NOT_FOUND", "removeGroupMember", by="group_admin", **fields)
    not_a_member = _fields(school, "science", "student")
    await refused(school, "NOT_FOUND", "removeGroupMember", by="group_admin", **not_a_member)
    bad = {"groupId": "nonsense", "userId": str(student)}
    await refused(school, "BAD_USER_INPUT", "setGroupMember", by="system_admin", role="STUDENT", **bad)


@pytest.mark.requirement("R19")
async def test_a_deactivated_user_joins_nothing(school: Satchel) -> None:
    gone = await sign_in(school, "gone", await make_user())
    (await act(school, "deleteUser", by="system_admin", id=str(gone.id))).ok()

    fields = _fields(school, "north", "gone")
    await refused(school, "CONFLICT", "setGroupMember", by="system_admin", role="STUDENT", **fields)


@pytest.mark.requirement("R19")
async def test_who_leaves_a_group_leaves_its_classes_and_those_below(school: Satchel) -> None:
    student, north = school.user("student"), school.groups["north"]
    in_science = await science_class(school)
    in_north, in_south = await make_class(north), await make_class(school.groups["south"])
    await make_membership(student, school.groups["south"])
    for school_class in (in_north, in_south):
        await make_class_member(student, school_class)

    answer = await act(
        school, "removeGroupMember", "group { id }", by="group_admin", **_fields(school, "north", "student")
    )

    assert answer.ok() == {"removeGroupMember": {"group": {"id": global_id("Group", north.id)}}}
    assert await _classes_of(student.id) == {in_south.id}
    assert await ClassMember.filter(school_class_id=in_science.id).count() == 1  # the teacher


@pytest.mark.requirement("R19")
async def test_who_leaves_the_last_group_of_a_tree_leaves_all_classes_of_the_tree(school: Satchel) -> None:
    student = school.user("student")
    in_south, abroad = await make_class(school.groups["south"]), await make_class(school.groups["elsewhere"])
    await make_membership(student, school.groups["elsewhere"])
    for school_class in (in_south, abroad):
        await make_class_member(student, school_class)

    (await act(school, "removeGroupMember", by="group_admin", **_fields(school, "north", "student"))).ok()

    assert await _classes_of(student.id) == {abroad.id}


@pytest.mark.requirement("R19")
async def test_who_is_a_member_below_too_stays_in_the_classes_there(school: Satchel) -> None:
    student = school.user("student")
    in_science = await science_class(school)
    await make_membership(student, school.groups["science"])

    (await act(school, "removeGroupMember", by="group_admin", **_fields(school, "north", "student"))).ok()

    assert await _classes_of(student.id) == {in_science.id}


@pytest.mark.requirement("R7")
async def test_an_admin_who_leaves_is_one_no_more(school: Satchel) -> None:
    (await act(school, "removeGroupMember", by="group_admin", **_fields(school, "north", "group_admin"))).ok()

    fields = _fields(school, "north", "student")
    await refused(school, "NOT_FOUND", "setGroupMember", by="group_admin", role="TEACHER", **fields)


@pytest.mark.requirement("R19")
async def test_leaving_a_group_and_joining_its_classes_at_once_ends_in_one_of_the_two(school: Satchel) -> None:
    await join(school, "district_admin", "district", MemberRole.GROUP_ADMIN)
    for _ in range(8):
        group = await make_group(school.groups["south"])
        school_class = await make_class(group)
        school.groups["club"] = group
        user = await join(school, "pupil", "club", MemberRole.STUDENT)
        fields = {"classId": str(school_class.id), "userId": str(user.id), "role": "STUDENT"}

        await asyncio.gather(
            act(school, "removeGroupMember", by="district_admin", **_fields(school, "club", "pupil")),
            act(school, "setClassMember", by="district_admin", **fields),
        )

        assert await Membership.filter(user_id=user.id).count() == 0
        assert await _classes_of(user.id) == set()


@pytest.mark.requirement("R19")
async def test_what_comes_into_a_group_while_it_is_deleted_goes_with_it_or_keeps_it(school: Satchel) -> None:
    for _ in range(8):
        group = school.groups["club"] = await make_group(school.groups["north"], type=GroupType.SCHOOL)
        below = {"name": "Late", "slug": "late", "type": "DEPARTMENT", "parentId": str(group.id)}
        delete, *others = await asyncio.gather(
            act(school, "deleteGroup", by="group_admin", id=str(group.id)),
            _set(school, "club", "student", "STUDENT", by="group_admin"),
            act(school, "createClass", by="group_admin", groupId=str(group.id), name="Late"),
            act(school, "createGroup", by="group_admin", **below),
            school.upload(b"late", by="group_admin", groupId=str(group.id)),
        )

        assert {code for answer in others for code in answer.codes} <= {"NOT_FOUND"}
        assert delete.codes == (["CONFLICT"] if await Group.exists(id=group.id) else [])


async def _classes_of(user_id: UUID) -> set[UUID]:
    return {row.school_class_id for row in await ClassMember.filter(user_id=user_id)}
