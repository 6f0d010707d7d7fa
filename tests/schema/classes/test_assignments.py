"""R7, R19: assignments are set by the teachers of the class and the admins above it, and seen by all of the class."""

from uuid import UUID

import pytest

from app.models import Assignment, Attachment, ClassRole, File, MemberRole
from schema.ids import global_id
from tests.factories import make_assignment, make_attachment, make_class, make_class_member
from tests.fixtures.app import Satchel
from tests.schema.administration import act, join, refused, science_class

ASSIGNMENT = "assignment { id title class { name } createdBy { id } }"
QUERY = "query ($id: ID!) { assignment(id: $id) { title class { name members { nodes { role } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Assignment { title } } }"


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["teacher", "group_admin", "system_admin"])
async def test_teachers_and_admins_set_change_and_delete_assignments(school: Satchel, who: str) -> None:
    school_class = await science_class(school)
    class_id = global_id("Class", school_class.id)

    made = await act(school, "createAssignment", ASSIGNMENT, by=who, classId=class_id, title=" Leaf diary ")
    assignment = made.ok()["createAssignment"]["assignment"]
    renamed = await act(school, "updateAssignment", ASSIGNMENT, by=who, id=assignment["id"], title="Diary")

    assert assignment == {
        "id": assignment["id"],
        "title": "Leaf diary",
        "class": {"name": "Biology"},
        "createdBy": {"id": global_id("User", school.user(who).id)},
    }
    assert renamed.ok()["updateAssignment"]["assignment"] == assignment | {"title": "Diary"}
    seen = await school.graphql(QUERY, {"id": assignment["id"]}, by="student")
    assert seen.ok()["assignment"]["title"] == "Diary"
    deleted = await act(school, "deleteAssignment", "assignmentId", by=who, id=assignment["id"])
    assert deleted.ok() == {"deleteAssignment": {"assignmentId": assignment["id"]}}
    assert await Assignment.all().count() == 0


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, code",
    [
        ("student", "FORBIDDEN"),
        ("science_teacher", "NOT_FOUND"),
        ("other_student", "NOT_FOUND"),
        ("stranger", "NOT_FOUND"),
        (None, "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_does(school: Satchel, who: str | None, code: str) -> None:
    # A teacher of the group, and not of this class.
    await join(school, "science_teacher", "science", MemberRole.TEACHER)
    school_class = await science_class(school)
    assignment_id = global_id("Assignment", (await make_assignment(school_class)).id)

    await refused(school, code, "createAssignment", by=who, classId=str(school_class.id), title="X")
    await refused(school, code, "updateAssignment", by=who, id=assignment_id, title="X")
    await refused(school, code, "deleteAssignment", by=who, id=assignment_id)
    expected = [] if code == "FORBIDDEN" else [code]
    for query in (QUERY, NODE):
        assert (await school.graphql(query, {"id": assignment_id}, by=who)).codes == expected


@pytest.mark.requirement("R7")
async def test_a_teacher_of_one_class_has_no_say_in_another(school: Satchel) -> None:
    await science_class(school)
    other = await make_class(school.groups["science"])
    await make_class_member(school.user("teacher"), other, ClassRole.STUDENT)
    assignment_id = str((await make_assignment(other)).id)

    await refused(school, "FORBIDDEN", "createAssignment", by="teacher", classId=str(other.id), title="X")
    await refused(school, "FORBIDDEN", "updateAssignment", by="teacher", id=assignment_id, title="X")
    await refused(school, "FORBIDDEN", "deleteAssignment", by="teacher", id=assignment_id)


@pytest.mark.requirement("R19")
async def test_a_deleted_assignments_files_stay_with_their_owners(school: Satchel) -> None:
    assignment = await make_assignment(await science_class(school))
    other = await make_assignment(assignment.school_class)
    assignment_id = global_id("Assignment", assignment.id)
    plan = await school.file(b"plan", by="teacher")
    work = await school.file(b"work", entityType="SUBMISSION_FILE", entityId=assignment_id)
    kept = await school.file(b"kept", entityType="SUBMISSION_FILE", entityId=str(other.id))
    for each in (assignment, other):
        await make_attachment(each, await File.get(id=plan["uuid"]))

    (await act(school, "deleteAssignment", by="teacher", id=assignment_id)).ok()

    entities = {str(file.id): file.entity_id for file in await File.all()}
    assert entities == {plan["uuid"]: None, work["uuid"]: None, kept["uuid"]: other.id}
    assert [row.assignment_id for row in await Attachment.all()] == [other.id]
    assert (await school.graphql(QUERY, {"id": assignment_id}, by="teacher")).codes == ["NOT_FOUND"]


@pytest.mark.requirement("R7")
async def test_what_is_not_there_is_not_found(school: Satchel) -> None:
    school_class = await science_class(school)
    for who in ("teacher", "system_admin"):
        absent = str(UUID(int=1))
        await refused(school, "NOT_FOUND", "createAssignment", by=who, classId=absent, title="X")
        await refused(school, "NOT_FOUND", "updateAssignment", by=who, id=absent, title="X")
        wrong = global_id("Class", school_class.id)
        await refused(school, "NOT_FOUND", "deleteAssignment", by=who, id=wrong)
        await refused(school, "BAD_USER_INPUT", "deleteAssignment", by=who, id="?")


@pytest.mark.requirement("R7")
async def test_the_newest_assignments_come_first_page_by_page(school: Satchel) -> None:
    school_class = await science_class(school)
    for number in range(5):
        school.clock.advance(seconds=1)
        fields = {"classId": str(school_class.id), "title": f"{number}"}
        (await act(school, "createAssignment", by="teacher", **fields)).ok()
    query = """query ($id: ID!, $after: String) { class(id: $id) { assignments(first: 2, after: $after) {
      nodes { title } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    titles, after = [], None
    while True:
        variables = {"id": str(school_class.id), "after": after}
        page = (await school.graphql(query, variables, by="student")).ok()["class"]["assignments"]
        titles.append([node["title"] for node in page["nodes"]])
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert titles == [["4", "3"], ["2", "1"], ["0"]]
