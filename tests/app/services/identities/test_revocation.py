"""The end of the tokens of the identity provider, and of the link to it."""

from datetime import timedelta

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import Conflict, NotFound
from app.runtime import Runtime
from tests.app.services.identities.asking import VERIFIED, refusal
from tests.factories import make_user
from tests.fixtures.identity_provider import IdentityProvider

PASSWORD = "correct horse battery"


async def test_logging_out_revokes_the_provider_s_tokens_that_were_issued_so_far(
    runtime: Runtime, provider: IdentityProvider, clock: FixedClock
) -> None:
    user = await make_user()
    tokens = [provider.token(sub=str(user.id)), provider.token(clock.now() - timedelta(seconds=9), sub=str(user.id))]
    own = (await runtime.accounts.token_for(user.email)).token
    clock.advance(seconds=0.5)

    await runtime.accounts.logout(await runtime.authenticator.authenticate(tokens[0]))

    assert [await refusal(runtime, token) for token in [*tokens, own]] == ["invalid"] * 3
    clock.advance(seconds=1)
    later = provider.token(clock.now(), sub=str(user.id))
    assert (await runtime.authenticator.authenticate(later)).user_id == user.id


async def test_logging_out_with_an_own_token_revokes_the_provider_s_too_before_they_are_used_first(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    own = (await runtime.accounts.token_for(user.email)).token
    await runtime.accounts.logout(await runtime.authenticator.authenticate(own))
    assert await refusal(runtime, provider.token(sub=str(user.id))) == "invalid"


async def test_a_provider_whose_clock_is_ahead_does_not_save_the_token_that_logs_out(
    runtime: Runtime, provider: IdentityProvider, clock: FixedClock
) -> None:
    user = await make_user()
    token = provider.token(clock.now() + timedelta(seconds=20), sub=str(user.id))
    await runtime.accounts.logout(await runtime.authenticator.authenticate(token))
    assert await refusal(runtime, token) == "invalid"

    principal = Principal(user.id, False)
    await runtime.accounts.logout(principal)  # at an earlier moment, which brings nothing back
    assert await refusal(runtime, token) == "invalid"


async def test_a_new_password_ends_the_provider_s_tokens_and_not_the_own_one_that_it_gives(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user(password_hash=await runtime.passwords.hash(PASSWORD))
    token = provider.token(sub=str(user.id))
    principal = await runtime.authenticator.authenticate(token)

    issued = await runtime.accounts.change_password(principal, PASSWORD, "staple is my new one")

    assert await refusal(runtime, token) == "invalid"
    assert (await runtime.authenticator.authenticate(issued.token)).user_id == user.id


async def test_an_account_that_was_made_anew_takes_the_place_once_the_old_one_is_let_go(
    runtime: Runtime, provider: IdentityProvider
) -> None:
    user = await make_user()
    await runtime.authenticator.authenticate(provider.token(sub="old", email=user.email, **VERIFIED))
    anew = provider.token(sub="new", email=user.email, **VERIFIED)
    assert await refusal(runtime, anew) == "invalid"

    await runtime.accounts.unlink(user.email.upper())

    assert (await runtime.authenticator.authenticate(anew)).user_id == user.id
    assert await refusal(runtime, provider.token(sub="old", email=user.email, **VERIFIED)) == "invalid"


async def test_who_is_not_linked_cannot_be_let_go(runtime: Runtime) -> None:
    user = await make_user()
    with pytest.raises(Conflict):
        await runtime.accounts.unlink(user.email)
    with pytest.raises(NotFound):
        await runtime.accounts.unlink("nobody@example.org")
