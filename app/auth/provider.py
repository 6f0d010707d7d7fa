"""Tokens of the platform's own identity provider: what they must be, and what they say."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import structlog

from app.auth.jwks import ProviderKeys
from app.clock import Clock
from app.errors import Unauthenticated

ALGORITHMS = ("RS256", "ES256")
LONGEST = 16_384  # characters; such tokens carry lists of roles and groups
_CLAIMS = ("iss", "aud", "sub", "iat", "exp")
# RFC 8725, 3.11: what the provider signs for other purposes, such as a logout token, is not taken for an access token.
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_LEEWAY = timedelta(seconds=30)  # between two clocks
_LONGEST_SUBJECT = 255  # characters: OpenID Connect Core 1.0, section 2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderClaims:
    """What a token says, once its signature, its issuer, its audience and its dates have been found good."""

    issuer: str
    subject: str
    email: str | None  # only one that the provider has verified
    name: str | None
    issued_at: datetime
    expires_at: datetime  # UTC, leeway included

    @property
    def user_id(self) -> UUID | None:
        """The subject as a user's id, if it has the form of one."""
        try:
            identifier = UUID(self.subject)
        except ValueError:
            return None
        return identifier if str(identifier) == self.subject.lower() else None


class ProviderTokens:
    """Reads the provider's tokens: RS256 and ES256 only, dated by the app's clock."""

    def __init__(self, keys: ProviderKeys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def read(self, token: str) -> ProviderClaims:
        """What the token says. Raises Unauthenticated: `invalid`, `expired`, `unavailable` when there are no keys."""
        if len(token) > LONGEST or not token.isascii():
            raise refused("long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise refused("form") from error
        algorithm, key_id = _key_named(header)
        key = await self._keys.find(algorithm, key_id)
        if key is None:
            raise refused("key")
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                # The dates are compared below, with the app's clock in place of the machine's.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            claims = self._claims(payload)
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise refused(type(error).__name__) from error
        self._check_dates(claims, payload)
        return claims

    def _claims(self, payload: dict[str, Any]) -> ProviderClaims:
        subject, email, name = payload["sub"], payload.get("email"), payload.get("name")
        # What cannot be stored, NULs and halves of surrogate pairs among them, can be nobody's subject.
        if not 1 <= len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise ValueError("a subject that is none")
        return ProviderClaims(
            issuer=self._issuer,
            subject=subject,
            email=email if isinstance(email, str) and payload.get("email_verified") is True else None,
            name=name if isinstance(name, str) else None,
            issued_at=_moment(payload["iat"]),
            expires_at=_moment(payload["exp"]) + _LEEWAY,
        )

    def _check_dates(self, claims: ProviderClaims, payload: dict[str, Any]) -> None:
        now = self._clock.now()
        if claims.expires_at <= now:
            raise Unauthenticated("expired")
        if claims.issued_at > now + _LEEWAY:
            raise refused("iat")
        if "nbf" in payload and not _has_begun(payload["nbf"], now + _LEEWAY):
            raise refused("nbf")


def refused(why: str) -> Unauthenticated:
    """The refusal of a provider's token. An operator finds the reason in the log; nothing of the token stands there."""
    _log.info("identity_provider.token_refused", why=why)
    return Unauthenticated("invalid")


def _key_named(header: dict[str, Any]) -> tuple[str, str | None]:
    """The algorithm and the key's id. Keys and addresses of keys that a header brings along are never looked at."""
    kind = header.get("typ", "JWT")
    if header.get("alg") not in ALGORITHMS or "crit" in header or not isinstance(kind, str):
        raise refused("header")
    if kind.lower() not in _TYPES:
        raise refused("typ")
    return header["alg"], header.get("kid")


def _moment(value: Any) -> datetime:
    """A NumericDate (RFC 7519, 2): seconds, with or without a fraction. Raises ValueError and OverflowError."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("a number was expected")
    return datetime.fromtimestamp(value, UTC)


def _has_begun(value: Any, now: datetime) -> bool:
    try:
        return _moment(value) <= now
    except (ValueError, OverflowError):
        return False
