"""Tokens of signed URLs (R4, R14): what was signed, by this secret, for this purpose, until it expires."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import FixedClock
from app.storage.backend import SignedRead
from app.storage.errors import ExpiredUrl, InvalidKey, InvalidUrl, StorageError
from app.storage.urls import UrlSigner

pytestmark = [pytest.mark.requirement("R4"), pytest.mark.requirement("R14")]

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = "system/2026/03/5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11.pdf"
URL = "https://files.example.org"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
READ = SignedRead(
    KEY, "Übersicht „neu“ \ud800.pdf", "application/pdf", inline=True, expires_at=START + timedelta(minutes=1)
)


def signer_at(moment: datetime = START, *, secret: bytes = SECRET, url: str = URL) -> UrlSigner:
    return UrlSigner(secret, url, FixedClock(moment))


def token_of(request: SignedRead = READ, location: str = "local") -> str:
    return signer_at().sign(request, location).removeprefix(f"{URL}/files/")


@pytest.mark.parametrize("public_url", ["http://127.0.0.1:8000", "https://example.org/base/", "https://example.org//"])
def test_the_url_is_absolute_and_plain(public_url: str) -> None:
    url = signer_at(url=public_url).sign(READ, "local")
    base, _, token = url.rpartition("/files/")
    assert base == public_url.rstrip("/")
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_what_was_signed_is_what_is_verified() -> None:
    assert signer_at().verify(token_of()) == ("local", READ)


@given(
    st.builds(
        SignedRead,
        key=st.just(KEY),
        file_name=st.text(max_size=255),
        mime_type=st.text(max_size=50),
        inline=st.booleans(),
        expires_at=st.timedeltas(timedelta(microseconds=1), timedelta(days=365 * 7000)).map(START.__add__),
    ),
    st.text(max_size=20),
)
def test_any_name_and_time_come_back_as_they_were(request: SignedRead, location: str) -> None:
    assert signer_at().verify(token_of(request, location)) == (location, request)


def test_it_expires_at_its_moment() -> None:
    token = token_of()
    last = READ.expires_at - timedelta(microseconds=1)
    assert signer_at(last).verify(token).request == READ
    for moment in (READ.expires_at, READ.expires_at + timedelta(days=1)):
        with pytest.raises(ExpiredUrl) as refusal:
            signer_at(moment).verify(token)
        assert refusal.value.key == KEY


def test_a_change_of_any_character_is_refused() -> None:
    token = token_of()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ä"
    for position, present in enumerate(token):
        for other in alphabet.replace(present, ""):
            with pytest.raises(InvalidUrl) as refusal:
                signer_at().verify(token[:position] + other + token[position + 1 :])
            assert not isinstance(refusal.value, ExpiredUrl)


def test_every_other_length_is_refused() -> None:
    token = token_of()
    for cut in range(len(token)):
        with pytest.raises(InvalidUrl):
            signer_at().verify(token[:cut])
    for more in ("=", "A", ".", ".A", "\n", "\0"):
        with pytest.raises(InvalidUrl):
            signer_at().verify(token + more)


@given(st.text())
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidUrl):
        signer_at().verify(text)


def test_the_signature_of_one_url_does_not_fit_another() -> None:
    other = token_of(SignedRead(KEY.replace("5e1c", "0000"), "a", "b", inline=True, expires_at=READ.expires_at))
    with pytest.raises(InvalidUrl):
        signer_at().verify(f"{other.partition('.')[0]}.{token_of().partition('.')[2]}")


def test_another_secret_is_refused() -> None:
    token = signer_at(secret=b"another secret of thirty-two byte").sign(READ, "local").rpartition("/")[2]
    with pytest.raises(InvalidUrl):
        signer_at().verify(token)


def test_a_login_token_is_no_url_and_a_url_is_no_login_token() -> None:
    login = jwt.encode({"sub": "somebody", "exp": 4_000_000_000}, SECRET, algorithm="HS256")
    with pytest.raises(InvalidUrl):
        signer_at().verify(login)
    with pytest.raises(InvalidUrl):
        signer_at().verify(login.partition(".")[2])
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(token_of(), SECRET, algorithms=["HS256"])


def test_the_secret_itself_does_not_sign() -> None:
    """A MAC that some other part of the product makes with the secret opens nothing here."""
    payload = token_of().partition(".")[0]
    mac = base64.urlsafe_b64encode(hmac.digest(SECRET, payload.encode(), hashlib.sha256)).rstrip(b"=").decode()
    with pytest.raises(InvalidUrl):
        signer_at().verify(f"{payload}.{mac}")


def test_short_secrets_and_strange_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        signer_at(secret=b"x" * 31)
    with pytest.raises(InvalidKey):
        token_of(SignedRead("../../etc/passwd", "a", "b", inline=True, expires_at=READ.expires_at))


def test_refusals_are_storage_errors_with_codes() -> None:
    assert (InvalidUrl.code, ExpiredUrl.code) == ("INVALID_URL", "EXPIRED_URL")
    assert issubclass(ExpiredUrl, InvalidUrl)
    assert issubclass(InvalidUrl, StorageError)
