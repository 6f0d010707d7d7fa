"""R8: three tiers, resolved per field, and every figure says where it came from."""

from typing import Any

import pytest

from app.models import MemberRole
from schema.ids import global_id
from tests.factories import make_membership, make_role_limit, make_user_limit
from tests.fixtures.app import Satchel

MIB = 1024 * 1024
ORIGIN = "tier role group { id name }"
ME = f"""{{ me {{
  limits {{ maxFileSizeBytes storageQuotaBytes source maxFileSizeSource {{ {ORIGIN} }} storageQuotaSource {{ {ORIGIN} }} }}
  quota {{ usedBytes trashBytes quotaBytes remainingBytes source }}
}} }}"""
DEFAULT = {"tier": "SYSTEM_DEFAULT", "role": None, "group": None}
OVERRIDE = {"tier": "USER_OVERRIDE", "role": None, "group": None}


async def _me(satchel: Satchel, who: str = "student") -> Any:
    return (await satchel.graphql(ME, by=who)).ok()["me"]


def _earned(satchel: Satchel, role: str, group: str) -> dict[str, Any]:
    row = satchel.groups[group]
    return {"tier": "ROLE_BASED", "role": role, "group": {"id": global_id("Group", row.id), "name": row.name}}


@pytest.mark.requirement("R8")
async def test_without_any_tier_the_system_defaults_hold(satchel: Satchel) -> None:
    me = await _me(satchel)

    assert me["limits"] == {
        "maxFileSizeBytes": 10 * MIB,
        "storageQuotaBytes": 1024 * MIB,
        "source": "SYSTEM_DEFAULT",
        "maxFileSizeSource": DEFAULT,
        "storageQuotaSource": DEFAULT,
    }
    assert me["quota"] == {
        "usedBytes": 0,
        "trashBytes": 0,
        "quotaBytes": 1024 * MIB,
        "remainingBytes": 1024 * MIB,
        "source": "SYSTEM_DEFAULT",
    }


@pytest.mark.requirement("R8")
async def test_a_role_earns_what_the_nearest_group_above_sets_for_it_field_by_field(satchel: Satchel) -> None:
    district, north = satchel.groups["district"], satchel.groups["north"]
    await make_role_limit(district, MemberRole.TEACHER, max_file_size_bytes=50 * MIB, storage_quota_bytes=500 * MIB)
    await make_role_limit(north, MemberRole.TEACHER, max_file_size_bytes=30 * MIB)
    await make_role_limit(district, MemberRole.STUDENT, storage_quota_bytes=5 * MIB)

    teacher = (await _me(satchel, "teacher"))["limits"]

    assert (teacher["maxFileSizeBytes"], teacher["storageQuotaBytes"]) == (30 * MIB, 500 * MIB)
    assert teacher["source"] == "ROLE_BASED"
    assert teacher["maxFileSizeSource"] == _earned(satchel, "TEACHER", "north")
    assert teacher["storageQuotaSource"] == _earned(satchel, "TEACHER", "district")


@pytest.mark.requirement("R8")
async def test_of_several_roles_the_most_generous_counts(satchel: Satchel) -> None:
    north, science = satchel.groups["north"], satchel.groups["science"]
    await make_membership(satchel.user("student"), science, MemberRole.TEACHER)
    await make_role_limit(north, MemberRole.STUDENT, max_file_size_bytes=20 * MIB, storage_quota_bytes=100 * MIB)
    await make_role_limit(science, MemberRole.TEACHER, max_file_size_bytes=5 * MIB, storage_quota_bytes=200 * MIB)

    limits = (await _me(satchel))["limits"]

    assert (limits["maxFileSizeBytes"], limits["storageQuotaBytes"]) == (20 * MIB, 200 * MIB)
    assert limits["maxFileSizeSource"] == _earned(satchel, "STUDENT", "north")
    assert limits["storageQuotaSource"] == _earned(satchel, "TEACHER", "science")


@pytest.mark.requirement("R8")
async def test_an_override_beats_the_roles_for_the_field_that_it_sets(satchel: Satchel) -> None:
    await make_role_limit(
        satchel.groups["north"], MemberRole.STUDENT, max_file_size_bytes=20 * MIB, storage_quota_bytes=100 * MIB
    )
    await make_user_limit(satchel.user("student"), storage_quota_bytes=50 * MIB)

    me = await _me(satchel)

    assert (me["limits"]["maxFileSizeBytes"], me["limits"]["storageQuotaBytes"]) == (20 * MIB, 50 * MIB)
    assert me["limits"]["source"] == "USER_OVERRIDE"
    assert me["limits"]["maxFileSizeSource"] == _earned(satchel, "STUDENT", "north")
    assert me["limits"]["storageQuotaSource"] == OVERRIDE
    assert (me["quota"]["quotaBytes"], me["quota"]["source"]) == (50 * MIB, "USER_OVERRIDE")


@pytest.mark.requirement("R8")
async def test_the_limits_that_are_told_are_the_ones_that_refuse(satchel: Satchel) -> None:
    await make_role_limit(satchel.groups["north"], MemberRole.STUDENT, max_file_size_bytes=100_000)

    refused = await satchel.upload(b"x" * 100_001)

    extensions = refused.error["extensions"]
    assert (extensions["code"], extensions["maxFileSizeBytes"], extensions["source"]) == (
        "FILE_TOO_LARGE",
        100_000,
        "ROLE_BASED",
    )
    assert (await satchel.upload(b"x" * 100_000)).errors == []
    assert (await satchel.upload(b"x" * 100_001, by="other_student")).errors == []


@pytest.mark.requirement("R8")
async def test_a_limit_below_what_is_used_deletes_nothing_and_refuses_more(satchel: Satchel) -> None:
    await satchel.file(b"x" * 1000)
    await make_user_limit(satchel.user("student"), storage_quota_bytes=500)

    quota = await satchel.quota("student")

    assert (quota["usedBytes"], quota["quotaBytes"], quota["remainingBytes"]) == (1000, 500, 0)
    assert (await satchel.upload(b"x")).codes == ["QUOTA_EXCEEDED"]
    assert (await satchel.upload(b"")).codes in ([], ["QUOTA_EXCEEDED"])
