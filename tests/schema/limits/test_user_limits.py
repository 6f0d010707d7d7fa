"""R21, R22: a user's own limits, set and cleared by system admins with a reason. Refusals change nothing."""

from typing import Any

import pytest

from app.models import LimitChange, UserLimit
from schema.ids import global_id
from tests.factories import make_user_limit
from tests.fixtures.app import Answer, Satchel

MIB = 1024 * 1024
GIB = 1024 * MIB
FIELDS = """name limits { maxFileSizeBytes storageQuotaBytes source } quota { quotaBytes source }
  limitOverride { maxFileSizeBytes storageQuotaBytes reason updatedAt setBy { name } }"""
SET = f"mutation ($input: SetUserLimitsInput!) {{ setUserLimits(input: $input) {{ user {{ {FIELDS} }} }} }}"
CLEAR = f"mutation ($input: ClearUserLimitsInput!) {{ clearUserLimits(input: $input) {{ user {{ {FIELDS} }} }} }}"
ALL = ["stranger", "student", "teacher", "group_admin", "other_student"]


async def _set(school: Satchel, *, by: str | None = "system_admin", who: str = "student", **fields: Any) -> Answer:
    return await school.graphql(SET, {"input": {"userId": str(school.user(who).id), **fields}}, by=by)


async def _clear(school: Satchel, *, by: str | None = "system_admin", who: str = "student", **fields: Any) -> Answer:
    return await school.graphql(CLEAR, {"input": {"userId": str(school.user(who).id), **fields}}, by=by)


async def _stored() -> list[tuple[int | None, int | None]]:
    return [(row.max_file_size_bytes, row.storage_quota_bytes) for row in await UserLimit.all()]


@pytest.mark.requirement("R21")
@pytest.mark.requirement("R25")
async def test_an_override_holds_from_the_answer_on(school: Satchel) -> None:
    assert (await school.upload(b"x" * 2000)).errors == []

    answer = await _set(school, maxFileSizeBytes=1500, storageQuotaBytes=5000, reason="  too many\nfilms\x07 ")

    user = answer.ok()["setUserLimits"]["user"]
    assert user["limits"] == {"maxFileSizeBytes": 1500, "storageQuotaBytes": 5000, "source": "USER_OVERRIDE"}
    assert user["quota"] == {"quotaBytes": 5000, "source": "USER_OVERRIDE"}
    updated_at = user["limitOverride"].pop("updatedAt")
    assert updated_at == school.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert user["limitOverride"] == {
        "maxFileSizeBytes": 1500,
        "storageQuotaBytes": 5000,
        "reason": "too many films",
        "setBy": {"name": school.user("system_admin").name},
    }
    refused = await school.upload(b"x" * 2000)
    assert refused.error["extensions"] | {"sizeBytes": None} == {
        "code": "FILE_TOO_LARGE",
        "sizeBytes": None,
        "maxFileSizeBytes": 1500,
        "source": "USER_OVERRIDE",
    }
    assert (await school.upload(b"x" * 1500)).errors == []


@pytest.mark.requirement("R21")
async def test_a_figure_left_out_keeps_what_it_was_and_null_clears_it(school: Satchel) -> None:
    (await _set(school, maxFileSizeBytes=10, storageQuotaBytes=20)).ok()
    (await _set(school, storageQuotaBytes=30)).ok()
    assert await _stored() == [(10, 30)]
    (await _set(school, maxFileSizeBytes=None)).ok()
    assert await _stored() == [(None, 30)]
    left = (await _set(school, storageQuotaBytes=None)).ok()["setUserLimits"]["user"]

    assert left["limitOverride"] is None
    assert left["limits"] == {"maxFileSizeBytes": 10 * MIB, "storageQuotaBytes": GIB, "source": "SYSTEM_DEFAULT"}
    assert await _stored() == []
    assert await LimitChange.all().count() == 4


@pytest.mark.requirement("R22")
async def test_clearing_gives_the_user_back_to_the_roles_and_the_defaults(school: Satchel) -> None:
    (await _set(school, maxFileSizeBytes=10, storageQuotaBytes=20)).ok()

    user = (await _clear(school, reason="project over")).ok()["clearUserLimits"]["user"]

    assert user["limitOverride"] is None
    assert user["limits"]["source"] == "SYSTEM_DEFAULT"
    assert await _stored() == []
    change = await LimitChange.filter(new_storage_quota_bytes=None).get()
    assert (change.old_max_file_size_bytes, change.old_storage_quota_bytes, change.reason) == (10, 20, "project over")


@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
async def test_a_change_that_changes_nothing_leaves_no_trace(school: Satchel) -> None:
    (await _clear(school, reason="nothing there")).ok()
    (await _set(school, reason="nothing said")).ok()
    assert await LimitChange.all().count() == 0
    (await _set(school, maxFileSizeBytes=10, reason="first")).ok()
    school.clock.advance(seconds=60)

    user = (await _set(school, maxFileSizeBytes=10, storageQuotaBytes=None, reason="again")).ok()["setUserLimits"][
        "user"
    ]

    assert user["limitOverride"]["reason"] == "first"
    assert await LimitChange.all().count() == 1


