"""JWK sets: which keys count, for what, and what is no key set at all."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.auth.keys import key_ring
from tests.fixtures.identity_provider import SigningKey, ec_key, rsa_key


def ring_of(*entries: Any) -> set[tuple[str, str | None]]:
    """The algorithms and ids of the keys that count."""
    return set(key_ring(json.dumps({"keys": entries}).encode()).keys)


def test_every_key_counts_for_the_one_algorithm_of_its_type() -> None:
    ring = key_ring(json.dumps({"keys": [rsa_key("first").jwk(), ec_key("curve").jwk()]}).encode())
    assert set(ring.keys) == {("RS256", "first"), ("ES256", "curve")}
    assert ring.find("RS256", "first") is not None
    assert ring.find("ES256", "first") is None
    assert ring.find("RS256", "curve") is None
    assert ring.find("RS256", "unknown") is None


def test_a_token_that_names_no_key_is_taken_where_there_is_but_one() -> None:
    one = key_ring(json.dumps({"keys": [rsa_key("first").jwk()]}).encode())
    two = key_ring(json.dumps({"keys": [rsa_key("first").jwk(), ec_key("curve").jwk()]}).encode())
    assert one.find("RS256", None) == one.find("RS256", "first") is not None
    assert one.find("ES256", None) is None
    assert two.find("RS256", None) is None


@pytest.mark.parametrize("change", [{"use": None}, {"alg": None}, {"key_ops": ["verify"]}, {"x5t": "x"}], ids=str)
def test_what_a_key_may_leave_out_or_add_makes_no_difference(change: dict[str, Any]) -> None:
    assert ring_of(rsa_key("first").jwk(**change)) == {("RS256", "first")}


def test_a_lonely_key_needs_no_id() -> None:
    assert ring_of(rsa_key("first").jwk(kid=None)) == {("RS256", None)}


UNUSABLE: dict[str, Any] = {
    "for encryption": rsa_key("first").jwk(use="enc"),
    "for wrapping": rsa_key("first").jwk(key_ops=["wrapKey"]),
    "operations of another type": rsa_key("first").jwk(key_ops="verify"),
    "another hash": rsa_key("first").jwk(alg="RS512"),
    "another padding": rsa_key("first").jwk(alg="PS256"),
    "an algorithm of another type": rsa_key("first").jwk(alg="ES256"),
    "an HMAC of an RSA key": rsa_key("first").jwk(alg="HS256"),
    "a private key": rsa_key("first").jwk(d="AQAB"),
    "1024 bits": rsa_key("weak", 1024).jwk(),
    "2040 bits": rsa_key("weak", 2040).jwk(),
    "no modulus": rsa_key("first").jwk(n=None),
    "a modulus of another type": rsa_key("first").jwk(n=5),
    "a modulus that is no number": rsa_key("first").jwk(n="!!!"),
    "an exponent of one": rsa_key("first").jwk(e="AQ"),
    "an enormous modulus": rsa_key("first").jwk(n="_" * 2732 + "w"),
    "an id of another type": rsa_key("first").jwk(kid=5),
    "an id that is too long": rsa_key("first").jwk(kid="x" * 257),
    "an id that is a list": rsa_key("first").jwk(kid=["first"]),
    "another curve": SigningKey("curve", ec.generate_private_key(ec.SECP384R1()), "ES384").jwk(alg=None),
    "a point off the curve": ec_key("curve").jwk(y=ec_key("other curve").jwk()["y"]),
    "half a point": ec_key("curve").jwk(y=None),
    "a short point": ec_key("curve").jwk(x="AQ"),
    "a curve of another type": ec_key("curve").jwk(crv=256),
    "a secret": {"kty": "oct", "kid": "first", "alg": "HS256", "k": "c2VjcmV0"},
    "a type of another type": {"kty": ["RSA"], "kid": "first"},
    "nothing": {},
    "text": "first",
    "null": None,
}


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_is_weak_or_broken_or_for_something_else_is_left_out_and_the_others_count(entry: Any) -> None:
    assert ring_of(entry, rsa_key("second").jwk()) == {("RS256", "second")}


def test_of_two_keys_with_one_id_and_type_the_first_counts() -> None:
    entries = [rsa_key("first").jwk(), rsa_key("second").jwk(kid="first")]
    ring = key_ring(json.dumps({"keys": entries}).encode())
    assert ring.find("RS256", "first") == rsa_key("first").private.public_key()


def test_a_set_without_keys_is_a_set() -> None:
    assert ring_of() == set()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"keys": [NaN]}',
        b"[" * 100_000,
        json.dumps({"keys": [{}] * 101}).encode(),
    ],
    ids=range(11),
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        key_ring(document)
