"""R25: every change of a limit is told with who, when, why, old and new, in the order of the changes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.models import LimitChange
from schema.ids import global_id
from tests.factories import make_membership
from tests.fixtures.app import Satchel

CHANGE = """id uuid role reason createdAt user { name } group { name } changedBy { name }
  oldMaxFileSizeBytes newMaxFileSizeBytes oldStorageQuotaBytes newStorageQuotaBytes"""
PAGE = f"edges {{ cursor }} nodes {{ {CHANGE} }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}"
OF_USER = f"""query ($id: ID!, $first: Int, $after: String) {{
  node(id: $id) {{ ... on User {{ limitHistory(first: $first, after: $after) {{ {PAGE} }} }} }}
}}"""
OF_GROUP = OF_USER.replace("... on User", "... on Group")
NODE = f"query ($id: ID!) {{ node(id: $id) {{ ... on LimitChange {{ {CHANGE} }} }} }}"


async def _set(school: Satchel, who: str = "student", **fields: Any) -> None:
    query = "mutation ($input: SetUserLimitsInput!) { setUserLimits(input: $input) { user { id } } }"
    (await school.graphql(query, {"input": {"userId": str(school.user(who).id), **fields}}, by="system_admin")).ok()


async def _set_role(school: Satchel, *, by: str = "group_admin", group: str = "north", **fields: Any) -> None:
    query = "mutation ($input: SetGroupRoleLimitsInput!) { setGroupRoleLimits(input: $input) { group { id } } }"
    (await school.graphql(query, {"input": {"groupId": str(school.groups[group].id), **fields}}, by=by)).ok()


async def _page(school: Satchel, who: str, *, of: str = "student", **arguments: Any) -> dict[str, Any]:
    variables = {"id": global_id("User", school.user(of).id), **arguments}
    page: dict[str, Any] = (await school.graphql(OF_USER, variables, by=who)).ok()["node"]["limitHistory"]
    return page


def _figures(change: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(change[f"{age}{figure}Bytes"] for figure in ("MaxFileSize", "StorageQuota") for age in ("old", "new"))


@pytest.mark.requirement("R25")
async def test_the_history_of_a_user_says_who_when_why_old_and_new(school: Satchel) -> None:
    await _set(school, maxFileSizeBytes=10, storageQuotaBytes=20, reason="films")
    set_at = school.clock.now()
    school.clock.advance(seconds=60)
    await _set(school, storageQuotaBytes=30)
    school.clock.advance(seconds=60)
    await _set(school, maxFileSizeBytes=None, storageQuotaBytes=None, reason="over")

    changes = (await _page(school, "system_admin"))["nodes"]

    assert [_figures(change) for change in changes] == [(10, None, 30, None), (10, 10, 20, 30), (None, 10, None, 20)]
    assert [change["reason"] for change in changes] == ["over", None, "films"]
    first = changes[-1]
    assert first["createdAt"] == set_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert first["changedBy"] == {"name": school.user("system_admin").name}
    assert (first["user"], first["group"], first["role"]) == ({"name": school.user("student").name}, None, None)


@pytest.mark.requirement("R25")
async def test_the_history_of_a_group_says_whose_limits_changed(school: Satchel) -> None:
    await _set_role(school, role="STUDENT", maxFileSizeBytes=10, reason="small")
    await _set_role(school, by="system_admin", role="TEACHER", storageQuotaBytes=99)
    await _set_role(school, group="science", role="TEACHER", storageQuotaBytes=98)

    variables = {"id": global_id("Group", school.groups["north"].id)}
    changes = (await school.graphql(OF_GROUP, variables, by="group_admin")).ok()["node"]["limitHistory"]["nodes"]

    told = [(change["role"], change["changedBy"]["name"], change["reason"]) for change in changes]
    assert told == [
        ("TEACHER", school.user("system_admin").name, None),
        ("STUDENT", school.user("group_admin").name, "small"),
    ]
    assert {change["group"]["name"] for change in changes} == {school.groups["north"].name}
    assert {change["user"] for change in changes} == {None}


@pytest.mark.requirement("R25")
async def test_lines_are_in_the_order_of_their_changes_whatever_the_clock_says(school: Satchel) -> None:
    await _set(school, maxFileSizeBytes=1)
    await _set(school, maxFileSizeBytes=2)
    school.clock.set(school.clock.now() - timedelta(days=1))
    await _set(school, maxFileSizeBytes=3)
    await _set(school, maxFileSizeBytes=4)

    changes = (await _page(school, "system_admin"))["nodes"]

    assert [change["newMaxFileSizeBytes"] for change in changes] == [4, 3, 2, 1]
    assert len({change["createdAt"] for change in changes}) == 4


@pytest.mark.requirement("R25")
async def test_pages_follow_each_other_while_new_changes_come(school: Satchel) -> None:
    for figure in range(1, 6):
        await _set(school, maxFileSizeBytes=figure)

    first = await _page(school, "student", first=2)
    await _set(school, maxFileSizeBytes=6)
    second = await _page(school, "student", first=2, after=first["pageInfo"]["endCursor"])
    third = await _page(school, "student", first=2, after=second["pageInfo"]["endCursor"])

    pages = [[change["newMaxFileSizeBytes"] for change in page["nodes"]] for page in (first, second, third)]
    assert pages == [[5, 4], [3, 2], [1]]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second, third)] == [False, True, True]


async def test_a_cursor_of_another_list_is_refused(school: Satchel) -> None:
    await _set(school, maxFileSizeBytes=1)
    await _set_role(school, role="STUDENT", maxFileSizeBytes=10)
    group = {"id": global_id("Group", school.groups["north"].id)}
    page = (await school.graphql(OF_GROUP, group, by="group_admin")).ok()["node"]["limitHistory"]

    for after in (page["pageInfo"]["endCursor"], "nonsense", ""):
        variables = {"id": global_id("User", school.user("student").id), "after": after}
        answer = await school.graphql(OF_USER, variables, by="student")
        assert (answer.data, answer.codes) == ({"node": {"limitHistory": None}}, ["BAD_USER_INPUT"])


async def test_a_bad_cursor_spoils_no_other_page_of_the_same_answer(school: Satchel) -> None:
    await _set(school, maxFileSizeBytes=1)
    query = """query ($id: ID!) { node(id: $id) { ... on User {
      good: limitHistory(first: 1) { nodes { newMaxFileSizeBytes } } bad: limitHistory(after: "x") { nodes { id } }
      none: limitHistory(first: 0) { nodes { id } }
    } } }"""

    answer = await school.graphql(query, {"id": global_id("User", school.user("student").id)}, by="student")

    assert answer.data == {"node": {"good": {"nodes": [{"newMaxFileSizeBytes": 1}]}, "bad": None, "none": None}}
    assert answer.codes == ["BAD_USER_INPUT", "BAD_USER_INPUT"]


@pytest.mark.requirement("R7")
async def test_a_users_history_and_override_are_for_the_user_and_the_admins_above(school: Satchel) -> None:
    await _set(school, maxFileSizeBytes=10, reason="films")
    (change,) = (await _page(school, "system_admin"))["nodes"]

    for who in ("student", "group_admin", "system_admin"):
        assert (await _page(school, who))["nodes"] == [change]
        assert (await school.graphql(NODE, {"id": change["id"]}, by=who)).ok()["node"] == change
    query = (
        "query ($id: ID!) { node(id: $id) { ... on User { limitOverride { reason } limitHistory { nodes { id } } } } }"
    )
    for who in ("teacher", "other_student"):
        answer = await school.graphql(query, {"id": global_id("User", school.user("student").id)}, by=who)
        assert answer.data == {"node": {"limitOverride": None, "limitHistory": None}}
        assert answer.codes == ["FORBIDDEN", "FORBIDDEN"]
    for who in ("teacher", "other_student", "stranger"):
        answer = await school.graphql(NODE, {"id": change["id"]}, by=who)
        assert (answer.data, answer.codes) == ({"node": None}, ["NOT_FOUND"])


@pytest.mark.requirement("R7")
async def test_a_line_of_a_groups_history_is_for_the_admins_above(school: Satchel) -> None:
    await _set_role(school, group="science", role="TEACHER", storageQuotaBytes=98)
    change = await LimitChange.get()

    for who in ("group_admin", "system_admin"):
        found = (await school.graphql(NODE, {"id": global_id("LimitChange", change.id)}, by=who)).ok()["node"]
        assert (found["uuid"], found["newStorageQuotaBytes"]) == (str(change.id), 98)
    for who in ("student", "teacher", "other_student", "stranger"):
        answer = await school.graphql(NODE, {"id": global_id("LimitChange", change.id)}, by=who)
        assert (answer.data, answer.codes) == ({"node": None}, ["NOT_FOUND"])
    missing = await school.graphql(NODE, {"id": global_id("LimitChange", uuid4())}, by="system_admin")
    assert (missing.data, missing.codes) == ({"node": None}, ["NOT_FOUND"])


async def test_histories_of_several_users_in_one_answer_are_each_their_own(school: Satchel) -> None:
    await make_membership(school.user("system_admin"), school.groups["north"])
    await _set(school, "student", maxFileSizeBytes=1)
    await _set(school, "teacher", maxFileSizeBytes=2)
    await _set(school, "teacher", maxFileSizeBytes=3)

    history = "... on User { limitHistory(first: 1) { nodes { newMaxFileSizeBytes } pageInfo { hasNextPage } } }"
    query = f"""query ($a: ID!, $b: ID!, $c: ID!) {{
      a: node(id: $a) {{ {history} }} b: node(id: $b) {{ {history} }} c: node(id: $c) {{ {history} }}
    }}"""
    names = {"a": "student", "b": "teacher", "c": "other_student"}
    variables = {key: global_id("User", school.user(who).id) for key, who in names.items()}
    found = (await school.graphql(query, variables, by="system_admin")).ok()

    assert {key: node["limitHistory"]["nodes"] for key, node in found.items()} == {
        "a": [{"newMaxFileSizeBytes": 1}],
        "b": [{"newMaxFileSizeBytes": 3}],
        "c": [],
    }
    assert [node["limitHistory"]["pageInfo"]["hasNextPage"] for node in found.values()] == [False, True, False]
