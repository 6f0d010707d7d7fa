"""Accounts: signing in and out, passwords, and the first admin."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from tortoise.exceptions import IntegrityError

from app.auth import Principal, Tokens
from app.clock import Clock
from app.db import Database
from app.errors import BadUserInput, Conflict, NotFound, Unauthenticated
from app.events import Events, StandingChanged
from app.models import User
from app.models.folding import fold_email
from app.passwords import Passwords
from app.services.revocation import revoking

_EMAIL_CHARACTERS = 320  # RFC 5321, 4.5.3.1: 64 of the local part, the @, 255 of the domain
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token of a user, and when it ends (UTC)."""

    token: str
    expires_at: datetime
    user: User


class Accounts:
    """Who may come in, and until when."""

    def __init__(
        self, database: Database, passwords: Passwords, tokens: Tokens, clock: Clock, *, events: Events
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._events = events

    async def login(self, email: str, password: str) -> IssuedToken:
        """A token for the right password. Raises Unauthenticated("credentials") for everything else, a user who is
        unknown, deactivated or without a password included, after the same work each time; RateLimited under a wave.
        """
        user = await _find(email)
        right = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or user.password_hash is None or not right or user.deactivated_at is not None:
            raise Unauthenticated("credentials")
        if self._passwords.is_outdated(user.password_hash):
            await self._renew_hash(user, user.password_hash, password)
        # The generation is the one that was read with the password: a token that is issued while the password is
        # being changed elsewhere is of the old generation, and worth nothing.
        return self._issue(user)

    async def logout(self, principal: Principal) -> None:
        """Revoke every token of the caller that was issued so far, those of the identity provider included."""
        await self._database.execute(
            f"UPDATE users SET {revoking('$2')} WHERE id = $1",  # noqa: S608 - a fixed clause
            principal.user_id,
            self._moment_of_revocation(principal),
        )
        self._events.emit(StandingChanged(user_id=principal.user_id))

    async def unlink(self, email: str) -> None:
        """Forget who the user is to the identity provider: the next identity with this e-mail, verified, takes the
        place of the one that is gone there. Raises NotFound, and Conflict when the user is not linked.
        """
        user = await _find(email)
        if user is None:
            raise NotFound("user")
        if user.identity_subject is None:
            raise Conflict("The user is not linked to the identity provider.")
        await self._database.execute(
            "UPDATE users SET identity_issuer = NULL, identity_subject = NULL WHERE id = $1", user.id
        )

    async def change_password(self, principal: Principal, current: str, new: str) -> IssuedToken:
        """Set a new password, revoke every token issued so far, and issue a new one. Raises BadUserInput for a wrong
        current password (UNAUTHENTICATED would tell the client that its token had ended) and for an unfit new one.
        """
        user = await User.get(id=principal.user_id)
        if not await self._passwords.verify(current, user.password_hash):
            raise _wrong_current()
        hashed = await self._passwords.hash(new, field="newPassword")
        # Of two changes at once, one wins: the other one's current password is no longer current.
        rows = await self._database.fetch(
            f"UPDATE users SET password_hash = $1, updated_at = $2, {revoking('$5')}"  # noqa: S608 - a fixed clause
            " WHERE id = $3 AND password_hash = $4 AND deactivated_at IS NULL RETURNING token_generation",
            hashed,
            self._clock.now(),
            user.id,
            user.password_hash,
            self._moment_of_revocation(principal),
        )
        if not rows:
            raise _wrong_current()
        self._events.emit(StandingChanged(user_id=user.id))
        user.token_generation = int(rows[0]["token_generation"])
        return self._issue(user)

    async def create_admin(self, email: str, name: str, password: str) -> User:
        """A new system admin. Raises BadUserInput for unfit input, Conflict when the e-mail is taken."""
        address = normalised_email(email)
        label = cleaned_name(name)
        hashed = await self._passwords.hash(password)
        now = self._clock.now()
        try:
            return await User.create(
                email=address,
                name=label,
                password_hash=hashed,
                is_system_admin=True,
                created_at=now,
                updated_at=now,
            )
        except IntegrityError as error:
            raise Conflict("A user with this e-mail exists already.") from error

    async def token_for(self, email: str, expires_seconds: int | None = None) -> IssuedToken:
        """A token without a password, for whoever may read the service's secrets anyway. Seconds. Raises NotFound, and
        Conflict when the user is deactivated.
        """
        user = await _find(email)
        if user is None:
            raise NotFound("user")
        if user.deactivated_at is not None:
            raise Conflict("The user is deactivated.")
        return self._issue(user, expires_seconds)

    def _moment_of_revocation(self, principal: Principal) -> datetime:
        # The identity provider's clock may be ahead: the token that the caller has just used has been issued all the same.
        now = self._clock.now()
        return now if principal.issued_at is None else max(now, principal.issued_at)

    def _issue(self, user: User, expires_seconds: int | None = None) -> IssuedToken:
        signed = self._tokens.issue(user.id, user.token_generation, expires_seconds=expires_seconds)
        return IssuedToken(signed.token, signed.expires_at, user)

    async def _renew_hash(self, user: User, old: str, password: str) -> None:
        new = await self._passwords.rehash(password)
        # Only in place of the hash that was compared: a password that was changed meanwhile stays changed.
        await self._database.execute(
            "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3", new, user.id, old
        )


def normalised_email(email: str, *, field: str = "email") -> str:
    """The form in which e-mails are stored and compared: stripped, NFC, case-folded. Raises BadUserInput, which names
    `field`, for what cannot be one: only the plainest mistakes, for the true test of an address is a letter to it.
    """
    text = fold_email(email)
    local, _, domain = text.partition("@")
    # isprintable() refuses control characters, every space but the plain one, and halves of surrogate pairs.
    if not local or not domain or "@" in domain or " " in text or not text.isprintable():
        raise BadUserInput("An e-mail address looks like name@example.org.", field)
    if len(text) > _EMAIL_CHARACTERS:
        raise BadUserInput(f"An e-mail address has at most {_EMAIL_CHARACTERS} characters.", field)
    return text


def cleaned_name(name: str, *, field: str = "name") -> str:
    """A person's name as stored: stripped, NFC. Raises BadUserInput, which names `field`, when it is empty, longer than
    200 characters or has control characters in it.
    """
    text = unicodedata.normalize("NFC", name.strip())
    # Format characters (Cf) stay allowed: scripts such as Persian need the zero-width ones.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise BadUserInput("A name has no control characters in it.", field)
    if not 1 <= len(text) <= _NAME_CHARACTERS:
        raise BadUserInput(f"A name has between 1 and {_NAME_CHARACTERS} characters.", field)
    return text


async def _find(email: str) -> User | None:
    try:
        address = normalised_email(email)
    except BadUserInput:
        return None
    return await User.get_or_none(email=address)


def _wrong_current() -> BadUserInput:
    return BadUserInput("The current password is not right.", "currentPassword")
