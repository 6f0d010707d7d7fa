"""R7, R19: classes are seen by their members and run by the admins of their group."""

from typing import Any
from uuid import UUID

import pytest

from app.models import Assignment, Class, ClassMember, ClassRole, File, FileStatus, MemberRole
from schema.ids import global_id
from tests.factories import make_assignment, make_attachment, make_class, make_class_member, make_user
from tests.fixtures.app import Satchel
from tests.schema.administration import act, join, refused, science_class, sign_in

CLASS = """query ($id: ID!) { class(id: $id) { id uuid name group { name }
  members { nodes { role user { name } } } assignments { nodes { title createdBy { name } class { name } } } } }"""


def _id(school_class: Class) -> str:
    return global_id("Class", school_class.id)


@pytest.mark.requirement("R7")
async def test_a_class_is_seen_by_its_members_and_by_admins_above_it(school: Satchel) -> None:
    school_class = await science_class(school)
    await make_assignment(school_class, title="Leaves", created_by=school.user("teacher"))
    people = [("TEACHER", school.user("teacher").name), ("STUDENT", school.user("student").name)]
    expected = {
        "id": _id(school_class),
        "uuid": str(school_class.id),
        "name": "Biology",
        "group": {"name": school.groups["science"].name},
        "members": {
            "nodes": [{"role": role, "user": {"name": name}} for role, name in sorted(people, key=lambda each: each[1])]
        },
        "assignments": {
            "nodes": [
                {
                    "title": "Leaves",
                    "createdBy": {"name": school.user("teacher").name},
                    "class": {"name": "Biology"},
                }
            ]
        },
    }

    for who in ("teacher", "student", "group_admin", "system_admin"):
        assert (await school.graphql(CLASS, {"id": _id(school_class)}, by=who)).ok() == {"class": expected}
    node = "query ($id: ID!) { node(id: $id) { ... on Class { name } } }"
    assert (await school.graphql(node, {"id": _id(school_class)}, by="student")).ok() == {"node": {"name": "Biology"}}
    await join(school, "science_student", "science", MemberRole.STUDENT)
    for who in ("other_student", "stranger", "science_student"):
        for query, field in ((CLASS, "class"), (node, "node")):
            hidden = await school.graphql(query, {"id": _id(school_class)}, by=who)
            assert (hidden.data, hidden.codes) == ({field: None}, ["NOT_FOUND"])
    assert (await school.graphql(CLASS, {"id": _id(school_class)})).codes == ["UNAUTHENTICATED"]


@pytest.mark.requirement("R7")
async def test_the_classes_of_a_user_are_those_that_the_viewer_sees(school: Satchel) -> None:
    student = school.user("student")
    await science_class(school)
    await make_class_member(student, await make_class(school.groups["south"], name="Archery"))
    query = "query ($id: ID!) { user(id: $id) { classes { nodes { name } } } }"

    for who, names in (
        ("student", ["Archery", "Biology"]),
        ("group_admin", ["Biology"]),
        ("system_admin", ["Archery", "Biology"]),
    ):
        answer = await school.graphql(query, {"id": str(student.id)}, by=who)
        assert answer.ok()["user"]["classes"]["nodes"] == [{"name": name} for name in names]
    hidden = await school.graphql(query, {"id": str(student.id)}, by="teacher")
    assert (hidden.data, hidden.codes) == ({"user": {"classes": None}}, ["FORBIDDEN"])


