"""The identity provider's tokens: what is taken, what is refused, and when a good one stops being good."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.auth.jwks import ProviderKeys
from app.auth.provider import ProviderClaims, ProviderTokens
from app.clock import FixedClock
from app.errors import Unauthenticated
from tests.app.auth.forgeries import FORGERIES, NOW, Forgery
from tests.fixtures.identity_provider import AUDIENCE, ISSUER, START, IdentityProvider, ec_key, rsa_key

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def tokens(provider: IdentityProvider, clock: FixedClock) -> AsyncIterator[ProviderTokens]:
    keys = ProviderKeys(provider.url, clock)
    yield ProviderTokens(keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)
    await keys.close()


async def reason(tokens: ProviderTokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await tokens.read(token)
    return caught.value.reason


async def test_a_token_says_who_it_is_for_and_until_when(tokens: ProviderTokens, provider: IdentityProvider) -> None:
    token = provider.token(sub="pupil-7", email="Ada@Example.org", email_verified=True, name="Ada")

    assert await tokens.read(token) == ProviderClaims(
        issuer=ISSUER,
        subject="pupil-7",
        email="Ada@Example.org",
        name="Ada",
        issued_at=START,
        expires_at=START + timedelta(seconds=630),
    )


async def test_a_token_of_a_curve_is_taken(tokens: ProviderTokens, provider: IdentityProvider) -> None:
    provider.keys = [rsa_key("first"), ec_key("curve")]
    assert (await tokens.read(provider.token(sub="a"))).subject == "a"
    assert (await tokens.read(provider.token(sub="b", key=rsa_key("first")))).subject == "b"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": ["mail", AUDIENCE]},
        {"iat": NOW + 30},
        {"iat": NOW + 0.5, "exp": NOW + 600.5},
        {"nbf": NOW + 30},
        {"sub": "x" * 255},
        {"sub": "zoë | 平"},
        {"roles": ["x" * 8000]},
    ],
    ids=["audiences", "iat", "fractions", "nbf", "long subject", "letters", "roles"],
)
async def test_what_a_provider_may_say_is_taken(
    tokens: ProviderTokens, provider: IdentityProvider, change: dict[str, Any]
) -> None:
    assert (await tokens.read(provider.token(**change))).issuer == ISSUER


@pytest.mark.parametrize("header", [{"typ": None}, {"typ": "at+jwt"}, {"typ": "application/at+JWT"}, {"kid": None}])
async def test_what_a_header_may_say_is_taken(
    tokens: ProviderTokens, provider: IdentityProvider, header: dict[str, Any]
) -> None:
    assert (await tokens.read(provider.keys[0].sign(provider.claims(), header))).subject == "somebody"


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_a_token_with_one_thing_wrong_is_refused(
    tokens: ProviderTokens, provider: IdentityProvider, forgery: Forgery
) -> None:
    assert (await tokens.read(provider.token())).subject == "somebody"
    assert await reason(tokens, forgery(provider, SECRET)) == "invalid"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "ä" * 40, "\ud800", "\0", "a" * 20_000], ids=repr)
async def test_text_that_is_no_token_is_refused(tokens: ProviderTokens, text: str) -> None:
    assert await reason(tokens, text) == "invalid"


async def test_a_token_must_name_its_key_where_there_are_several(
    tokens: ProviderTokens, provider: IdentityProvider
) -> None:
    provider.keys = [rsa_key("first"), rsa_key("second")]
    nameless = provider.keys[0].sign(provider.claims(), {"kid": None})
    assert await reason(tokens, nameless) == "invalid"


async def test_a_token_is_good_until_half_a_minute_after_its_end_and_expired_from_then_on(
    tokens: ProviderTokens, provider: IdentityProvider, clock: FixedClock
) -> None:
    token = provider.token()
    clock.advance(seconds=629)
    assert (await tokens.read(token)).subject == "somebody"
    clock.advance(seconds=1)
    assert await reason(tokens, token) == "expired"


async def test_a_token_of_a_key_that_was_rotated_in_is_taken_and_one_of_a_withdrawn_key_is_not(
    tokens: ProviderTokens, provider: IdentityProvider, clock: FixedClock
) -> None:
    old = provider.token(exp=NOW + 86_400)
    assert (await tokens.read(old)).subject == "somebody"
    provider.keys = [rsa_key("first"), rsa_key("second")]
    clock.advance(seconds=30)
    assert (await tokens.read(provider.token(clock.now()))).subject == "somebody"
    provider.keys = [rsa_key("second")]
    clock.advance(seconds=600)
    assert await reason(tokens, old) == "invalid"
    assert (await tokens.read(provider.token(clock.now()))).subject == "somebody"


async def test_a_token_that_cannot_be_checked_is_told_apart(tokens: ProviderTokens, provider: IdentityProvider) -> None:
    await provider.stop()
    assert await reason(tokens, provider.token()) == "unavailable"


@pytest.mark.parametrize(
    "claims, email",
    [
        ({"email": "a@example.org", "email_verified": True}, "a@example.org"),
        ({"email": "a@example.org", "email_verified": False}, None),
        ({"email": "a@example.org", "email_verified": "true"}, None),
        ({"email": "a@example.org", "email_verified": 1}, None),
        ({"email": "a@example.org"}, None),
        ({"email": ["a@example.org"], "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
)
async def test_an_email_counts_only_when_the_provider_says_that_it_is_verified(
    tokens: ProviderTokens, provider: IdentityProvider, claims: dict[str, Any], email: str | None
) -> None:
    assert (await tokens.read(provider.token(**claims))).email == email


@pytest.mark.parametrize(
    "subject, user_id",
    [
        ("6f8f5771-5090-da26-3245-3988d9a1501b", UUID("6f8f57715090da2632453988d9a1501b")),
        ("6F8F5771-5090-DA26-3245-3988D9A1501B", UUID("6f8f57715090da2632453988d9a1501b")),
        ("6f8f57715090da2632453988d9a1501b", None),
        ("{6f8f5771-5090-da26-3245-3988d9a1501b}", None),
        ("urn:uuid:6f8f5771-5090-da26-3245-3988d9a1501b", None),
        ("pupil-7", None),
    ],
)
async def test_a_subject_is_an_id_when_it_is_written_as_one(
    tokens: ProviderTokens, provider: IdentityProvider, subject: str, user_id: UUID | None
) -> None:
    assert (await tokens.read(provider.token(sub=subject))).user_id == user_id
