"""Whom the identity provider knows and this service does not: refused, or made, and never twice."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.auth import Principal
from app.errors import Unauthenticated
from app.models import User
from app.runtime import Runtime
from tests.app.services.identities.asking import VERIFIED, auto_provisioning, refusal
from tests.factories import make_user
from tests.fixtures.identity_provider import IdentityProvider


@auto_provisioning
async def test_a_recycled_address_opens_nobody_s_files_with_provisioning_either(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    await runtime.authenticator.authenticate(provider.token(sub="first", email=user.email, **VERIFIED))
    assert await refusal(runtime, provider.token(sub="second", email=user.email, name="Bo", **VERIFIED)) == "invalid"


@auto_provisioning
@pytest.mark.requirement("R19")
async def test_a_deactivated_user_stays_out_and_is_not_made_anew(runtime: Runtime, provider: IdentityProvider) -> None:
    linked, by_id, by_email = await make_user(), await make_user(), await make_user()
    tokens = [
        provider.token(sub="linked", email=linked.email, name="Ada", **VERIFIED),
        provider.token(sub=str(by_id.id), email="new@example.org", name="Bo", **VERIFIED),
        provider.token(sub="by e-mail", email=by_email.email, name="Cy", **VERIFIED),
    ]
    assert (await runtime.authenticator.authenticate(tokens[0])).user_id == linked.id
    await User.all().update(deactivated_at=runtime.clock.now())

    assert [await refusal(runtime, token) for token in tokens] == ["invalid"] * 3

    await User.all().update(deactivated_at=None)
    assert (await runtime.authenticator.authenticate(tokens[1])).user_id == by_id.id


async def test_an_unknown_user_is_refused(runtime: Runtime, provider: IdentityProvider) -> None:
    tokens = [
        provider.token(sub="nobody", email="nobody@example.org", name="Nobody", **VERIFIED),
        provider.token(sub=str(uuid4())),
    ]
    assert [await refusal(runtime, token) for token in tokens] == ["invalid"] * 2


@auto_provisioning
async def test_an_unknown_user_is_made_at_the_first_request(runtime: Runtime, provider: IdentityProvider) -> None:
    token = provider.token(sub="new", email="Ada@Example.org", name=" Ada\n Lind\u202egren\0 ", **VERIFIED)

    principal = await runtime.authenticator.authenticate(token)

    user = await User.get()
    assert principal.user_id == user.id
    assert (user.email, user.name, user.name_folded) == ("ada@example.org", "Ada Lindgren", "ada lindgren")
    assert (user.password_hash, user.is_system_admin, user.created_at) == (None, False, runtime.clock.now())
    assert await runtime.authenticator.authenticate(token) == principal
    assert await User.all().count() == 1
    with pytest.raises(Unauthenticated):
        await runtime.accounts.login("ada@example.org", "")


@auto_provisioning
async def test_a_name_that_is_too_long_is_cut(runtime: Runtime, provider: IdentityProvider) -> None:
    await runtime.authenticator.authenticate(provider.token(email="a@example.org", name="é" * 300, **VERIFIED))
    assert (await User.get()).name == "é" * 200


@auto_provisioning
@pytest.mark.parametrize(
    "claims",
    [
        {"name": "Ada"},
        {"name": "Ada", "email": "ada@example.org"},
        {"name": "Ada", "email": "ada@example.org", "email_verified": "true"},
        {"name": "Ada", "email": "ada", "email_verified": True},
        {"name": "Ada", "email": "a\0da@example.org", "email_verified": True},
        {"name": "Ada", "email": "ada\ud800@example.org", "email_verified": True},
        {"name": "Ada", "email": "x" * 400 + "@example.org", "email_verified": True},
        {"email": "ada@example.org", "email_verified": True},
        {"name": " \n", "email": "ada@example.org", "email_verified": True},
        {"name": ["Ada"], "email": "ada@example.org", "email_verified": True},
    ],
    ids=range(10),
)
async def test_nobody_is_made_of_half_a_person(
    runtime: Runtime, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    assert await refusal(runtime, provider.token(sub="new", **claims)) == "invalid"


@auto_provisioning
async def test_many_first_requests_at_once_make_one_user(runtime: Runtime, provider: IdentityProvider) -> None:
    token = provider.token(sub="new", email="ada@example.org", name="Ada", **VERIFIED)
    principals = await asyncio.gather(*(runtime.authenticator.authenticate(token) for _ in range(12)))
    assert {principal.user_id for principal in principals} == {(await User.get()).id}


@auto_provisioning
async def test_many_subjects_with_one_address_make_one_user_and_one_of_them_is_it(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    tokens = [provider.token(sub=f"s{n}", email="ada@example.org", name="Ada", **VERIFIED) for n in range(8)]
    results = await asyncio.gather(
        *(runtime.authenticator.authenticate(token) for token in tokens), return_exceptions=True
    )
    user = await User.get()
    won = [n for n, result in enumerate(results) if isinstance(result, Principal)]
    assert [f"s{n}" for n in won] == [user.identity_subject]
    assert [type(result) for result in results].count(Unauthenticated) == 7


@auto_provisioning
async def test_one_subject_with_many_addresses_makes_one_user(runtime: Runtime, provider: IdentityProvider) -> None:
    tokens = [provider.token(sub="new", email=f"a{n}@example.org", name="Ada", **VERIFIED) for n in range(8)]
    principals = await asyncio.gather(*(runtime.authenticator.authenticate(token) for token in tokens))
    assert {principal.user_id for principal in principals} == {(await User.get()).id}
