"""R23: what a role earns in a group, set by its admins up to a ceiling and by system admins without one."""

from typing import Any

import pytest

from app.models import Group, LimitChange, MemberRole, RoleLimit
from schema.ids import global_id
from tests.factories import make_group, make_membership, make_role_limit
from tests.fixtures.app import Answer, Satchel

MIB = 1024 * 1024
GIB = 1024 * MIB
FIELDS = "name roleLimits { role maxFileSizeBytes storageQuotaBytes }"
SET = f"""mutation ($input: SetGroupRoleLimitsInput!) {{
  setGroupRoleLimits(input: $input) {{ group {{ {FIELDS} }} }}
}}"""
CLEAR = f"""mutation ($input: ClearGroupRoleLimitsInput!) {{
  clearGroupRoleLimits(input: $input) {{ group {{ {FIELDS} }} }}
}}"""


async def _set(
    school: Satchel, *, by: str | None = "group_admin", group: str = "north", role: str = "STUDENT", **fields: Any
) -> Answer:
    identifier = str(school.groups[group].id)
    return await school.graphql(SET, {"input": {"groupId": identifier, "role": role, **fields}}, by=by)


async def _clear(
    school: Satchel, *, by: str | None = "group_admin", group: str = "north", role: str = "STUDENT", **fields: Any
) -> Answer:
    identifier = str(school.groups[group].id)
    return await school.graphql(CLEAR, {"input": {"groupId": identifier, "role": role, **fields}}, by=by)


async def _stored(group: Group | None = None) -> list[tuple[str, int | None, int | None]]:
    rows = await RoleLimit.filter(**{"group": group} if group else {}).order_by("role")
    return [(row.role, row.max_file_size_bytes, row.storage_quota_bytes) for row in rows]


async def _limits(school: Satchel, who: str) -> dict[str, Any]:
    query = "{ me { limits { maxFileSizeBytes storageQuotaBytes source } } }"
    limits: dict[str, Any] = (await school.graphql(query, by=who)).ok()["me"]["limits"]
    return limits


@pytest.mark.requirement("R23")
@pytest.mark.requirement("R25")
async def test_a_role_earns_what_its_group_sets_from_the_answer_on(school: Satchel) -> None:
    group = (await _set(school, maxFileSizeBytes=1000, storageQuotaBytes=5000)).ok()["setGroupRoleLimits"]["group"]

    assert group == {
        "name": school.groups["north"].name,
        "roleLimits": [{"role": "STUDENT", "maxFileSizeBytes": 1000, "storageQuotaBytes": 5000}],
    }
    earned = {"maxFileSizeBytes": 1000, "storageQuotaBytes": 5000, "source": "ROLE_BASED"}
    assert await _limits(school, "student") == earned
    assert (await _limits(school, "other_student"))["source"] == "SYSTEM_DEFAULT"
    assert (await school.upload(b"x" * 1001)).codes == ["FILE_TOO_LARGE"]
    assert (await school.upload(b"x" * 1000)).errors == []


@pytest.mark.requirement("R23")
async def test_what_is_set_above_counts_below_for_the_fields_that_nothing_nearer_sets(school: Satchel) -> None:
    (await _set(school, role="TEACHER", maxFileSizeBytes=3000, storageQuotaBytes=9000)).ok()
    (await _set(school, group="science", role="TEACHER", maxFileSizeBytes=2000)).ok()

    assert await _limits(school, "teacher") == {
        "maxFileSizeBytes": 2000,
        "storageQuotaBytes": 9000,
        "source": "ROLE_BASED",
    }


@pytest.mark.requirement("R23")
async def test_a_figure_left_out_keeps_what_it_was_and_null_clears_it(school: Satchel) -> None:
    (await _set(school, maxFileSizeBytes=10, storageQuotaBytes=20)).ok()
    (await _set(school, role="TEACHER", maxFileSizeBytes=7)).ok()
    (await _set(school, storageQuotaBytes=30)).ok()
    assert await _stored() == [("STUDENT", 10, 30), ("TEACHER", 7, None)]
    (await _set(school, maxFileSizeBytes=None)).ok()
    assert await _stored() == [("STUDENT", None, 30), ("TEACHER", 7, None)]
    (await _set(school, storageQuotaBytes=None)).ok()

    assert await _stored() == [("TEACHER", 7, None)]
    assert await LimitChange.all().count() == 5


