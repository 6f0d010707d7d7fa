"""R7, R19: users are created, changed, deactivated and let in again by system admins, and by nobody else."""

import asyncio
from typing import Any

import pytest

from app.models import ClassMember, File, FileStatus, Membership, User
from schema.ids import global_id
from tests.factories import make_file, make_user, make_user_limit
from tests.fixtures.app import Answer, Satchel
from tests.schema.administration import act, refused, science_class, sign_in

USER = "user { id name email isSystemAdmin deactivatedAt }"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }"
PASSWORD = "correct horse battery"


async def _login(school: Satchel, email: str, password: str = PASSWORD) -> Answer:
    return await school.graphql(LOGIN, {"input": {"email": email, "password": password}})


def _id(school: Satchel, who: str) -> str:
    return global_id("User", school.user(who).id)


@pytest.mark.requirement("R7")
async def test_a_system_admin_creates_a_user_who_can_log_in(school: Satchel) -> None:
    answer = await act(
        school,
        "createUser",
        USER,
        by="system_admin",
        email=" Änne@Example.ORG ",
        name="  Änne\tØst ",
        password=PASSWORD,
    )

    user = answer.ok()["createUser"]["user"]
    row = await User.get(email="änne@example.org")
    assert user == {
        "id": global_id("User", row.id),
        "name": "ÄnneØst",
        "email": "änne@example.org",
        "isSystemAdmin": False,
        "deactivatedAt": None,
    }
    assert (await _login(school, "ÄNNE@example.org")).errors == []


@pytest.mark.requirement("R7")
async def test_a_user_without_a_password_is_let_in_by_nothing_until_one_is_set(school: Satchel) -> None:
    created = (
        await act(school, "createUser", USER, by="system_admin", email="a@example.org", name="A", isSystemAdmin=True)
    ).ok()["createUser"]["user"]
    assert created["isSystemAdmin"] is True
    assert (await _login(school, "a@example.org", "")).codes == ["UNAUTHENTICATED"]

    (await act(school, "setUserPassword", USER, by="system_admin", id=created["id"], password=PASSWORD)).ok()

    assert (await _login(school, "a@example.org")).errors == []


@pytest.mark.requirement("R7")
async def test_a_password_set_by_an_admin_revokes_every_token(school: Satchel) -> None:
    (await act(school, "setUserPassword", by="system_admin", id=_id(school, "student"), password=PASSWORD)).ok()

    assert (await school.graphql("{ me { id } }", by="student")).codes == ["UNAUTHENTICATED"]
    assert (await _login(school, school.user("student").email)).errors == []


@pytest.mark.requirement("R7")
async def test_an_update_changes_what_is_given_and_keeps_the_rest(school: Satchel) -> None:
    student = school.user("student")

    renamed = await act(school, "updateUser", USER, by="system_admin", id=str(student.id), name="Zoë", email=None)
    moved = await act(school, "updateUser", USER, by="system_admin", id=str(student.id), email="Z@Example.org")
    raised = await act(school, "updateUser", USER, by="system_admin", id=str(student.id), isSystemAdmin=True)

    expected = {"id": _id(school, "student"), "name": "Zoë", "email": student.email, "isSystemAdmin": False}
    assert renamed.ok()["updateUser"]["user"] == expected | {"deactivatedAt": None}
    assert moved.ok()["updateUser"]["user"]["email"] == "z@example.org"
    assert raised.ok()["updateUser"]["user"]["isSystemAdmin"] is True
    assert (await User.get(id=student.id)).name_folded == "zoë"


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("who", ["student", "teacher", "group_admin", None])
async def test_the_mutations_of_users_answer_others_before_they_look(school: Satchel, who: str | None) -> None:
    code = "FORBIDDEN" if who else "UNAUTHENTICATED"
    absent = global_id("User", school.groups["north"].id)
    for identifier in {absent, _id(school, "student"), _id(school, who or "student")}:
        await refused(school, code, "updateUser", by=who, id=identifier, isSystemAdmin=True)
        await refused(school, code, "setUserPassword", by=who, id=identifier, password=PASSWORD)
        await refused(school, code, "deleteUser", by=who, id=identifier)
        await refused(school, code, "reactivateUser", by=who, id=identifier)
    await refused(school, code, "createUser", by=who, email="x@example.org", name="X", isSystemAdmin=True)
    await refused(school, code, "createUser", by=who, email="not an address", name="")


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "change, code",
    [
        ({"email": "nowhere"}, "BAD_USER_INPUT"),
        ({"email": "a\x00@example.org"}, "BAD_USER_INPUT"),
        ({"name": ""}, "BAD_USER_INPUT"),
        ({"name": " \t\u200f"}, "BAD_USER_INPUT"),
        ({"name": "x" * 201}, "BAD_USER_INPUT"),
        ({"name": "a\x00b"}, "BAD_USER_INPUT"),
        ({"email": "TAKEN@example.org"}, "CONFLICT"),
    ],
    ids=repr,
)
async def test_unfit_names_and_addresses_are_refused(school: Satchel, change: dict[str, str], code: str) -> None:
    await make_user(email="taken@example.org")

    await refused(school, code, "updateUser", by="system_admin", id=_id(school, "student"), **change)
    await refused(school, code, "createUser", by="system_admin", **({"email": "n@example.org", "name": "N"} | change))


