"""Which token is whose: own ones are read here, those of the platform's identity provider where its users are known."""

import base64
import json
from typing import Any, Protocol

from app.auth.principal import Principal
from app.auth.provider import ALGORITHMS, LONGEST
from app.auth.tokens import Tokens
from app.db import Database, sql
from app.errors import Unauthenticated


class Platform(Protocol):
    """The platform's own identity provider."""

    async def authenticate(self, token: str) -> Principal:
        """The caller. Must verify everything about the token by itself, and raise Unauthenticated for any other."""
        ...


class Authenticator:
    """Turns a token into the caller it stands for."""

    def __init__(self, database: Database, tokens: Tokens, platform: Platform | None = None) -> None:
        self._database = database
        self._tokens = tokens
        self._platform = platform

    async def authenticate(self, token: str) -> Principal:
        """The caller; for an own token after one query by primary key. Raises Unauthenticated: `expired`, `invalid` for a
        bad token, one that was revoked, and one of a user who is deactivated or gone, or `unavailable` when the
        identity provider's keys cannot be had.
        """
        # The header says no more than which of two readers may refuse the token. Each reader pins its algorithms, its
        # keys and its issuer, so nothing that a header claims lets a token of one pass with the other.
        if self._platform is not None and _algorithm(token) in ALGORITHMS:
            return await self._platform.authenticate(token)
        claims = self._tokens.read(token)
        rows = await self._database.fetch(_USER, claims.user_id)
        if not rows or rows[0]["token_generation"] != claims.generation:
            raise Unauthenticated("invalid")
        return Principal(sql.uuid_of(rows[0]["id"]), bool(rows[0]["is_system_admin"]), claims.expires_at)


_USER = "SELECT id, is_system_admin, token_generation FROM users WHERE id = $1 AND deactivated_at IS NULL"


def _algorithm(token: str) -> str | None:
    """What the token's header names, unverified; None for text that is no token."""
    if len(token) > LONGEST or not token.isascii():
        return None
    segment = token.partition(".")[0]
    try:
        header: Any = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        return None
    algorithm = header.get("alg") if isinstance(header, dict) else None
    return algorithm if isinstance(algorithm, str) else None
