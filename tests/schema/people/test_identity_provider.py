"""Tokens of the platform's identity provider as clients send them: through GraphQL, over HTTP."""

import asyncio
import json
from typing import Any

import pytest

from app.auth import Tokens
from app.models import User
from schema.ids import global_id
from tests.app.auth.forgeries import FORGERIES, own_claims
from tests.fixtures.app import Answer, Person, Satchel
from tests.fixtures.identity_provider import Gate, IdentityProvider, forged_with, rsa_key

ME = "{ me { id } }"
LOGOUT = "mutation { logout { userId } }"
VERIFIED: dict[str, Any] = {"email_verified": True}


@pytest.fixture
def auto_provision() -> bool:
    return False


@pytest.fixture
def app_settings(provider: IdentityProvider, auto_provision: bool) -> dict[str, Any]:
    return {**provider.settings, "jwt_auto_provision": auto_provision}


async def send(satchel: Satchel, token: str, query: str = ME, **variables: Any) -> Answer:
    """An operation with this token."""
    satchel.people["bearer"] = Person(satchel.user("student"), token)
    return await satchel.graphql(query, variables, by="bearer")


async def reason(satchel: Satchel, token: str) -> str:
    """Why a request with this token has no caller."""
    answer = await send(satchel, token)
    assert (answer.data, answer.codes) == ({"me": None}, ["UNAUTHENTICATED"])
    told: str = answer.error["extensions"]["reason"]
    return told


def is_user(user: User) -> dict[str, Any]:
    """What `me` answers to this user."""
    return {"me": {"id": global_id("User", user.id)}}


@pytest.mark.requirement("R7")
async def test_a_token_of_the_provider_is_worth_what_its_user_is(school: Satchel, provider: IdentityProvider) -> None:
    student, teacher = school.user("student"), school.user("teacher")
    by_id = provider.token(sub=str(student.id))
    by_email = provider.token(sub="t-1", email=teacher.email.upper(), **VERIFIED)

    assert (await send(school, by_id)).ok() == is_user(student)
    assert (await send(school, by_email)).ok() == is_user(teacher)

    school.people["pupil"] = Person(student, by_id)
    file = await school.file(b"homework", by="pupil")
    assert (await school.act("deleteFile", file["id"], by="student")).ok()["deleteFile"]["file"]["id"] == file["id"]
    assert (await school.act("purgeFile", file["id"], by="bearer")).codes == ["NOT_FOUND"]
    assert (await school.graphql(ME, by="teacher")).ok() == is_user(teacher)


@pytest.mark.requirement("R7")
async def test_no_token_of_the_provider_makes_a_system_admin_of_an_address(
    school: Satchel, provider: IdentityProvider
) -> None:
    admin = school.user("system_admin")
    assert await reason(school, provider.token(email=admin.email, **VERIFIED)) == "invalid"
    assert (await send(school, provider.token(sub=str(admin.id)))).ok() == is_user(admin)


@pytest.mark.requirement("R19")
@pytest.mark.parametrize("auto_provision", [True], ids=["auto"])
async def test_a_deleted_user_s_sign_in_through_the_provider_is_refused(
    school: Satchel, provider: IdentityProvider
) -> None:
    student, other = school.user("student"), school.user("other_student")
    linked = provider.token(sub="s-1", email=student.email, name="Sana", **VERIFIED)
    assert (await send(school, linked)).ok() == is_user(student)
    count = await User.all().count()
    delete = "mutation ($id: ID!) { deleteUser(input: {id: $id}) { userId } }"
    for user in (student, other):
        (await school.graphql(delete, {"id": str(user.id)}, by="system_admin")).ok()

    first = provider.token(sub="s-2", email=other.email, name="Pablo", **VERIFIED)
    by_id = provider.token(sub=str(other.id), email="new@example.org", name="Pablo", **VERIFIED)
    assert [await reason(school, token) for token in (linked, first, by_id)] == ["invalid"] * 3
    assert await User.all().count() == count

    back = "mutation ($id: ID!) { reactivateUser(input: {id: $id}) { user { id } } }"
    (await school.graphql(back, {"id": str(student.id)}, by="system_admin")).ok()
    assert await reason(school, linked) == "invalid"  # it was issued before the deletion
    school.clock.advance(seconds=1)
    assert (await send(school, provider.token(school.clock.now(), sub="s-1"))).ok() == is_user(student)


