"""Tokens that look like the identity provider's, each with one thing wrong: as data, for every door that takes tokens."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import jwt

from app.auth import derive_key
from tests.fixtures.identity_provider import START, IdentityProvider, ec_key, forged_with, rsa_key

NOW = int(START.timestamp())
Forgery = Callable[[IdentityProvider, bytes], str]  # from the provider, and the application's secret


def claims(**changes: Any) -> Forgery:
    """Signed by the provider, with other claims; None leaves one out."""
    return lambda provider, _secret: provider.token(**changes)


def header(**changes: Any) -> Forgery:
    """Signed by the provider, with another header; None leaves a member out."""
    return lambda provider, _secret: provider.keys[0].sign(provider.claims(), changes)


def part(number: int, change: Callable[[str], str]) -> Forgery:
    """The provider's, with one of the three parts changed afterwards."""

    def forge(provider: IdentityProvider, _secret: bytes) -> str:
        parts = provider.token().split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return forge


def segment(value: Any) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hmac_with_the_public_key(provider: IdentityProvider, _secret: bytes) -> str:
    return forged_with(provider.keys[0].public_pem, provider.claims(), {"alg": "HS256", "kid": "first"})


def _hmac_that_says_rsa(provider: IdentityProvider, _secret: bytes) -> str:
    return forged_with(provider.keys[0].public_pem, provider.claims(), {"alg": "RS256", "kid": "first"})


def _own_key_with_the_provider_s_claims(provider: IdentityProvider, secret: bytes) -> str:
    return forged_with(derive_key(secret, "token"), provider.claims(), {"alg": "HS256", "typ": "JWT"})


def _own_key_that_says_rsa(provider: IdentityProvider, secret: bytes) -> str:
    return forged_with(derive_key(secret, "token"), provider.claims(), {"alg": "RS256", "kid": "first"})


def own_claims(provider: IdentityProvider, **changes: Any) -> dict[str, Any]:
    """The payload of an own token, as far as somebody outside can know it."""
    return provider.claims(iss="satchel", aud="satchel", jti="x", gen=0, sub=str(UUID(int=1))) | changes


def _own_claims_signed_by_the_provider(provider: IdentityProvider, _secret: bytes) -> str:
    return provider.keys[0].sign(own_claims(provider))


def _own_claims_that_say_hmac(provider: IdentityProvider, _secret: bytes) -> str:
    return provider.keys[0].sign(own_claims(provider), {"alg": "HS256"})


def _own_claims_with_the_public_key(provider: IdentityProvider, _secret: bytes) -> str:
    return forged_with(provider.keys[0].public_pem, own_claims(provider), {"alg": "HS256", "typ": "JWT"})


def _unsigned(provider: IdentityProvider, _secret: bytes) -> str:
    return jwt.encode(provider.claims(), "", algorithm="none", headers={"kid": "first"})


def _of_a_key_of_one_s_own(provider: IdentityProvider, _secret: bytes) -> str:
    stranger = rsa_key("stranger")
    return stranger.sign(provider.claims(), {"kid": "first", "jwk": stranger.jwk()})


def _of_a_key_at_one_s_own_address(provider: IdentityProvider, _secret: bytes) -> str:
    return rsa_key("stranger").sign(provider.claims(), {"jku": provider.url, "x5u": provider.url})


def _of_another_type_of_key(provider: IdentityProvider, _secret: bytes) -> str:
    return ec_key("curve").sign(provider.claims(), {"kid": "first"})


FORGERIES: Mapping[str, Forgery] = {
    # Keys and algorithms
    "no signature": _unsigned,
    "a key of one's own under the provider's id": _of_a_key_of_one_s_own,
    "a key that the provider does not publish": _of_a_key_at_one_s_own_address,
    "another type of key under the provider's id": _of_another_type_of_key,
    "HMAC with the public key": _hmac_with_the_public_key,
    "HMAC with the public key, called RS256": _hmac_that_says_rsa,
    "own key with the provider's claims": _own_key_with_the_provider_s_claims,
    "own key, called RS256": _own_key_that_says_rsa,
    "own claims signed by the provider": _own_claims_signed_by_the_provider,
    "own claims signed by the provider, called HS256": _own_claims_that_say_hmac,
    "own claims, HMAC with the public key": _own_claims_with_the_public_key,
    "alg none": header(alg="none"),
    "alg None": header(alg=None),
    "alg RS512": header(alg="RS512"),
    "alg PS256": header(alg="PS256"),
    "alg ES256 over an RSA key": header(alg="ES256"),
    "alg rs256": header(alg="rs256"),
    "alg of another type": header(alg=["RS256"]),
    "unknown kid": header(kid="unknown"),
    "kid of another type": header(kid=5),
    "empty kid": header(kid=""),
    "a critical extension": header(crit=["exp"], exp=NOW),
    "a critical extension that is understood": header(crit=["b64"], b64=True),
    "no payload to encode": header(crit=["b64"], b64=False),
    "empty crit": header(crit=[]),
    "a logout token": header(typ="logout+jwt"),
    "typ of another type": header(typ=5),
    # Claims
    "another issuer": claims(iss="https://id.other.example"),
    "issuer with a slash": claims(iss="https://id.school.example/"),
    "own issuer": claims(iss="satchel"),
    "issuers": claims(iss=["https://id.school.example"]),
    "no issuer": claims(iss=None),
    "another audience": claims(aud="mail"),
    "other audiences": claims(aud=["mail", "calendar"]),
    "own audience": claims(aud="satchel"),
    "audience of another type": claims(aud={"files": True}),
    "no audience": claims(aud=None),
    "no subject": claims(sub=None),
    "empty subject": claims(sub=""),
    "subject of another type": claims(sub=5),
    "subject too long": claims(sub="x" * 256),
    "subject with a NUL": claims(sub="some\0body"),
    "subject with half a character": claims(sub="some\ud800body"),
    "subject of lines": claims(sub="some\nbody"),
    "no iat": claims(iat=None),
    "iat ahead": claims(iat=NOW + 31),
    "iat of another type": claims(iat=str(NOW)),
    "iat true": claims(iat=True),
    "no exp": claims(exp=None),
    "exp of another type": claims(exp=str(NOW + 600)),
    "exp true": claims(exp=True),
    "exp beyond every calendar": claims(exp=10**15),
    "exp beyond every clock": claims(exp=10**300),
    "exp beyond every float": claims(exp=10**400),
    "exp not a number": claims(exp=float("nan")),
    "exp never": claims(exp=float("inf")),
    "nbf ahead": claims(nbf=NOW + 31),
    "nbf of another type": claims(nbf="now"),
    "jti of another type": claims(jti=5),
    # Form
    "another payload": part(1, lambda _: segment({"iss": "https://id.school.example", "sub": "admin"})),
    "a payload that is a list": part(1, lambda _: segment([])),
    "a cut signature": part(2, lambda text: text[:-8]),
    "no signature part": part(2, lambda _: ""),
    "a header that is a list": part(0, lambda _: segment([])),
    "a header that is no JSON": part(0, lambda _: "AAAA"),
    "a deep header": part(0, lambda _: base64.urlsafe_b64encode(b"[" * 9000).decode()),
    "a signature that is not base64": part(2, lambda text: "!" + text[1:]),
    "two tokens": lambda provider, _: f"{provider.token()}.{provider.token()}",
    "a long token": claims(groups=["x" * 16_384]),
}
