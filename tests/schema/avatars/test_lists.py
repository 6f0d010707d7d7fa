"""Lists with avatars, attachments and limits in them cost as many statements for a hundred items as for ten."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.models import Class, ClassRole, File, MemberRole, User
from schema.ids import global_id
from tests.factories import (
    make_assignment,
    make_attachment,
    make_class,
    make_class_member,
    make_file,
    make_group,
    make_membership,
    make_role_limit,
    make_user,
    make_user_limit,
)
from tests.fixtures.app import Satchel
from tests.fixtures.statements import statements

AVATAR = "avatar { name signedUrl { url } uploadedBy { name avatar { name } } group { name avatar { name } } }"
HISTORY = "limitHistory(first: 2) { nodes { reason changedBy { name } } }"
LIMITS = f"""limits {{ maxFileSizeBytes maxFileSizeSource {{ group {{ name }} }} }} quota {{ usedBytes }}
  limitOverride {{ reason setBy {{ name }} }} {HISTORY}"""
MEMBERS = f"""query ($id: ID!, $first: Int) {{ node(id: $id) {{ ... on Group {{ members(first: $first) {{ nodes {{
  user {{ name {AVATAR} {LIMITS} }}
}} }} }} }} }}"""
CHILDREN = f"""query ($id: ID!, $first: Int) {{ node(id: $id) {{ ... on Group {{ children(first: $first) {{ nodes {{
  name {AVATAR} roleLimits {{ role }} {HISTORY} classes(first: 1) {{ nodes {{ name avatar {{ name }} }} }}
}} }} }} }} }}"""
ASSIGNMENTS = """query ($id: ID!, $first: Int) { node(id: $id) { ... on Class { assignments(first: $first) { nodes {
  title attachments { kind file { name signedUrl { url } uploadedBy { name avatar { name } } group { name } } }
} } } } }"""

Count = Callable[[str, str, int], Awaitable[tuple[int, list[Any]]]]


@pytest.fixture
def count(school: Satchel) -> Count:
    """Runs a query for a page of a list of the group admin's; the number of statements, and the items."""

    async def run(query: str, identifier: str, first: int) -> tuple[int, list[Any]]:
        with statements() as sent:
            answer = await school.graphql(query, {"id": identifier, "first": first}, by="group_admin")
        (listed,) = answer.ok()["node"].values()
        return len(sent), listed["nodes"]

    return run


async def _picture(school: Satchel, owner: User, **fields: Any) -> File:
    return await make_file(
        owner, content=b"x", mime_type="image/png", storage=school.runtime.storage, location="memory", **fields
    )


async def _compare(count: Count, query: str, identifier: str) -> list[Any]:
    few, some = await count(query, identifier, 10)
    many, items = await count(query, identifier, 100)
    assert (len(some), len(items)) == (10, 100)
    assert few == many
    return items


async def test_a_list_of_members(school: Satchel, count: Count) -> None:
    north, admin = school.groups["north"], school.user("system_admin")
    for number in range(110):
        user = await make_user(name=f"A {number:03}")
        await make_membership(user, north, MemberRole.STUDENT)
        user.avatar = await _picture(school, user if number % 2 else admin, group=north if number % 3 else None)
        await user.save(update_fields=["avatar_id"])
        await make_user_limit(user, max_file_size_bytes=number + 1, reason=f"R {number}", set_by=admin)

    items = await _compare(count, MEMBERS, global_id("Group", north.id))

    assert [item["user"]["limitOverride"]["reason"] for item in items] == [f"R {number}" for number in range(100)]
    assert all(item["user"]["avatar"]["signedUrl"] for item in items)


async def test_a_list_of_groups(school: Satchel, count: Count) -> None:
    north, owner = school.groups["north"], school.user("other_student")
    for number in range(110):
        group = await make_group(north, name=f"A {number:03}")
        group.avatar = await _picture(school, owner)
        await group.save(update_fields=["avatar_id"])
        await make_role_limit(group, MemberRole.STUDENT, max_file_size_bytes=1)
        await make_class(group, avatar=group.avatar)

    items = await _compare(count, CHILDREN, global_id("Group", north.id))

    assert all(item["avatar"] and item["classes"]["nodes"][0]["avatar"] for item in items)
    assert all(item["roleLimits"] == [{"role": "STUDENT"}] for item in items)


async def test_a_list_of_assignments(school: Satchel, count: Count) -> None:
    teacher, owner = school.user("teacher"), school.user("other_student")
    row: Class = await make_class(school.groups["science"])
    await make_class_member(teacher, row, ClassRole.TEACHER)
    for _ in range(110):
        assignment = await make_assignment(row)
        for _ in range(2):
            await make_attachment(assignment, await _picture(school, owner, group=school.groups["science"]))

    items = await _compare(count, ASSIGNMENTS, global_id("Class", row.id))

    assert {len(item["attachments"]) for item in items} == {2}
    assert all(attachment["file"]["signedUrl"] for item in items for attachment in item["attachments"])
