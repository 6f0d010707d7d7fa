"""Logging in and out, and who one is then."""

from typing import Any

import pytest

from app.models import MemberRole, User
from schema.ids import global_id
from tests.fixtures.app import Answer, Person, Satchel

LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { token expiresAt user { id email quota { usedBytes } } }
}"""
CHANGE = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { token expiresAt } }"
LOGOUT = "mutation { logout { userId } }"
ME = "{ me { id } }"
PASSWORD = "correct horse battery"


@pytest.fixture
async def signed_up(embedded: Satchel) -> Satchel:
    """The student has a password."""
    student = embedded.user("student")
    student.password_hash = await embedded.runtime.passwords.hash(PASSWORD)
    await student.save(update_fields=["password_hash"])
    return embedded


async def _login(satchel: Satchel, password: str = PASSWORD, email: str | None = None) -> Answer:
    variables = {"input": {"email": email or satchel.user("student").email, "password": password}}
    return await satchel.graphql(LOGIN, variables)


async def _me(satchel: Satchel, token: str) -> Answer:
    satchel.people["someone"] = Person(satchel.user("student"), token)
    return await satchel.graphql(ME, by="someone")


async def test_a_login_gives_a_token_that_works_and_answers_who_it_is_for(signed_up: Satchel) -> None:
    student = signed_up.user("student")

    payload = (await _login(signed_up, email=student.email.upper())).ok()["login"]

    assert payload["expiresAt"] == "2026-01-02T12:00:00.000000Z"
    assert payload["user"] == {"id": global_id("User", student.id), "email": student.email, "quota": {"usedBytes": 0}}
    assert (await _me(signed_up, payload["token"])).ok() == {"me": {"id": global_id("User", student.id)}}


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(signed_up: Satchel) -> None:
    wrong = await _login(signed_up, "wrong")
    unknown = await _login(signed_up, email="nobody@example.org")
    without = await _login(signed_up, email=signed_up.user("teacher").email)

    assert wrong.codes == ["UNAUTHENTICATED"]
    assert wrong.error["extensions"]["reason"] == "credentials"
    assert [unknown.error, without.error] == [wrong.error] * 2


async def test_an_expired_token_is_told_apart_and_does_not_stop_a_login(signed_up: Satchel) -> None:
    signed_up.clock.advance(days=2)

    answer = await signed_up.graphql(ME, by="student")
    assert (answer.codes, answer.error["extensions"]["reason"]) == (["UNAUTHENTICATED"], "expired")
    variables = {"input": {"email": signed_up.user("student").email, "password": PASSWORD}}
    assert (await signed_up.graphql(LOGIN, variables, by="student")).errors == []


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_forged_token_is_invalid(embedded: Satchel, token: str) -> None:
    response = await embedded.client.post(
        "/graphql", json={"query": ME}, headers={b"Authorization": f"Bearer {token}".encode()}
    )

    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "invalid"}


async def test_a_logout_revokes_every_token(signed_up: Satchel) -> None:
    other = (await _login(signed_up)).ok()["login"]["token"]

    answer = (await signed_up.graphql(LOGOUT, by="student")).ok()

    assert answer == {"logout": {"userId": global_id("User", signed_up.user("student").id)}}
    assert (await signed_up.graphql(ME, by="student")).codes == ["UNAUTHENTICATED"]
    assert (await _me(signed_up, other)).codes == ["UNAUTHENTICATED"]
    assert (await signed_up.graphql(LOGOUT)).codes == ["UNAUTHENTICATED"]


async def test_a_new_password_replaces_the_old_one_and_every_token(signed_up: Satchel) -> None:
    wanted = {"input": {"currentPassword": PASSWORD, "newPassword": "a much better one"}}

    payload = (await signed_up.graphql(CHANGE, wanted, by="student")).ok()["changePassword"]

    assert (await _me(signed_up, payload["token"])).errors == []
    assert (await signed_up.graphql(ME, by="student")).codes == ["UNAUTHENTICATED"]
    assert (await _login(signed_up)).codes == ["UNAUTHENTICATED"]
    assert (await _login(signed_up, "a much better one")).errors == []


@pytest.mark.parametrize(
    "wanted, field",
    [
        ({"currentPassword": "wrong", "newPassword": "a much better one"}, "currentPassword"),
        ({"currentPassword": PASSWORD, "newPassword": "short"}, "newPassword"),
    ],
    ids=["wrong", "short"],
)
async def test_a_change_that_is_refused_changes_nothing(signed_up: Satchel, wanted: dict[str, Any], field: str) -> None:
    before = await User.get(id=signed_up.user("student").id)

    answer = await signed_up.graphql(CHANGE, {"input": wanted}, by="student")

    assert (answer.codes, answer.error["extensions"]["field"]) == (["BAD_USER_INPUT"], field)
    after = await User.get(id=before.id)
    assert (after.password_hash, after.token_generation) == (before.password_hash, before.token_generation)


async def test_me_is_the_whole_of_what_one_may_know_of_oneself(satchel: Satchel) -> None:
    teacher, science = satchel.user("teacher"), satchel.groups["science"]
    query = """{ me { id uuid name email isSystemAdmin createdAt deactivatedAt
      memberships { role createdAt user { uuid } group { uuid name type parent { parent { name parent { id } } } } } } }"""

    me = (await satchel.graphql(query, by="teacher")).ok()["me"]

    (membership,) = me.pop("memberships")
    assert me == {
        "id": global_id("User", teacher.id),
        "uuid": str(teacher.id),
        "name": teacher.name,
        "email": teacher.email,
        "isSystemAdmin": False,
        "createdAt": teacher.created_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "deactivatedAt": None,
    }
    assert membership.pop("createdAt").endswith("Z")
    assert membership == {
        "role": MemberRole.TEACHER.name,
        "user": {"uuid": str(teacher.id)},
        "group": {
            "uuid": str(science.id),
            "name": science.name,
            "type": "DEPARTMENT",
            "parent": {"parent": {"name": satchel.groups["district"].name, "parent": None}},
        },
    }


async def test_private_fields_of_others_are_null_with_a_reason_each(satchel: Satchel) -> None:
    file = await satchel.file(by="teacher", groupId=str(satchel.groups["science"].id))
    query = """query ($id: ID!) { file(id: $id) { uploadedBy {
      name email quota { usedBytes } limits { source } memberships { role } } } }"""

    seen = await satchel.graphql(query, {"id": file["id"]}, by="group_admin")
    assert seen.ok()["file"]["uploadedBy"]["email"] == satchel.user("teacher").email

    other = global_id("User", satchel.user("teacher").id)
    query = "query ($id: ID!) { node(id: $id) { ... on User { name email quota { usedBytes } limits { source } memberships { role } } } }"
    hidden = await satchel.graphql(query, {"id": other}, by="student")
    assert hidden.data["node"] == {
        "name": satchel.user("teacher").name,
        "email": None,
        "quota": None,
        "limits": None,
        "memberships": None,
    }
    assert hidden.codes == ["FORBIDDEN"] * 4
    assert sorted(error["path"][-1] for error in hidden.errors) == ["email", "limits", "memberships", "quota"]