@pytest.mark.requirement("R23")
async def test_clearing_lets_the_groups_above_count_again(school: Satchel) -> None:
    (await _set(school, by="system_admin", group="district", storageQuotaBytes=8000)).ok()
    (await _set(school, storageQuotaBytes=4000)).ok()
    assert (await _limits(school, "student"))["storageQuotaBytes"] == 4000

    group = (await _clear(school, reason="as everywhere")).ok()["clearGroupRoleLimits"]["group"]

    assert group["roleLimits"] == []
    assert (await _limits(school, "student"))["storageQuotaBytes"] == 8000
    assert await LimitChange.filter(reason="as everywhere").count() == 1
    (await _clear(school, reason="nothing there")).ok()
    assert await LimitChange.all().count() == 3


@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
async def test_a_group_admin_sets_no_more_than_the_settings_allow_where_no_group_above_sets_anything(
    school: Satchel,
) -> None:
    (await _set(school, maxFileSizeBytes=100 * MIB, storageQuotaBytes=10 * GIB)).ok()

    for refused in (
        await _set(school, maxFileSizeBytes=100 * MIB + 1),
        await _set(school, storageQuotaBytes=10 * GIB + 1),
    ):
        assert refused.codes == ["FORBIDDEN"]
        assert "at most" in refused.error["message"]
    assert await _stored() == [("STUDENT", 100 * MIB, 10 * GIB)]
    assert await LimitChange.all().count() == 1


@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
async def test_a_group_admin_sets_no_more_than_the_nearest_group_above_sets_for_the_role(school: Satchel) -> None:
    district, north = school.groups["district"], school.groups["north"]
    await make_role_limit(district, MemberRole.STUDENT, max_file_size_bytes=50, storage_quota_bytes=500 * GIB)
    await make_role_limit(north, MemberRole.STUDENT, max_file_size_bytes=20)
    await make_role_limit(north, MemberRole.TEACHER, max_file_size_bytes=1)

    (await _set(school, group="science", maxFileSizeBytes=20, storageQuotaBytes=500 * GIB)).ok()
    (await _set(school, maxFileSizeBytes=50)).ok()

    assert (await _set(school, group="science", maxFileSizeBytes=51)).codes == ["FORBIDDEN"]
    assert (await _set(school, group="science", storageQuotaBytes=500 * GIB + 1)).codes == ["FORBIDDEN"]
    assert (await _set(school, maxFileSizeBytes=51)).codes == ["FORBIDDEN"]
    assert (await _set(school, maxFileSizeBytes=51, storageQuotaBytes=1)).codes == ["FORBIDDEN"]
    assert (await _set(school, role="GROUP_ADMIN", storageQuotaBytes=10 * GIB + 1)).codes == ["FORBIDDEN"]
    assert await _stored(school.groups["district"]) == [("STUDENT", 50, 500 * GIB)]
    assert await _stored(school.groups["north"]) == [("STUDENT", 50, None), ("TEACHER", 1, None)]
    assert await _stored(school.groups["science"]) == [("STUDENT", 20, 500 * GIB)]


@pytest.mark.requirement("R23")
async def test_what_a_system_admin_has_given_stays_when_a_group_admin_changes_the_other_figure(
    school: Satchel,
) -> None:
    (await _set(school, by="system_admin", maxFileSizeBytes=5 * GIB, storageQuotaBytes=2**53 - 1)).ok()

    (await _set(school, maxFileSizeBytes=5 * GIB, storageQuotaBytes=GIB)).ok()

    assert await _stored() == [("STUDENT", 5 * GIB, GIB)]
    assert (await _set(school, maxFileSizeBytes=5 * GIB - 1)).codes == ["FORBIDDEN"]
    assert await _stored() == [("STUDENT", 5 * GIB, GIB)]