async def test_logging_out_ends_the_provider_s_tokens_and_the_own_ones(
    school: Satchel, provider: IdentityProvider
) -> None:
    student = school.user("student")
    token, other = provider.token(sub=str(student.id)), provider.token(sub=str(school.user("teacher").id))

    assert (await send(school, token, LOGOUT)).ok() == {"logout": {"userId": global_id("User", student.id)}}

    assert await reason(school, token) == "invalid"
    assert (await school.graphql(ME, by="student")).codes == ["UNAUTHENTICATED"]
    assert (await send(school, other)).ok() == is_user(school.user("teacher"))
    school.clock.advance(seconds=1)
    assert (await send(school, provider.token(school.clock.now(), sub=str(student.id)))).ok() == is_user(student)


async def test_a_password_set_by_an_admin_ends_the_provider_s_tokens(
    school: Satchel, provider: IdentityProvider
) -> None:
    student = school.user("student")
    (await send(school, provider.token(sub=str(student.id)), LOGOUT)).ok()  # what came before does not matter
    school.clock.advance(seconds=1)
    token = provider.token(school.clock.now(), sub=str(student.id))
    assert (await send(school, token)).ok() == is_user(student)
    change = 'mutation ($id: ID!) { setUserPassword(input: {id: $id, password: "a new password"}) { user { id } } }'
    (await school.graphql(change, {"id": str(student.id)}, by="system_admin")).ok()
    assert await reason(school, token) == "invalid"


@pytest.mark.parametrize("auto_provision", [True], ids=["auto"])
async def test_the_first_requests_of_a_new_user_make_one_who_can_upload(
    school: Satchel, provider: IdentityProvider
) -> None:
    token = provider.token(sub="n-1", email="New@Example.org", name=" Nora\tNew ", **VERIFIED)
    query = "{ me { id name email memberships { role } } }"
    school.people["new"] = Person(school.user("student"), token)

    answers = await asyncio.gather(*(school.graphql(query, by="new") for _ in range(6)))

    user = await User.get(email="new@example.org")
    expected = {"id": global_id("User", user.id), "name": "NoraNew", "email": user.email, "memberships": []}
    assert [answer.ok()["me"] for answer in answers] == [expected] * 6
    assert (await school.file(b"first", by="new"))["sizeBytes"] == 5


async def test_an_unknown_user_is_refused(embedded: Satchel, provider: IdentityProvider) -> None:
    count = await User.all().count()
    token = provider.token(sub="n-1", email="new@example.org", name="Nora", **VERIFIED)
    assert await reason(embedded, token) == "invalid"
    assert await User.all().count() == count


@pytest.mark.requirement("R7")
async def test_no_forged_token_lets_anybody_in(embedded: Satchel, provider: IdentityProvider) -> None:
    student = embedded.user("student")
    await User.filter(id=student.id).update(
        identity_issuer=provider.settings["jwt_issuer"], identity_subject="somebody"
    )
    assert (await send(embedded, provider.token())).ok() == is_user(student)
    secret = embedded.runtime.settings.signing_key()

    told = {name: await reason(embedded, forge(provider, secret)) for name, forge in FORGERIES.items()}

    assert told == dict.fromkeys(FORGERIES, "invalid")


