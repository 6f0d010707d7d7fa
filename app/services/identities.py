"""Users of the platform's identity provider: who a subject is here, the first time and ever after."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from tortoise.exceptions import IntegrityError

from app.auth import Principal
from app.auth.provider import ProviderClaims, ProviderTokens, refused
from app.clock import Clock
from app.db import Database
from app.db.sql import moment_of, uuid_of
from app.errors import BadUserInput
from app.models import User
from app.services.accounts import normalised_email
from app.services.names import MAX_LABEL, clean_text

_COLUMNS = "id, is_system_admin, deactivated_at, tokens_valid_after, identity_issuer, identity_subject"
_ATTEMPTS = 3
_log = structlog.get_logger(__name__)


class Identities:
    """Finds the user whom a provider's token stands for.

    A user is matched once, by id or by verified e-mail, and linked to the token's subject. From then on the subject
    decides: who is given the e-mail address of somebody else later is not given that person's files.
    """

    def __init__(self, database: Database, tokens: ProviderTokens, clock: Clock, *, auto_provision: bool) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._auto_provision = auto_provision

    async def authenticate(self, token: str) -> Principal:
        """The caller, after one query. Raises Unauthenticated as `ProviderTokens.read` does, and `invalid` for a token
        that was revoked, for users who are unknown or deactivated, and for system admins unless their id is the subject.
        """
        claims = await self._tokens.read(token)
        row = await self._linked(claims)
        return await self._introduced(claims) if row is None else _admitted(row, claims)

    async def _linked(self, claims: ProviderClaims) -> dict[str, Any] | None:
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM users WHERE identity_issuer = $1 AND identity_subject = $2",  # noqa: S608 - fixed
            claims.issuer,
            claims.subject,
        )
        return rows[0] if rows else None

    async def _introduced(self, claims: ProviderClaims) -> Principal:
        """A subject that nobody is linked to yet. Of several first requests at once, one links or creates the user, and
        the database holds that it is one user; the others look again. Who is refused has changed nothing.
        """
        email = _address(claims)
        work: Callable[[], Awaitable[Principal]]
        for _ in range(_ATTEMPTS):
            match = await self._match(claims, email)
            if match is None:
                work = partial(self._create, claims, *self._newcomer(claims, email))
            else:
                work = partial(self._link, claims, *match)
            try:
                return await self._database.transaction(work)
            except IntegrityError:
                row = await self._linked(claims)
                if row is not None:
                    return _admitted(row, claims)
        raise refused("race")

    async def _match(self, claims: ProviderClaims, email: str | None) -> tuple[str, UUID | str] | None:
        """The column and the value by which the subject may be linked to a user who is there; None for nobody."""
        for column, value in (("id", claims.user_id), ("email", email)):
            if value is None:
                continue
            rows = await self._database.fetch(
                f"SELECT {_COLUMNS} FROM users WHERE {column} = $1",  # noqa: S608 - names of columns
                value,
            )
            if rows:
                if rows[0]["identity_issuer"] == claims.issuer and rows[0]["identity_subject"] != claims.subject:
                    raise refused("linked to another subject")
                _admitted(rows[0], claims)
                return column, value
        return None

    async def _link(self, claims: ProviderClaims, column: str, value: UUID | str) -> Principal:
        # A link to another issuer is one to a provider that this service has stopped asking.
        rows = await self._database.fetch(
            f"UPDATE users SET identity_issuer = $1, identity_subject = $2 WHERE {column} = $3"  # noqa: S608 - names
            f" AND (identity_subject IS NULL OR identity_issuer <> $1) RETURNING {_COLUMNS}",
            claims.issuer,
            claims.subject,
            value,
        )
        row = rows[0] if rows else await self._linked(claims)
        if row is None:
            raise refused("linked to another subject")
        principal = _admitted(row, claims)
        if rows:
            self._tell("identity.linked", principal.user_id)
        return principal

    def _newcomer(self, claims: ProviderClaims, email: str | None) -> tuple[str, str]:
        """The e-mail and the name of a user to be made."""
        if not self._auto_provision:
            raise refused("unknown user")
        if email is None:
            raise refused("no verified e-mail")
        name = clean_text(claims.name or "")[:MAX_LABEL].strip()
        if not name:
            raise refused("no name")
        return email, name

    async def _create(self, claims: ProviderClaims, email: str, name: str) -> Principal:
        now = self._clock.now()
        user = await User.create(
            email=email,
            name=name,
            identity_issuer=claims.issuer,
            identity_subject=claims.subject,
            created_at=now,
            updated_at=now,
        )
        self._tell("user.provisioned", user.id)
        return Principal(user.id, False, claims.expires_at, claims.issued_at)

    def _tell(self, event: str, user_id: UUID) -> None:
        self._database.after_commit(lambda: _log.info(event, user_id=str(user_id)))


def _admitted(row: dict[str, Any], claims: ProviderClaims) -> Principal:
    """The row's user as the caller, if this token may stand for this user now. Raises Unauthenticated."""
    user_id, revoked = uuid_of(row["id"]), moment_of(row["tokens_valid_after"])
    why = None
    if row["deactivated_at"] is not None:
        why = "deactivated"
    elif revoked is not None and claims.issued_at <= revoked:
        why = "revoked"
    elif row["is_system_admin"] and claims.user_id != user_id:
        # An address that changes hands at the provider must never be worth the whole system, not even one that was
        # linked before its user became a system admin.
        why = "system admin by e-mail"
    if why is not None:
        raise refused(why)
    return Principal(user_id, bool(row["is_system_admin"]), claims.expires_at, claims.issued_at)


def _address(claims: ProviderClaims) -> str | None:
    if claims.email is None:
        return None
    try:
        return normalised_email(claims.email)
    except BadUserInput:
        return None