@pytest.mark.requirement("R23")
@pytest.mark.parametrize(
    "app_settings", [{"group_admin_max_file_size_bytes": 10, "group_admin_max_quota_bytes": 20}], ids=["low"]
)
async def test_the_ceilings_are_settings(embedded: Satchel) -> None:
    (await _set(embedded, maxFileSizeBytes=10, storageQuotaBytes=20)).ok()

    assert (await _set(embedded, maxFileSizeBytes=11)).codes == ["FORBIDDEN"]
    assert (await _set(embedded, storageQuotaBytes=21)).codes == ["FORBIDDEN"]
    (await _set(embedded, by="system_admin", maxFileSizeBytes=11, storageQuotaBytes=21)).ok()
    assert await _stored() == [("STUDENT", 11, 21)]


@pytest.mark.requirement("R24")
async def test_members_who_administer_nothing_are_refused(school: Satchel) -> None:
    await make_role_limit(school.groups["north"], MemberRole.STUDENT, max_file_size_bytes=10)

    for who in ("student", "teacher", "other_student"):
        assert (await _set(school, by=who, maxFileSizeBytes=9)).codes == ["FORBIDDEN"]
        assert (await _set(school, by=who, maxFileSizeBytes=-9)).codes == ["FORBIDDEN"]
        assert (await _clear(school, by=who)).codes == ["FORBIDDEN"]
    for group in ("district", "south"):
        assert (await _set(school, group=group, maxFileSizeBytes=9)).codes == ["FORBIDDEN"]
        assert (await _clear(school, group=group)).codes == ["FORBIDDEN"]
    assert await _stored() == [("STUDENT", 10, None)]
    assert await LimitChange.all().count() == 0


@pytest.mark.requirement("R24")
async def test_a_group_of_another_tree_is_not_there(school: Satchel) -> None:
    elsewhere = school.groups["elsewhere"]
    await make_role_limit(elsewhere, MemberRole.STUDENT, max_file_size_bytes=10)

    for answer in (
        await _set(school, group="elsewhere", maxFileSizeBytes=9),
        await _clear(school, group="elsewhere"),
        await _set(school, by="stranger", maxFileSizeBytes=9),
        await _clear(school, by="stranger"),
    ):
        assert answer.codes == ["NOT_FOUND"]
    assert (await _set(school, by=None, maxFileSizeBytes=9)).codes == ["UNAUTHENTICATED"]
    assert await _stored() == [("STUDENT", 10, None)]
    assert await LimitChange.all().count() == 0


@pytest.mark.requirement("R24")
async def test_an_admin_of_one_tree_who_learns_in_another_sets_nothing_there(school: Satchel) -> None:
    other = await make_group(school.groups["elsewhere"])
    await make_membership(school.user("group_admin"), other, MemberRole.STUDENT)

    assert (await _set(school, group="elsewhere", maxFileSizeBytes=9)).codes == ["FORBIDDEN"]
    assert await _stored() == []


@pytest.mark.parametrize("value", [0, -1, 2**53, True])
@pytest.mark.parametrize("field", ["maxFileSizeBytes", "storageQuotaBytes"])
async def test_a_limit_is_positive_and_exact_in_json(embedded: Satchel, field: str, value: Any) -> None:
    for who in ("group_admin", "system_admin"):
        assert (await _set(embedded, by=who, **{field: value})).codes == ["BAD_USER_INPUT"]
    assert await _stored() == []


@pytest.mark.requirement("R24")
async def test_role_limits_are_shown_to_admins_of_the_subtree_only(school: Satchel) -> None:
    north = school.groups["north"]
    await make_role_limit(north, MemberRole.STUDENT, max_file_size_bytes=10)
    query = (
        "query ($id: ID!) { node(id: $id) { ... on Group { name roleLimits { role } limitHistory { nodes { id } } } } }"
    )
    variables = {"id": global_id("Group", north.id)}

    for who in ("group_admin", "system_admin"):
        group = (await school.graphql(query, variables, by=who)).ok()["node"]
        assert group == {"name": north.name, "roleLimits": [{"role": "STUDENT"}], "limitHistory": {"nodes": []}}
    for who in ("student", "teacher", "other_student"):
        answer = await school.graphql(query, variables, by=who)
        assert answer.data["node"] == {"name": north.name, "roleLimits": None, "limitHistory": None}
        assert answer.codes == ["FORBIDDEN", "FORBIDDEN"]
