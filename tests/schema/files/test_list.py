"""R5: `files` pages by keyset in every order, stays in place while rows come and go, and filters."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from app.models import EntityType, FileStatus
from schema.ids import global_id
from tests.factories import make_assignment, make_class, make_class_member, make_file
from tests.fixtures.app import Satchel

PAGE = """query ($filter: FileFilter, $orderBy: FileOrder, $first: Int, $after: String) {
  files(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    edges { cursor node { id name } } nodes { id name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""

# Name, size; made one second after the other.
FILES = [
    ("delta.txt", 30),
    ("Alpha.txt", 10),
    ("charlie.txt", 20),
    ("bravo.txt", 20),
    ("Écho.txt", 40),
    ("alpha.txt", 10),
]
BY_ORDER = {
    "CREATED_AT_DESC": ["alpha.txt", "Écho.txt", "bravo.txt", "charlie.txt", "Alpha.txt", "delta.txt"],
    "CREATED_AT_ASC": ["delta.txt", "Alpha.txt", "charlie.txt", "bravo.txt", "Écho.txt", "alpha.txt"],
}


async def _page(satchel: Satchel, by: str = "student", **variables: Any) -> Any:
    return (await satchel.graphql(PAGE, variables, by=by)).ok()["files"]


async def _names(satchel: Satchel, by: str = "student", **wanted: Any) -> list[str]:
    return [node["name"] for node in (await _page(satchel, by, filter=wanted))["nodes"]]


async def _walk(satchel: Satchel, **variables: Any) -> list[str]:
    names: list[str] = []
    after = None
    while True:
        page = await _page(satchel, after=after, **variables)
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        names += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasPreviousPage"] == (len(names) > len(page["nodes"]))
        if not page["pageInfo"]["hasNextPage"]:
            return names


@pytest.fixture
async def filled(satchel: Satchel, backend: str) -> Satchel:
    """The student has six files."""
    for name, size in FILES:
        satchel.clock.advance(seconds=1)
        await satchel.file(b"x" * size, name=name)
    return satchel


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("order", ["CREATED_AT_DESC", "CREATED_AT_ASC", "NAME_ASC", "SIZE_DESC"])
async def test_the_pages_of_every_order_make_up_the_whole_list(filled: Satchel, order: str) -> None:
    walks = [await _walk(filled, orderBy=order, first=first) for first in (1, 4, 6, 100)]

    names = walks[0]
    assert walks == [names] * 4
    if order in BY_ORDER:
        assert names == BY_ORDER[order]
    elif order == "NAME_ASC":
        folded = ["alpha.txt", "alpha.txt", "bravo.txt", "charlie.txt", "delta.txt", "écho.txt"]
        assert [name.casefold() for name in names] == folded
    else:
        sizes = dict(FILES)
        assert [sizes[name] for name in names] == [40, 30, 20, 20, 10, 10]
    assert sorted(names) == sorted(name for name, _ in FILES)


@pytest.mark.requirement("R5")
async def test_rows_that_come_and_go_move_nobodys_place(filled: Satchel) -> None:
    first = await _page(filled, first=3)
    assert [node["name"] for node in first["nodes"]] == BY_ORDER["CREATED_AT_DESC"][:3]

    filled.clock.advance(seconds=1)
    await filled.file(name="late.txt")
    # The file that the cursor was taken from goes away.
    (await filled.act("deleteFile", first["nodes"][2]["id"])).ok()

    second = await _page(filled, first=3, after=first["pageInfo"]["endCursor"])
    assert [node["name"] for node in second["nodes"]] == BY_ORDER["CREATED_AT_DESC"][3:]
    assert second["pageInfo"]["hasNextPage"] is False


@pytest.mark.requirement("R5")
async def test_files_are_found_by_part_of_the_name_whatever_its_case(filled: Satchel) -> None:
    assert sorted(await _names(filled, nameContains="ALPHA")) == ["Alpha.txt", "alpha.txt"]
    assert await _names(filled, nameContains="éCHO") == ["Écho.txt"]
    assert await _names(filled, nameContains="%") == []
    assert await _names(filled, nameContains="a_pha") == []
    assert len(await _names(filled, nameContains=".txt")) == 6


@pytest.mark.requirement("R5")
async def test_files_are_found_by_the_time_of_their_upload(filled: Satchel) -> None:
    times = (await filled.graphql("{ files(orderBy: CREATED_AT_ASC) { nodes { createdAt } } }", by="student")).ok()
    moments = [node["createdAt"] for node in times["files"]["nodes"]]

    assert await _names(filled, createdAfter=moments[3]) == ["alpha.txt", "Écho.txt"]
    assert await _names(filled, createdBefore=moments[1]) == ["delta.txt"]
    assert await _names(filled, createdAfter=moments[1], createdBefore=moments[3]) == ["charlie.txt"]


@pytest.mark.requirement("R5")
async def test_files_are_found_by_state(satchel: Satchel, backend: str) -> None:
    student = satchel.user("student")
    await satchel.file(name="active.txt")
    (await satchel.act("deleteFile", (await satchel.file(name="trash.txt"))["id"])).ok()
    await make_file(student, name="pending.txt", status=FileStatus.PENDING, location=backend)
    await make_file(student, name="purging.txt", status=FileStatus.PURGING, location=backend)

    assert await _names(satchel) == ["active.txt"]
    assert await _names(satchel, status="ACTIVE") == ["active.txt"]
    assert await _names(satchel, status="SOFT_DELETED") == ["trash.txt"]
    assert await _names(satchel, status="PENDING") == ["pending.txt"]
    assert await _names(satchel, status="PURGING") == ["purging.txt"]
    assert sorted(await _names(satchel, status=None)) == ["active.txt", "pending.txt", "purging.txt", "trash.txt"]


@pytest.mark.requirement("R5")
async def test_an_omitted_filter_a_null_one_and_an_empty_one_are_the_same(satchel: Satchel) -> None:
    await satchel.file(name="active.txt")
    (await satchel.act("deleteFile", (await satchel.file(name="trash.txt"))["id"])).ok()

    for query in (
        "{ files { nodes { name } } }",
        "{ files(filter: null, orderBy: null, first: null) { nodes { name } } }",
        "{ files(filter: {}) { nodes { name } } }",
        "{ files(filter: {scope: null}) { nodes { name } } }",
    ):
        assert (await satchel.graphql(query, by="student")).ok() == {"files": {"nodes": [{"name": "active.txt"}]}}


@pytest.mark.requirement("R5")
async def test_files_are_found_by_group_purpose_and_type_and_the_filters_combine(satchel: Satchel) -> None:
    north = satchel.groups["north"]
    school_class = await make_class(north)
    await make_class_member(satchel.user("student"), school_class)
    assignment = await make_assignment(school_class)
    assignment_id = global_id("Assignment", assignment.id)
    png = bytes.fromhex("89504e470d0a1a0a") + b"x" * 20
    await satchel.file(b"text", name="in group.txt", groupId=str(north.id))
    await satchel.file(png, name="in group.png", groupId=global_id("Group", north.id))
    await satchel.file(b"text", name="work.txt", entityType="SUBMISSION_FILE", entityId=assignment_id)
    await satchel.file(
        png, name="face.png", entityType="AVATAR", entityId=global_id("User", satchel.user("student").id)
    )

    assert sorted(await _names(satchel, groupId=str(north.id))) == ["in group.png", "in group.txt"]
    assert await _names(satchel, groupId=global_id("Group", north.id), mimeType="image/png") == ["in group.png"]
    assert await _names(satchel, entityType="SUBMISSION_FILE") == ["work.txt"]
    assert await _names(satchel, entityId=assignment_id) == ["work.txt"]
    assert await _names(satchel, entityType=EntityType.AVATAR, mimeType="image/png") == ["face.png"]
    assert await _names(satchel, entityType=EntityType.AVATAR, entityId=assignment_id) == []
    assert await _names(satchel, groupId=str(satchel.groups["south"].id)) == []


@pytest.mark.requirement("R5")
async def test_managed_files_are_those_of_ones_subtree_and_of_everybody_for_system_admins(satchel: Satchel) -> None:
    science, south = satchel.groups["science"], satchel.groups["south"]
    await satchel.file(name="own.txt")
    await satchel.file(name="science.txt", by="teacher", groupId=str(science.id))
    await satchel.file(name="south.txt", by="other_student", groupId=str(south.id))

    assert await _names(satchel, scope="MANAGED") == []
    assert await _names(satchel, "group_admin", scope="MANAGED") == ["science.txt"]
    assert sorted(await _names(satchel, "system_admin", scope="MANAGED")) == ["own.txt", "science.txt", "south.txt"]
    teacher = global_id("User", satchel.user("teacher").id)
    assert await _names(satchel, "system_admin", scope="MANAGED", uploadedById=teacher) == ["science.txt"]
    assert await _names(satchel, "system_admin") == []


@pytest.mark.requirement("R5")
async def test_a_page_holds_fifty_files_by_default_and_a_hundred_at_most(embedded: Satchel) -> None:
    for number in range(103):
        await make_file(
            embedded.user("student"),
            name=f"{number}.txt",
            content=b"x",
            storage=embedded.runtime.storage,
            location="memory",
        )

    assert len(await _names(embedded)) == 50
    assert len((await _page(embedded, first=100))["nodes"]) == 100
    page = await _page(embedded, first=5000)
    assert (len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (100, True)


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("first", [0, -1])
async def test_a_page_of_nothing_is_bad_user_input(embedded: Satchel, first: int) -> None:
    answer = await embedded.graphql(PAGE, {"first": first}, by="student")

    assert (answer.data, answer.codes) == ({"files": None}, ["BAD_USER_INPUT"])
    assert answer.error["extensions"]["field"] == "first"


@pytest.mark.requirement("R5")
async def test_a_cursor_of_another_order_or_of_nowhere_is_bad_user_input(satchel: Satchel) -> None:
    await satchel.file(name="a.txt")
    other = (await _page(satchel, orderBy="NAME_ASC"))["pageInfo"]["endCursor"]
    garbage = ["", "x", "é", "====", "bnVsbA", "W10", "W251bGxd", "A" * 10_000, "\x00", other]
    # Cursors of the right order, with keys of the wrong kind.
    garbage += [
        _cursor("CREATED_AT_DESC", *key) for key in ([], [1, 2], ["soon", "x"], [None, None], ["2026-01-01", "x"])
    ]

    for after in garbage:
        answer = await satchel.graphql(PAGE, {"after": after}, by="student")
        assert (answer.data, answer.codes) == ({"files": None}, ["BAD_USER_INPUT"]), after


@pytest.mark.requirement("R5")
async def test_an_empty_page_has_no_cursors(embedded: Satchel) -> None:
    assert await _page(embedded) == {
        "edges": [],
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize(
    "wanted, code",
    [
        ({"groupId": "nonsense"}, "BAD_USER_INPUT"),
        ({"entityId": "1"}, "BAD_USER_INPUT"),
        ({"uploadedById": global_id("Group", uuid4())}, "NOT_FOUND"),
        ({"groupId": global_id("User", uuid4())}, "NOT_FOUND"),
    ],
    ids=["garbage group", "garbage entity", "a group as an owner", "a user as a group"],
)
async def test_bad_ids_in_a_filter_are_refused(embedded: Satchel, wanted: dict[str, str], code: str) -> None:
    answer = await embedded.graphql(PAGE, {"filter": wanted}, by="student")

    assert (answer.data, answer.codes) == ({"files": None}, [code])


async def test_a_list_costs_the_same_number_of_queries_whatever_its_length(
    embedded: Satchel, caplog: pytest.LogCaptureFixture
) -> None:
    query = """{ files(filter: {scope: MANAGED}) { nodes {
      name uploadedBy { name email quota { usedBytes } limits { source } memberships { group { name parent { name } } } }
      group { name parent { name } } } } }"""
    counts, nodes = [], []
    for round_number in range(2):
        for who, group in (("student", "north"), ("teacher", "science"), ("other_student", "south")):
            for number in range(1 + 4 * round_number):
                await embedded.file(name=f"{number}.txt", by=who, groupId=str(embedded.groups[group].id))
        with caplog.at_level("DEBUG", logger="tortoise.db_client"):
            caplog.clear()
            nodes = (await embedded.graphql(query, by="system_admin")).ok()["files"]["nodes"]
            counts.append(len([line for line in caplog.records if line.name == "tortoise.db_client"]))

    assert len(nodes) == 18
    assert counts[0] == counts[1] > 0


def _cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