@pytest.mark.requirement("R7")
async def test_admins_of_the_group_run_its_classes(school: Satchel) -> None:
    group_id = global_id("Group", school.groups["science"].id)

    made = await act(school, "createClass", "class { id name }", by="group_admin", groupId=group_id, name=" Physik 7b ")
    class_id = made.ok()["createClass"]["class"]["id"]
    renamed = await act(school, "updateClass", "class { name }", by="group_admin", id=class_id, name="Chemistry")
    member = {"classId": class_id, "userId": str(school.user("other_student").id)}
    selection = "class { members { nodes { role user { id } } } }"
    joined = await act(school, "setClassMember", selection, by="group_admin", role="STUDENT", **member)
    raised = await act(school, "setClassMember", selection, by="group_admin", role="TEACHER", **member)
    left = await act(school, "removeClassMember", selection, by="group_admin", **member)
    deleted = await act(school, "deleteClass", "classId", by="group_admin", id=class_id)

    user = {"id": global_id("User", school.user("other_student").id)}
    assert made.ok()["createClass"]["class"]["name"] == "Physik 7b"
    assert renamed.ok() == {"updateClass": {"class": {"name": "Chemistry"}}}
    assert joined.ok()["setClassMember"]["class"]["members"]["nodes"] == [{"role": "STUDENT", "user": user}]
    assert raised.ok()["setClassMember"]["class"]["members"]["nodes"] == [{"role": "TEACHER", "user": user}]
    assert left.ok()["removeClassMember"]["class"]["members"]["nodes"] == []
    assert deleted.ok() == {"deleteClass": {"classId": class_id}}
    assert await Class.all().count() == 0


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, code",
    [
        ("teacher", "FORBIDDEN"),
        ("student", "FORBIDDEN"),
        ("other_student", "NOT_FOUND"),
        ("stranger", "NOT_FOUND"),
        ("south_admin", "NOT_FOUND"),
        (None, "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_runs_a_class(school: Satchel, who: str | None, code: str) -> None:
    await join(school, "south_admin", "south", MemberRole.GROUP_ADMIN)
    school_class = await science_class(school)
    member = {"classId": _id(school_class), "userId": str(school.user(who or "student").id)}

    await refused(school, code, "updateClass", by=who, id=_id(school_class), name="Mine")
    await refused(school, code, "deleteClass", by=who, id=_id(school_class))
    await refused(school, code, "setClassMember", by=who, role="TEACHER", **member)
    await refused(school, code, "removeClassMember", by=who, **member)
    group_id = global_id("Group", school.groups["science"].id)
    seen = "FORBIDDEN" if who in {"other_student", "south_admin"} else code  # the group they do see
    await refused(school, seen, "createClass", by=who, groupId=group_id, name="Mine")


@pytest.mark.requirement("R7")
async def test_members_of_a_class_are_people_of_its_tree(school: Satchel) -> None:
    school_class = await science_class(school)
    await join(school, "two_trees", "north", MemberRole.GROUP_ADMIN)
    two_trees = school.user("two_trees")
    await sign_in(school, "free", await make_user())

    async def is_refused(by: str, who: str, code: str) -> None:
        member = {"classId": _id(school_class), "userId": str(school.user(who).id)}
        await refused(school, code, "setClassMember", by=by, role="STUDENT", **member)

    for who in ("stranger", "free"):
        await is_refused("group_admin", who, "NOT_FOUND")
        await is_refused("system_admin", who, "CONFLICT")
    # Whom an admin sees from another tree is not in this one either.
    (
        await act(
            school,
            "setGroupMember",
            by="system_admin",
            groupId=str(school.groups["elsewhere"].id),
            userId=str(two_trees.id),
            role="STUDENT",
        )
    ).ok()
    await is_refused("two_trees", "stranger", "FORBIDDEN")


@pytest.mark.requirement("R7")
async def test_unfit_names_are_refused(school: Satchel) -> None:
    school_class = await science_class(school)
    for name in ("", "   ", "\x00", "a\x00b", "x" * 201, "\u202e"):
        group_id = str(school.groups["science"].id)
        await refused(school, "BAD_USER_INPUT", "createClass", by="group_admin", groupId=group_id, name=name)
        await refused(school, "BAD_USER_INPUT", "updateClass", by="group_admin", id=_id(school_class), name=name)
        await refused(school, "BAD_USER_INPUT", "createAssignment", by="teacher", classId=_id(school_class), title=name)


@pytest.mark.requirement("R7")
async def test_what_is_not_there_is_not_found(school: Satchel) -> None:
    school_class = await science_class(school)
    absent, student = str(UUID(int=1)), str(school.user("student").id)
    group = global_id("Group", school.groups["science"].id)
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("NOT_FOUND", "updateClass", {"id": absent, "name": "X"}),
        ("NOT_FOUND", "updateClass", {"id": group, "name": "X"}),
        ("BAD_USER_INPUT", "deleteClass", {"id": "nonsense"}),
        ("NOT_FOUND", "createClass", {"groupId": student, "name": "X"}),
        ("NOT_FOUND", "setClassMember", {"classId": absent, "userId": student, "role": "STUDENT"}),
        ("NOT_FOUND", "setClassMember", {"classId": _id(school_class), "userId": absent, "role": "STUDENT"}),
        ("NOT_FOUND", "removeClassMember", {"classId": _id(school_class), "userId": absent}),
        (
            "NOT_FOUND",
            "removeClassMember",
            {"classId": _id(school_class), "userId": str(school.user("other_student").id)},
        ),
    ]
    for code, mutation, fields in cases:
        for who in ("group_admin", "system_admin"):
            await refused(school, code, mutation, by=who, **fields)


@pytest.mark.requirement("R19")
async def test_a_deleted_class_takes_its_assignments_and_leaves_all_files(school: Satchel) -> None:
    school_class = await science_class(school)
    assignment = await make_assignment(school_class)
    assignment_id = global_id("Assignment", assignment.id)
    plan = await school.file(b"plan", by="teacher", entityType="ASSIGNMENT_ATTACHMENT", entityId=assignment_id)
    work = await school.file(b"work", entityType="SUBMISSION_FILE", entityId=assignment_id)
    await make_attachment(assignment, await File.get(id=plan["uuid"]))
    await Class.filter(id=school_class.id).update(avatar_id=plan["uuid"])

    (await act(school, "deleteClass", by="group_admin", id=_id(school_class))).ok()

    assert (await Assignment.all().count(), await ClassMember.all().count()) == (0, 0)
    files = await File.all().order_by("created_at")
    assert {str(file.id) for file in files} == {plan["uuid"], work["uuid"]}
    assert {(file.status, file.entity_id) for file in files} == {(FileStatus.ACTIVE, None)}
    # What the class shared is shared no more: the plan is the teacher's alone, the work the student's.
    query = "query ($id: ID!) { file(id: $id) { entityType entityId } }"
    for file, owner, other in ((plan, "teacher", "student"), (work, "student", "teacher")):
        assert (await school.graphql(query, {"id": file["id"]}, by=owner)).ok()["file"]["entityId"] is None
        assert (await school.graphql(query, {"id": file["id"]}, by=other)).codes == ["NOT_FOUND"]


@pytest.mark.requirement("R7")
async def test_a_submission_is_read_by_the_teachers_of_the_class_and_by_nobody_else_in_it(school: Satchel) -> None:
    school_class = await science_class(school)
    classmate = await join(school, "classmate", "north", MemberRole.STUDENT)
    await make_class_member(classmate, school_class)
    assignment = await make_assignment(school_class)
    work = await school.file(b"w", entityType="SUBMISSION_FILE", entityId=global_id("Assignment", assignment.id))
    query = "query ($id: ID!) { file(id: $id) { name signedUrl { url } } }"

    seen = (await school.graphql(query, {"id": work["id"]}, by="teacher")).ok()["file"]
    assert (await school.client.get(seen["signedUrl"]["url"])).content == b"w"
    for who in ("classmate", "group_admin", "other_student", "stranger"):
        assert (await school.graphql(query, {"id": work["id"]}, by=who)).codes == ["NOT_FOUND"], who
    for mutation in ("deleteFile", "renameFile"):
        fields = {"name": "x"} if mutation == "renameFile" else {}
        assert (await school.act(mutation, work["id"], by="teacher", **fields)).codes == ["FORBIDDEN"]
    (await school.act("deleteFile", work["id"])).ok()
    assert (await school.graphql(query, {"id": work["id"]}, by="teacher")).codes == ["NOT_FOUND"]
    await ClassMember.filter(user_id=school.user("teacher").id).update(role=ClassRole.STUDENT)
    (await school.act("restoreFile", work["id"])).ok()
    assert (await school.graphql(query, {"id": work["id"]}, by="teacher")).codes == ["NOT_FOUND"]