@pytest.mark.requirement("R7")
async def test_unfit_passwords_are_refused(school: Satchel) -> None:
    for password in ("", "short", "x" * 5000, "a\x00" * 20):
        user_id = _id(school, "student")
        await refused(school, "BAD_USER_INPUT", "setUserPassword", by="system_admin", id=user_id, password=password)
        new: dict[str, Any] = {"email": "n@example.org", "name": "N", "password": password}
        await refused(school, "BAD_USER_INPUT", "createUser", by="system_admin", **new)


@pytest.mark.requirement("R19")
async def test_a_deleted_user_loses_everything_but_the_files(school: Satchel) -> None:
    student = school.user("student")
    school_class = await science_class(school)
    file = await school.file(b"kept", by="student", groupId=str(school.groups["north"].id))
    await User.filter(id=student.id).update(avatar_id=file["uuid"])
    await make_user_limit(student, storage_quota_bytes=1000)

    answer = await act(school, "deleteUser", "userId", by="system_admin", id=_id(school, "student"))

    assert answer.ok() == {"deleteUser": {"userId": _id(school, "student")}}
    assert (await school.graphql("{ me { id } }", by="student")).codes == ["UNAUTHENTICATED"]
    assert await Membership.filter(user_id=student.id).count() == 0
    assert await ClassMember.filter(user_id=student.id, school_class_id=school_class.id).count() == 0
    row = await User.get(id=student.id)
    assert (row.avatar_id, row.deactivated_at) == (None, school.clock.now())
    kept = await File.get(id=file["uuid"])
    assert (kept.owner_id, kept.status, kept.group_id) == (student.id, FileStatus.ACTIVE, school.groups["north"].id)
    # Admins of the files' group and system admins take care of them; people of the tree see the user no more.
    read = "query ($id: ID!) { file(id: $id) { uploadedBy { name deactivatedAt } } }"
    for who in ("group_admin", "system_admin"):
        seen = (await school.graphql(read, {"id": file["id"]}, by=who)).ok()["file"]["uploadedBy"]
        assert seen == {"name": student.name, "deactivatedAt": "2026-01-01T12:00:00.000000Z"}
    look = "query ($id: ID!) { user(id: $id) { name } }"
    assert (await school.graphql(look, {"id": str(student.id)}, by="teacher")).codes == ["NOT_FOUND"]


@pytest.mark.requirement("R19")
async def test_an_upload_of_a_user_who_is_deleted_meanwhile_fails(school: Satchel) -> None:
    deleted = asyncio.Event()

    async def body() -> Any:
        yield (
            b'--edge\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
            b'{"query": "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", "variables": {"f": null}}'
            b'\r\n--edge\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0": ["variables.f"]}\r\n'
            b'--edge\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\n' + b"x" * 20_000
        )
        for _ in range(1000):
            if await File.exists(owner_id=school.user("student").id, status=FileStatus.PENDING):
                break
            await asyncio.sleep(0.01)
        (await act(school, "deleteUser", by="system_admin", id=_id(school, "student"))).ok()
        deleted.set()
        yield b"y" * 20_000 + b"\r\n--edge--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=edge"} | school.headers("student")
    response = await school.client.post("/graphql", content=body(), headers=headers)

    assert deleted.is_set()
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["CONFLICT"]
    assert await File.filter(status=FileStatus.ACTIVE).count() == 0