async def test_neither_kind_of_token_passes_for_the_other(embedded: Satchel, provider: IdentityProvider) -> None:
    student = embedded.user("student")
    own = Tokens(rsa_key("first").public_pem, clock=embedded.clock, expires_seconds=60)  # had it the provider's key
    payload = own_claims(provider, sub=str(student.id))
    forged = [
        own.issue(student.id, 0).token,
        rsa_key("first").sign(payload),
        rsa_key("first").sign(payload, {"alg": "HS256", "kid": None}),
        forged_with(rsa_key("first").public_pem, payload, {"alg": "HS256", "typ": "JWT"}),
        forged_with(
            rsa_key("first").public_pem, provider.claims(sub=str(student.id)), {"alg": "RS256", "kid": "first"}
        ),
        forged_with(embedded.runtime.settings.signing_key(), payload, {"alg": "HS256", "typ": "JWT"}),
        _relabelled(embedded.people["student"].token, "RS256"),
        _relabelled(provider.token(sub=str(student.id)), "HS256"),
    ]
    assert [await reason(embedded, token) for token in forged] == ["invalid"] * len(forged)
    assert (await embedded.graphql(ME, by="student")).ok() == is_user(student)
    assert (await send(embedded, provider.token(sub=str(student.id)))).ok() == is_user(student)


async def test_an_expired_token_is_told_apart(embedded: Satchel, provider: IdentityProvider) -> None:
    token = provider.token(sub=str(embedded.user("student").id))
    embedded.clock.advance(seconds=630)
    assert await reason(embedded, token) == "expired"


async def test_a_provider_that_is_slow_stops_nobody_else(embedded: Satchel, provider: IdentityProvider) -> None:
    student = embedded.user("student")
    gate = Gate(provider)
    token = provider.token(sub=str(student.id))
    waiting = [asyncio.create_task(send(embedded, token)) for _ in range(20)]
    await gate.reached.wait()

    async with asyncio.timeout(20):
        for _ in range(5):
            assert (await embedded.graphql(ME, by="teacher")).ok() == is_user(embedded.user("teacher"))
    assert not any(task.done() for task in waiting)

    gate.open()
    assert [answer.ok() for answer in await asyncio.gather(*waiting)] == [is_user(student)] * 20
    assert provider.requests == 1


async def test_a_provider_that_is_down_is_told_apart_and_stops_no_own_token(
    embedded: Satchel, provider: IdentityProvider
) -> None:
    await provider.stop()
    answer = await send(embedded, provider.token(sub=str(embedded.user("student").id)))
    assert answer.codes == ["UNAUTHENTICATED"]
    assert answer.error["extensions"]["reason"] == "unavailable"
    assert str(provider.port) not in json.dumps(answer.error)
    assert (await embedded.graphql(ME, by="teacher")).ok() == is_user(embedded.user("teacher"))


async def test_a_rotated_key_lets_its_tokens_in_without_a_restart(
    embedded: Satchel, provider: IdentityProvider
) -> None:
    student = embedded.user("student")
    assert (await send(embedded, provider.token(sub=str(student.id)))).ok() == is_user(student)
    provider.keys = [rsa_key("second")]
    embedded.clock.advance(seconds=30)
    token = provider.token(embedded.clock.now(), sub=str(student.id))
    assert (await send(embedded, token)).ok() == is_user(student)


@pytest.mark.parametrize("app_settings", [{}], ids=["none"])
async def test_without_a_provider_its_tokens_are_worth_nothing(embedded: Satchel, provider: IdentityProvider) -> None:
    assert await reason(embedded, provider.token(sub=str(embedded.user("student").id))) == "invalid"
    assert provider.requests == 0


async def test_a_refused_token_is_refused_before_the_upload_is_read(
    embedded: Satchel, provider: IdentityProvider
) -> None:
    embedded.people["nobody"] = Person(embedded.user("student"), provider.token(sub="nobody"))
    assert (await embedded.upload(b"x" * 100, by="nobody")).codes == ["UNAUTHENTICATED"]
    assert await embedded.stored_keys() == set()


def _relabelled(token: str, algorithm: str) -> str:
    """The same token with another algorithm in its header."""
    head = forged_with(b"x" * 32, {}, {"alg": algorithm, "typ": "JWT", "kid": "first"}).split(".")[0]
    return ".".join([head, *token.split(".")[1:]])
