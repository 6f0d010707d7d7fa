"""Lists of people and places cost as many statements for a hundred items as for ten, whatever hangs from each."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.models import Class, Group, User
from schema.ids import global_id
from tests.factories import (
    make_assignment,
    make_class,
    make_class_member,
    make_file,
    make_group,
    make_membership,
    make_user,
)
from tests.fixtures.app import Satchel
from tests.fixtures.statements import statements

PERSON = """name email memberships { role group { name parent { name } } } classes(first: 2) { nodes { name group { name } } }
  files(first: 2) { nodes { name group { name } uploadedBy { name } signedUrl { url } } } quota { usedBytes }"""
USERS = f"query ($first: Int) {{ users(first: $first) {{ nodes {{ {PERSON} }} }} }}"
GROUPS = """query ($first: Int, $id: ID) { groups(parentId: $id, first: $first) { nodes { name parent { name }
  children(first: 2) { nodes { name classes(first: 2) { nodes { name } } } }
  classes(first: 2) { nodes { name members(first: 2) { nodes { role user { name } } }
    assignments(first: 2) { nodes { title createdBy { name } class { name } } } } }
  members(first: 2) { nodes { role user { name email } group { name } } } } } }"""
CLASS = """query ($first: Int, $id: ID!) { class(id: $id) { members(first: $first) { nodes { role user {
  name email memberships { group { name } } } } } } }"""

PEOPLE = 101

Count = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def count(school: Satchel) -> Count:
    """Runs a query; the number of statements, and the data."""

    async def run(query: str, by: str, **variables: Any) -> tuple[int, Any]:
        with statements() as sent:
            data = (await school.graphql(query, variables, by=by)).ok()
        return len(sent), data

    return run


async def _person(school: Satchel, number: int, group: Group, school_class: Class) -> User:
    user = await make_user(name=f"A {number:03}")
    await make_membership(user, group)
    await make_class_member(user, school_class)
    for _ in range(3):
        await make_file(user, group=group, content=b"x", storage=school.runtime.storage, location="memory")
    return user


@pytest.mark.parametrize("by", ["group_admin", "system_admin"])
async def test_a_list_of_users(school: Satchel, count: Count, by: str) -> None:
    groups = [await make_group(school.groups["north"]) for _ in range(5)]
    classes = [await make_class(group) for group in groups]
    for number in range(PEOPLE):
        await _person(school, number, groups[number % 5], classes[number % 5])

    (few, ten), (many, hundred) = [await count(USERS, by, first=first) for first in (10, 100)]

    assert (len(ten["users"]["nodes"]), len(hundred["users"]["nodes"])) == (10, 100)
    assert all(len(node["files"]["nodes"]) == 2 for node in hundred["users"]["nodes"])
    assert all(len(node["classes"]["nodes"]) == 1 for node in hundred["users"]["nodes"])
    assert 0 < few == many


@pytest.mark.parametrize("by", ["group_admin", "system_admin"])
async def test_a_list_of_groups(school: Satchel, count: Count, by: str) -> None:
    north, user = school.groups["north"], school.user("other_student")
    # Last of all, so beyond both pages: its teacher would be loaded with one of them only, as names are drawn by lot.
    await Group.filter(id=school.groups["science"].id).update(name="Science")
    for _ in range(PEOPLE):
        group = await make_group(north)
        await make_class(await make_group(group))
        await make_membership(user, group)
        school_class = await make_class(group)
        await make_class_member(user, school_class)
        await make_assignment(school_class, created_by=user)

    id_ = global_id("Group", north.id)
    (few, ten), (many, hundred) = [await count(GROUPS, by, id=id_, first=first) for first in (10, 100)]

    assert (len(ten["groups"]["nodes"]), len(hundred["groups"]["nodes"])) == (10, 100)
    for node in hundred["groups"]["nodes"]:
        assert len(node["children"]["nodes"][0]["classes"]["nodes"]) == 1
        assert len(node["classes"]["nodes"][0]["assignments"]["nodes"]) == 1
        assert len(node["members"]["nodes"]) == 1
    assert 0 < few == many


async def test_a_list_of_class_members(school: Satchel, count: Count) -> None:
    school_class = await make_class(school.groups["science"])
    for number in range(PEOPLE):
        await _person(school, number, school.groups["science"], school_class)

    id_ = global_id("Class", school_class.id)
    (few, ten), (many, hundred) = [await count(CLASS, "group_admin", id=id_, first=first) for first in (10, 100)]

    assert (len(ten["class"]["members"]["nodes"]), len(hundred["class"]["members"]["nodes"])) == (10, 100)
    assert 0 < few == many
