"""Whom a token of the identity provider stands for: the first time, and ever after."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import Unauthenticated
from app.models import User
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.app.services.identities.asking import VERIFIED, auto_provisioning, identity, refusal
from tests.factories import make_user
from tests.fixtures.identity_provider import ISSUER, IdentityProvider


async def test_a_subject_that_is_a_user_s_id_is_that_user(runtime: Runtime, provider: IdentityProvider) -> None:
    user, other = await make_user(), await make_user()

    principal = await runtime.authenticator.authenticate(
        provider.token(sub=str(user.id), email=other.email, **VERIFIED)
    )

    now = runtime.clock.now()
    assert principal == Principal(user.id, False, now + timedelta(seconds=630), now)
    assert await identity(user) == (ISSUER, str(user.id))
    assert await identity(other) == (None, None)


async def test_another_subject_is_matched_by_its_verified_email_as_people_compare(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user(email="jürgen@strasse.example")
    token = provider.token(sub="pupil-7", email=" Ju\u0308rgen@STRASSE.example", **VERIFIED)

    assert (await runtime.authenticator.authenticate(token)).user_id == user.id
    assert await identity(user) == (ISSUER, "pupil-7")


@pytest.mark.parametrize("claims", [{}, {"email_verified": False}, {"email_verified": "true"}], ids=str)
async def test_an_email_that_is_not_verified_matches_nobody(
    runtime: Runtime, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    user = await make_user()
    assert await refusal(runtime, provider.token(email=user.email, **claims)) == "invalid"


async def test_after_the_first_match_the_subject_decides_and_no_longer_the_address(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    await runtime.authenticator.authenticate(provider.token(sub="first", email=user.email, **VERIFIED))

    moved = provider.token(sub="first", email="married@example.org", **VERIFIED)
    assert (await runtime.authenticator.authenticate(moved)).user_id == user.id
    bare = provider.token(sub="first")
    assert (await runtime.authenticator.authenticate(bare)).user_id == user.id
    successor = provider.token(sub="second", email=user.email, **VERIFIED)
    assert await refusal(runtime, successor) == "invalid"
    by_id = provider.token(sub=str(user.id))
    assert await refusal(runtime, by_id) == "invalid"


@auto_provisioning
@pytest.mark.requirement("R7")
async def test_a_system_admin_is_never_matched_by_email(runtime: Runtime, provider: IdentityProvider) -> None:
    admin = await make_user(is_system_admin=True)

    assert await refusal(runtime, provider.token(email=admin.email, name="Ada", **VERIFIED)) == "invalid"

    by_id = await runtime.authenticator.authenticate(provider.token(sub=str(admin.id)))
    assert (by_id.user_id, by_id.is_system_admin) == (admin.id, True)


@pytest.mark.requirement("R7")
async def test_who_was_matched_by_email_does_not_become_a_system_admin_with_that_user(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    token = provider.token(sub="first", email=user.email, **VERIFIED)
    assert not (await runtime.authenticator.authenticate(token)).is_system_admin

    await User.filter(id=user.id).update(is_system_admin=True)

    assert await refusal(runtime, token) == "invalid"


async def test_many_first_requests_at_once_link_one_user(runtime: Runtime, provider: IdentityProvider) -> None:
    user = await make_user()
    token = provider.token(sub="first", email=user.email, **VERIFIED)
    principals = await asyncio.gather(*(runtime.authenticator.authenticate(token) for _ in range(12)))
    assert {principal.user_id for principal in principals} == {user.id}
    assert await identity(user) == (ISSUER, "first")


async def test_of_many_subjects_with_one_address_at_once_one_is_linked_and_the_others_are_refused(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    tokens = [provider.token(sub=f"s{n}", email=user.email, **VERIFIED) for n in range(8)]
    results = await asyncio.gather(
        *(runtime.authenticator.authenticate(token) for token in tokens), return_exceptions=True
    )
    won = [(ISSUER, f"s{n}") for n, result in enumerate(results) if isinstance(result, Principal)]
    assert won == [await identity(user)]
    assert [type(result) for result in results].count(Unauthenticated) == 7


async def test_one_subject_never_stands_for_two_users(runtime: Runtime, provider: IdentityProvider) -> None:
    users = [await make_user() for _ in range(6)]
    tokens = [provider.token(sub="first", email=user.email, **VERIFIED) for user in users]
    principals = await asyncio.gather(*(runtime.authenticator.authenticate(token) for token in tokens))
    assert {principal.user_id for principal in principals} == {(await User.get(identity_subject="first")).id}


async def test_another_provider_s_subjects_are_other_people(
    runtime: Runtime, provider: IdentityProvider, settings: dict[str, Any], clock: FixedClock
) -> None:
    user, other = await make_user(), await make_user()
    await runtime.authenticator.authenticate(provider.token(sub="1001", email=user.email, **VERIFIED))
    later: dict[str, Any] = {"iss": "https://id.new.example"}

    async with open_runtime(Settings.load(**settings | {"jwt_issuer": later["iss"]}), clock) as moved:
        assert await refusal(moved, provider.token(sub="1001", **later)) == "invalid"
        token = provider.token(sub="1001", email=other.email, **VERIFIED, **later)
        assert (await moved.authenticator.authenticate(token)).user_id == other.id
        token = provider.token(sub="1002", email=user.email, **VERIFIED, **later)
        assert (await moved.authenticator.authenticate(token)).user_id == user.id
    runtime.database.bind()
    assert await identity(user) == (later["iss"], "1002")