@pytest.mark.requirement("R25")
async def test_a_limit_below_what_is_used_deletes_nothing_and_refuses_more(school: Satchel) -> None:
    file = await school.file(b"x" * 1000)

    (await _set(school, storageQuotaBytes=10)).ok()

    assert (await school.upload(b"y")).codes == ["QUOTA_EXCEEDED"]
    assert (await school.quota("student"))["usedBytes"] == 1000
    (await _set(school, storageQuotaBytes=1001)).ok()
    assert (await school.upload(b"y")).errors == []
    assert (await school.act("renameFile", file["id"], name="still.txt")).errors == []


@pytest.mark.requirement("R24")
@pytest.mark.parametrize("who", ALL)
async def test_everybody_but_system_admins_is_refused_before_anything_is_loaded(school: Satchel, who: str) -> None:
    await make_user_limit(school.user("student"), max_file_size_bytes=10)

    nobody = "00000000-0000-4000-8000-000000000000"
    for answer in (
        await _set(school, by=who, maxFileSizeBytes=99),
        await _set(school, by=who, maxFileSizeBytes=-1),
        await _set(school, by=who, who=who, storageQuotaBytes=99),
        await _clear(school, by=who),
        await school.graphql(SET, {"input": {"userId": nobody, "maxFileSizeBytes": 1}}, by=who),
        await school.graphql(CLEAR, {"input": {"userId": nobody}}, by=who),
    ):
        assert answer.codes == ["FORBIDDEN"]
        assert list(answer.data.values()) == [None]
    assert await _stored() == [(10, None)]
    assert await LimitChange.all().count() == 0


@pytest.mark.requirement("R24")
async def test_nobody_sets_limits_without_a_token(school: Satchel) -> None:
    assert (await _set(school, by=None, maxFileSizeBytes=99)).codes == ["UNAUTHENTICATED"]
    assert (await _clear(school, by=None)).codes == ["UNAUTHENTICATED"]
    assert await _stored() == []


@pytest.mark.requirement("R21")
@pytest.mark.parametrize("value", [0, -1, -(2**53) + 1, 2**53, 2**63, 1.5, True, "10"])
@pytest.mark.parametrize("field", ["maxFileSizeBytes", "storageQuotaBytes"])
async def test_a_limit_is_a_whole_number_from_one_to_what_json_carries(
    embedded: Satchel, field: str, value: Any
) -> None:
    answer = await _set(embedded, **{field: value})

    assert answer.codes == ["BAD_USER_INPUT"]
    assert await _stored() == []


@pytest.mark.requirement("R21")
async def test_limits_of_one_byte_and_of_all_that_json_carries_are_set(school: Satchel) -> None:
    user = (await _set(school, maxFileSizeBytes=1, storageQuotaBytes=2**53 - 1)).ok()["setUserLimits"]["user"]

    assert user["limits"] == {"maxFileSizeBytes": 1, "storageQuotaBytes": 2**53 - 1, "source": "USER_OVERRIDE"}


@pytest.mark.requirement("R21")
async def test_a_reason_has_a_thousand_characters_at_most_and_controls_do_not_count(school: Satchel) -> None:
    (await _set(school, maxFileSizeBytes=1, reason="é" * 1000 + "\x00" * 10)).ok()
    assert (await UserLimit.get()).reason == "é" * 1000

    answer = await _set(school, maxFileSizeBytes=2, reason="é" * 1001)

    assert (answer.codes, answer.error["extensions"]["field"]) == (["BAD_USER_INPUT"], "reason")
    assert await _stored() == [(1, None)]


@pytest.mark.requirement("R21")
async def test_a_user_who_is_not_there_is_not_found(school: Satchel) -> None:
    for identifier, code in (
        ("00000000-0000-4000-8000-000000000000", "NOT_FOUND"),
        (global_id("Group", school.groups["north"].id), "NOT_FOUND"),
        ("nonsense", "BAD_USER_INPUT"),
    ):
        fields = {"userId": identifier, "maxFileSizeBytes": 1}
        assert (await school.graphql(SET, {"input": fields}, by="system_admin")).codes == [code]
    assert await _stored() == []
    assert await LimitChange.all().count() == 0


@pytest.mark.requirement("R21")
async def test_two_changes_in_one_document_follow_each_other(school: Satchel) -> None:
    user_id = str(school.user("student").id)
    answer = await school.graphql(
        """mutation ($id: ID!) {
          first: setUserLimits(input: {userId: $id, maxFileSizeBytes: 10}) { user { limits { maxFileSizeBytes } } }
          second: setUserLimits(input: {userId: $id, maxFileSizeBytes: 20}) { user { limits { maxFileSizeBytes } } }
        }""",
        {"id": user_id},
        by="system_admin",
    )

    assert answer.ok() == {
        "first": {"user": {"limits": {"maxFileSizeBytes": 10}}},
        "second": {"user": {"limits": {"maxFileSizeBytes": 20}}},
    }
