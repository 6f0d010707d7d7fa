"""R7: `users` lists everybody to system admins, their subtrees to group admins, and nothing to others."""

from typing import Any

import pytest

from app.models import MemberRole, UserStorage
from schema.ids import global_id
from tests.factories import make_file, make_group, make_membership, make_user
from tests.fixtures.app import Satchel
from tests.schema.administration import join

USERS = """query ($search: String, $groupId: ID, $orderBy: UserOrder, $first: Int, $after: String) {
  users(search: $search, groupId: $groupId, orderBy: $orderBy, first: $first, after: $after) {
    nodes { name email } pageInfo { hasNextPage hasPreviousPage endCursor }
  }
}"""
FILES = """query ($id: ID!, $filter: FileFilter, $order: FileOrder) { user(id: $id) {
  files(filter: $filter, orderBy: $order) { nodes { name signedUrl { url } } } } }"""
# None that could stand in a random name or address, which are of hexadecimal digits.
NAMES = ("Zoë", "adam", "Ben", "ben", "Åsa", "åsa")


async def _page(school: Satchel, by: str, **wanted: Any) -> Any:
    return (await school.graphql(USERS, wanted, by=by)).ok()["users"]


async def _names(school: Satchel, by: str = "system_admin", **wanted: Any) -> list[str]:
    return [node["name"] for node in (await _page(school, by, **wanted))["nodes"]]


async def _walk(school: Satchel, first: int, **wanted: Any) -> list[str]:
    names: list[str] = []
    after = None
    while True:
        page = await _page(school, "system_admin", first=first, after=after, **wanted)
        names += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasPreviousPage"] == (len(names) > len(page["nodes"]))
        if not page["pageInfo"]["hasNextPage"]:
            return names


async def _named(school: Satchel, group: str = "science") -> None:
    """Users of the names above in a group, the first one having stored the most."""
    for number, name in enumerate(NAMES):
        school.clock.advance(seconds=1)
        user = await make_user(name=name, created_at=school.clock.now(), email=f"{number}@names.example")
        await make_membership(user, school.groups[group])
        if number < 4:
            await make_file(user, content=b"x" * (10 - number), storage=school.runtime.storage, location="memory")


def _id(school: Satchel, group: str) -> str:
    return global_id("Group", school.groups[group].id)


@pytest.mark.requirement("R7")
async def test_system_admins_see_all_and_group_admins_their_subtree(school: Satchel) -> None:
    everybody = {school.user(who).name for who in school.people}
    assert set(await _names(school)) == everybody
    assert set(await _names(school, "group_admin")) == {
        school.user(who).name for who in ("student", "teacher", "group_admin")
    }
    # The e-mails are there to be read: these are the people whom the admin administers.
    assert all(node["email"] for node in (await _page(school, "group_admin"))["nodes"])


@pytest.mark.requirement("R7")
async def test_of_a_group_the_members_and_those_of_the_groups_below_are_listed(school: Satchel) -> None:
    teacher, student, admin = (school.user(who).name for who in ("teacher", "student", "group_admin"))

    assert await _names(school, "group_admin", groupId=_id(school, "science")) == [teacher]
    assert set(await _names(school, "system_admin", groupId=_id(school, "north"))) == {teacher, student, admin}
    assert len(await _names(school, "system_admin", groupId=_id(school, "district"))) == 4
    assert await _names(school, "system_admin", groupId=_id(school, "district"), search="no such name") == []


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, group, code",
    [
        ("student", None, "FORBIDDEN"),
        ("teacher", None, "FORBIDDEN"),
        ("teacher", "science", "FORBIDDEN"),
        ("stranger", "science", "NOT_FOUND"),
        ("group_admin", "district", "FORBIDDEN"),
        ("group_admin", "south", "FORBIDDEN"),
        ("group_admin", "elsewhere", "NOT_FOUND"),
        (None, None, "UNAUTHENTICATED"),
    ],
)
async def test_nobody_else_lists_users(school: Satchel, who: str | None, group: str | None, code: str) -> None:
    answer = await school.graphql(USERS, {"groupId": group and _id(school, group)}, by=who)

    assert (answer.data, answer.codes) == ({"users": None}, [code])


@pytest.mark.requirement("R7")
async def test_users_are_found_by_part_of_the_name_or_the_address_whatever_its_case(school: Satchel) -> None:
    await _named(school)

    assert sorted(await _names(school, search="ÅSA")) == ["Åsa", "åsa"]
    assert sorted(await _names(school, "group_admin", search=" beN ")) == ["Ben", "ben"]
    assert len(await _names(school, search="@NAMES.example")) == 6
    assert await _names(school, search="0@names") == ["Zoë"]
    assert await _names(school, search="%") == await _names(school, search="a_a") == []
    assert len(await _names(school, search="  ")) == 12
    refused = await school.graphql(USERS, {"search": "a\x00"}, by="system_admin")
    assert (refused.codes, refused.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "search")


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("order", ["NAME_ASC", "CREATED_AT_DESC", "USED_BYTES_DESC"])
async def test_the_pages_of_every_order_make_up_the_whole_list(school: Satchel, order: str) -> None:
    await _named(school)
    wanted = {"orderBy": order, "search": "@names.example"}

    walks = [await _walk(school, first, **wanted) for first in (1, 2, 4, 100)]

    names = walks[0]
    assert walks == [names] * 4
    if order == "NAME_ASC":
        assert [name.casefold() for name in names] == ["adam", "ben", "ben", "zoë", "åsa", "åsa"]
    elif order == "CREATED_AT_DESC":
        assert names == list(reversed(NAMES))
    else:
        assert names[:4] == list(NAMES[:4])
        assert sorted(names[4:]) == ["Åsa", "åsa"]


