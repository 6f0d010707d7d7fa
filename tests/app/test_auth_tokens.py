"""Own tokens: what is signed, what is refused, and when a good one stops being good."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from app.auth import Claims, Tokens, derive_key
from app.clock import FixedClock
from app.errors import Unauthenticated

SECRET = b"0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER = UUID("6f8f57715090da2632453988d9a1501b")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def tokens(clock: FixedClock) -> Tokens:
    return Tokens(SECRET, clock=clock, expires_seconds=600)


def reason(tokens: Tokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        tokens.read(token)
    return caught.value.reason


def forged(change: dict[str, Any], *, key: bytes | None = None, algorithm: str = "HS256", drop: str = "") -> str:
    """A token like an own one, but for what the test changes."""
    payload: dict[str, Any] = {
        "iss": "satchel",
        "aud": "satchel",
        "sub": str(USER),
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + 600,
        "jti": uuid4().hex,
        "gen": 0,
    } | change
    payload.pop(drop, None)
    return jwt.encode(payload, derive_key(SECRET, "token") if key is None else key, algorithm=algorithm)


def test_a_token_says_who_it_is_for_and_until_when(tokens: Tokens) -> None:
    issued = tokens.issue(USER, 7)

    assert tokens.read(issued.token) == Claims(USER, 7, START + timedelta(seconds=600))
    assert issued.expires_at == START + timedelta(seconds=600)


def test_the_forgery_of_these_tests_passes_when_nothing_is_changed(tokens: Tokens) -> None:
    assert tokens.read(forged({})) == Claims(USER, 0, START + timedelta(seconds=600))


def test_two_tokens_of_one_moment_differ(tokens: Tokens) -> None:
    assert tokens.issue(USER, 0).token != tokens.issue(USER, 0).token


def test_a_token_is_good_until_its_last_second_and_expired_from_then_on(tokens: Tokens, clock: FixedClock) -> None:
    token = tokens.issue(USER, 0).token
    clock.advance(seconds=599)
    assert tokens.read(token).user_id == USER
    clock.advance(seconds=1)
    assert reason(tokens, token) == "expired"


def test_an_end_of_its_own_goes_before_the_usual_one(tokens: Tokens) -> None:
    assert tokens.issue(USER, 0, expires_seconds=5).expires_at == START + timedelta(seconds=5)


def test_a_moment_between_two_seconds_does_not_lengthen_a_token(tokens: Tokens, clock: FixedClock) -> None:
    clock.set(START + timedelta(milliseconds=900))
    assert tokens.issue(USER, 0, expires_seconds=5).expires_at == START + timedelta(seconds=5)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "jti", "gen"])
def test_every_claim_is_required(tokens: Tokens, claim: str) -> None:
    assert reason(tokens, forged({}, drop=claim)) == "invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"aud": ["satchel", "somebody"]},
        {"sub": "not a uuid"},
        {"sub": 5},
        {"gen": "0"},
        {"gen": True},
        {"gen": None},
        {"exp": "tomorrow"},
        {"exp": 10**30},
        {"iat": "today"},
        {"jti": 5},
    ],
    ids=str,
)
def test_a_claim_of_another_value_or_type_is_refused(tokens: Tokens, change: dict[str, Any]) -> None:
    assert reason(tokens, forged(change)) == "invalid"


def test_a_token_of_another_key_is_refused(tokens: Tokens) -> None:
    assert reason(tokens, forged({}, key=b"x" * 32)) == "invalid"


def test_the_secret_itself_and_keys_of_other_purposes_sign_no_tokens(tokens: Tokens) -> None:
    assert reason(tokens, forged({}, key=SECRET)) == "invalid"
    assert reason(tokens, forged({}, key=derive_key(SECRET, "url"))) == "invalid"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_algorithm_is_pinned(tokens: Tokens, algorithm: str) -> None:
    key = derive_key(SECRET, "token") + derive_key(SECRET, "token")  # long enough for each
    strong = Tokens(SECRET, clock=FixedClock(START), expires_seconds=600)
    assert reason(strong, forged({}, key=key, algorithm=algorithm)) == "invalid"
    assert reason(tokens, _with_header(forged({}), {"alg": algorithm, "typ": "JWT"})) == "invalid"


def test_an_unsigned_token_is_refused(tokens: Tokens) -> None:
    unsigned = jwt.encode({"sub": str(USER)}, "", algorithm="none")
    assert reason(tokens, unsigned) == "invalid"
    assert reason(tokens, _with_header(forged({}), {"alg": "none", "typ": "JWT"})) == "invalid"


def test_a_changed_signature_is_refused(tokens: Tokens) -> None:
    head, _, mac = tokens.issue(USER, 0).token.rpartition(".")
    changed = ("A" if mac[0] != "A" else "B") + mac[1:]
    assert reason(tokens, f"{head}.{changed}") == "invalid"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "ä" * 40, "\ud800", "\0", "a" * 5000, "Bearer x"], ids=repr)
def test_text_that_is_no_token_is_refused(tokens: Tokens, text: str) -> None:
    assert reason(tokens, text) == "invalid"


def test_a_secret_under_32_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        Tokens(b"x" * 31, clock=FixedClock(), expires_seconds=1)


def test_keys_of_two_purposes_and_of_two_secrets_differ() -> None:
    keys = {derive_key(secret, purpose) for secret in (SECRET, SECRET[::-1]) for purpose in ("token", "url")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def _with_header(token: str, header: dict[str, str]) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([encoded, *token.split(".")[1:]])
