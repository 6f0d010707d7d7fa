"""Own tokens: made by a login, signed with a key of this service."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt

from app.clock import Clock
from app.errors import Unauthenticated

_ALGORITHM = "HS256"
_PARTY = "satchel"  # issues the tokens and takes them
_CLAIMS = ("iss", "aud", "sub", "iat", "exp", "jti", "gen")
_LONGEST = 4096  # characters; an own token has about 300
_KNOWN_TOKENS = 4096  # whose signatures are not looked at again; a KiB each
_KEY_BYTES = 32  # RFC 7518, 3.2: a key of the hash's size or larger


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token for a client, and when it ends (UTC)."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once its signature and its dates have been found good."""

    user_id: UUID
    generation: int
    expires_at: datetime


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose: what is signed for one can never pass for another. Raises ValueError for a secret
    under 32 bytes.
    """
    if len(secret) < _KEY_BYTES:
        raise ValueError(f"a secret of {len(secret)} bytes: {_KEY_BYTES} or more are needed")
    # The expanding half of HKDF (RFC 5869, 2.3) for one block; the secret is random already and needs no extracting.
    return hmac.digest(secret, b"satchel " + purpose.encode() + b"\x01", hashlib.sha256)


class Tokens:
    """Issues and reads own tokens: JWT, HS256 only, dated by the app's clock."""

    def __init__(self, secret: bytes, *, clock: Clock, expires_seconds: int) -> None:
        self._key = derive_key(secret, "token")
        self._clock = clock
        self._expires_seconds = expires_seconds
        # A client sends one token with every request, and a signature that was good once is good for ever.
        self._known = lru_cache(maxsize=_KNOWN_TOKENS)(self._verified)

    def issue(self, user_id: UUID, generation: int, *, expires_seconds: int | None = None) -> SignedToken:
        """A token for the user, valid until its end or until the user's generation is raised. Seconds."""
        issued = self._clock.now().replace(microsecond=0)
        seconds = self._expires_seconds if expires_seconds is None else expires_seconds
        expires_at = issued + timedelta(seconds=seconds)
        payload = {
            "iss": _PARTY,
            "aud": _PARTY,
            "sub": str(user_id),
            "iat": issued,
            "exp": expires_at,
            "jti": uuid4().hex,
            "gen": generation,
        }
        return SignedToken(jwt.encode(payload, self._key, algorithm=_ALGORITHM), expires_at)

    def read(self, token: str) -> Claims:
        """What the token says. Raises Unauthenticated: `invalid` for anything but an own whole token, `expired`."""
        claims = self._known(token)
        if claims.expires_at <= self._clock.now():
            raise Unauthenticated("expired")
        return claims

    def _verified(self, token: str) -> Claims:
        if len(token) > _LONGEST or not token.isascii():
            raise Unauthenticated("invalid")
        try:
            payload = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_PARTY,
                issuer=_PARTY,
                # The end is compared at every use, with the app's clock in place of the machine's.
                options={"require": list(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_iat": False},
            )
            return _claims(payload)
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise Unauthenticated("invalid") from error


def _claims(payload: dict[str, Any]) -> Claims:
    """Raises ValueError for claims of other types than the own ones."""
    generation, ends = payload["gen"], payload["exp"]
    if type(generation) is not int or type(ends) is not int or type(payload["iat"]) is not int:
        raise ValueError("a number was expected")
    return Claims(UUID(payload["sub"]), generation, datetime.fromtimestamp(ends, UTC))