@pytest.mark.requirement("R7")
async def test_who_has_no_ledger_yet_has_stored_nothing(school: Satchel) -> None:
    await _named(school)
    await UserStorage.filter(used_bytes=0).delete()

    assert len(await _walk(school, 3, orderBy="USED_BYTES_DESC")) == 12


@pytest.mark.requirement("R7")
async def test_a_cursor_leads_into_no_other_list(school: Satchel) -> None:
    await _named(school)
    by_name = (await _page(school, "system_admin", first=1))["pageInfo"]["endCursor"]
    groups = await school.graphql("{ groups(first: 1) { pageInfo { endCursor } } }", by="system_admin")

    for after in (groups.ok()["groups"]["pageInfo"]["endCursor"], by_name, "", "x", "W10"):
        answer = await school.graphql(USERS, {"after": after, "orderBy": "CREATED_AT_DESC"}, by="system_admin")
        assert (answer.codes, answer.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "after")
    # A cursor says where a page begins, and never whose list it is: an admin's list stays the admin's.
    assert set(await _names(school, "group_admin", after=by_name)) <= {
        *NAMES,
        *(school.user(who).name for who in ("student", "teacher", "group_admin")),
    }


@pytest.mark.requirement("R7")
async def test_pages_of_nothing_and_ids_of_nothing_are_refused(school: Satchel) -> None:
    for wanted, code in (
        ({"first": 0}, "BAD_USER_INPUT"),
        ({"first": -5}, "BAD_USER_INPUT"),
        ({"groupId": "x"}, "BAD_USER_INPUT"),
        ({"groupId": global_id("User", school.user("student").id)}, "NOT_FOUND"),
        ({"groupId": str(school.user("student").id)}, "NOT_FOUND"),
    ):
        assert (await school.graphql(USERS, wanted, by="system_admin")).codes == [code]


@pytest.mark.requirement("R7")
async def test_an_admin_lists_a_pupils_files_and_reads_those_of_the_group(school: Satchel) -> None:
    student, north = school.user("student"), school.groups["north"]
    await school.file(b"x" * 9, name="own.txt")
    await school.file(b"x", name="in group.txt", groupId=str(north.id))
    variables = {"id": str(student.id), "order": "SIZE_DESC"}

    own = (await school.graphql(FILES, variables, by="student")).ok()["user"]["files"]["nodes"]
    assert [(node["name"], node["signedUrl"] is None) for node in own] == [("own.txt", False), ("in group.txt", False)]
    seen = await school.graphql(FILES, variables, by="group_admin")
    nodes = seen.data["user"]["files"]["nodes"]
    assert [(node["name"], node["signedUrl"] is None) for node in nodes] == [("own.txt", True), ("in group.txt", False)]
    assert seen.codes == ["FORBIDDEN"]
    managed = await school.graphql(FILES, variables | {"filter": {"scope": "MANAGED"}}, by="group_admin")
    assert [node["name"] for node in managed.ok()["user"]["files"]["nodes"]] == ["in group.txt"]
    others = variables | {"filter": {"uploadedById": str(school.user("teacher").id)}}
    assert (await school.graphql(FILES, others, by="group_admin")).ok()["user"]["files"]["nodes"] == []
    for who in ("teacher", "other_student"):
        hidden = await school.graphql(FILES, variables, by=who)
        assert (hidden.data, hidden.codes) == ({"user": {"files": None}}, ["FORBIDDEN"])


@pytest.mark.requirement("R7")
async def test_an_admin_of_one_tree_learns_nothing_of_another_from_a_user_in_both(school: Satchel) -> None:
    student = school.user("student")
    await make_membership(student, await make_group(school.groups["elsewhere"], name="Secret"))
    query = "query ($id: ID!) { user(id: $id) { memberships { group { name } } } }"

    async def groups(who: str) -> list[str]:
        user = (await school.graphql(query, {"id": str(student.id)}, by=who)).ok()["user"]
        return [membership["group"]["name"] for membership in user["memberships"]]

    assert await groups("group_admin") == [school.groups["north"].name]
    assert await groups("student") == await groups("system_admin") == [school.groups["north"].name, "Secret"]
    await join(school, "far_admin", "elsewhere", MemberRole.GROUP_ADMIN)
    assert await groups("far_admin") == ["Secret"]


@pytest.mark.requirement("R7")
async def test_a_files_group_is_shown_to_people_of_its_tree_only(school: Satchel) -> None:
    file = await school.file(b"x", groupId=str(school.groups["north"].id))
    remove = f"""mutation {{ removeGroupMember(input: {{groupId: "{school.groups["north"].id}",
      userId: "{school.user("student").id}"}}) {{ group {{ id }} }} }}"""
    query = "query ($id: ID!) { file(id: $id) { name group { name } } }"
    assert (await school.graphql(query, {"id": file["id"]}, by="student")).ok()["file"]["group"] is not None
    (await school.graphql(remove, by="group_admin")).ok()

    answer = await school.graphql(query, {"id": file["id"]}, by="student")

    assert (answer.data, answer.codes) == ({"file": {"name": "notes.txt", "group": None}}, ["FORBIDDEN"])