@pytest.mark.requirement("R19")
async def test_a_user_who_is_let_in_again_has_the_files_and_nothing_else(school: Satchel) -> None:
    await sign_in(school, "second_admin", await make_user(is_system_admin=True, email="second@example.org"))
    await school.file(b"kept", by="second_admin")
    second = _id(school, "second_admin")
    (await act(school, "deleteUser", by="system_admin", id=second)).ok()
    await refused(school, "CONFLICT", "deleteUser", by="system_admin", id=second)

    answer = (await act(school, "reactivateUser", USER, by="system_admin", id=second)).ok()

    user = answer["reactivateUser"]["user"]
    assert (user["isSystemAdmin"], user["deactivatedAt"]) == (False, None)
    # The old token stays dead.
    assert (await school.graphql("{ me { id } }", by="second_admin")).codes == ["UNAUTHENTICATED"]
    await sign_in(school, "second_admin", await User.get(email="second@example.org"))
    me = (await school.graphql("{ me { memberships { role } files { nodes { name } } } }", by="second_admin")).ok()
    assert me == {"me": {"memberships": [], "files": {"nodes": [{"name": "notes.txt"}]}}}
    await refused(school, "CONFLICT", "reactivateUser", by="system_admin", id=second)


@pytest.mark.requirement("R19")
async def test_the_last_system_admin_stays(school: Satchel) -> None:
    only = _id(school, "system_admin")
    await refused(school, "CONFLICT", "deleteUser", by="system_admin", id=only)
    await refused(school, "CONFLICT", "updateUser", by="system_admin", id=only, isSystemAdmin=False)

    gone = await make_user(is_system_admin=True, deactivated_at=school.clock.now())
    await refused(school, "CONFLICT", "deleteUser", by="system_admin", id=only)

    await User.filter(id=gone.id).update(deactivated_at=None)
    (await act(school, "updateUser", by="system_admin", id=only, isSystemAdmin=False)).ok()
    assert (await school.graphql("{ users { nodes { id } } }", by="system_admin")).codes == ["FORBIDDEN"]


@pytest.mark.requirement("R19")
@pytest.mark.parametrize("mutation, fields", [("deleteUser", {}), ("updateUser", {"isSystemAdmin": False})])
async def test_of_admins_who_remove_each_other_at_once_one_stays(
    school: Satchel, mutation: str, fields: dict[str, Any]
) -> None:
    for _ in range(5):
        admins = [user async for user in User.filter(is_system_admin=True, deactivated_at=None)]
        admins += [await make_user(is_system_admin=True) for _ in range(4 - len(admins))]
        for number, user in enumerate(admins):
            await sign_in(school, f"admin {number}", user)

        await asyncio.gather(
            *(
                act(school, mutation, by=f"admin {number}", id=str(admins[(number + 1) % 4].id), **fields)
                for number in range(4)
            )
        )

        assert await User.filter(is_system_admin=True, deactivated_at=None).count() >= 1


@pytest.mark.requirement("R7")
async def test_absent_users_are_not_found(school: Satchel) -> None:
    absent = str(school.groups["north"].id)
    await refused(school, "NOT_FOUND", "updateUser", by="system_admin", id=absent, name="X")
    await refused(school, "NOT_FOUND", "setUserPassword", by="system_admin", id=absent, password=PASSWORD)
    await refused(school, "NOT_FOUND", "deleteUser", by="system_admin", id=absent)
    await refused(school, "NOT_FOUND", "reactivateUser", by="system_admin", id=absent)
    await refused(school, "BAD_USER_INPUT", "deleteUser", by="system_admin", id="nonsense")
    wrong = global_id("Group", school.groups["north"].id)
    await refused(school, "NOT_FOUND", "deleteUser", by="system_admin", id=wrong)


async def test_a_file_of_a_deactivated_owner_is_not_in_the_way_of_the_ledger(school: Satchel) -> None:
    await make_file(school.user("student"), content=b"abc", storage=school.runtime.storage, location="memory")
    (await act(school, "deleteUser", by="system_admin", id=_id(school, "student"))).ok()
    query = "query ($id: ID!) { user(id: $id) { quota { usedBytes } files { nodes { sizeBytes } } } }"

    user = (await school.graphql(query, {"id": _id(school, "student")}, by="system_admin")).ok()["user"]

    assert user == {"quota": {"usedBytes": 3}, "files": {"nodes": [{"sizeBytes": 3}]}}
