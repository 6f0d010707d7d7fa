"""Users as system admins handle them: create, change, deactivate, bring back."""

from dataclasses import dataclass
from uuid import UUID

from tortoise.exceptions import IntegrityError

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import Events, StandingChanged
from app.models import ClassMember, Membership, User
from app.passwords import Passwords
from app.permissions import may_change_users
from app.services import revocation
from app.services.accounts import normalised_email
from app.services.names import clean_label


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create. Without a password nobody can sign in with one."""

    email: str
    name: str
    password: str | None = None
    is_system_admin: bool = False


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change of a user; None stays."""

    email: str | None = None
    name: str | None = None
    is_system_admin: bool | None = None


class People:
    """Every use case around users as such. All of them raise Forbidden for who is no system admin, before anything else."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock, *, events: Events) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._events = events

    async def create(self, principal: Principal, wanted: NewUser) -> User:
        """Raises Forbidden, BadUserInput, and Conflict when the e-mail is taken."""
        _check(principal)
        email, name = normalised_email(wanted.email), clean_label(wanted.name)
        password_hash = None if wanted.password is None else await self._passwords.hash(wanted.password)
        now = self._clock.now()
        try:
            return await User.create(
                email=email,
                name=name,
                password_hash=password_hash,
                is_system_admin=wanted.is_system_admin,
                created_at=now,
                updated_at=now,
            )
        except IntegrityError as error:
            raise _email_taken() from error

    async def update(self, principal: Principal, user_id: UUID, change: UserChange) -> User:
        """Raises Forbidden, BadUserInput, NotFound, and Conflict when the e-mail is taken or no system admin would be left."""
        _check(principal)
        email = None if change.email is None else normalised_email(change.email)
        name = None if change.name is None else clean_label(change.name)

        async def unit() -> User:
            if change.is_system_admin is False:
                await _keep_another_admin(user_id)
            user = await _locked(user_id)
            user.email = user.email if email is None else email
            user.name = user.name if name is None else name
            if change.is_system_admin is not None:
                user.is_system_admin = change.is_system_admin
            user.updated_at = self._clock.now()
            await user.save(update_fields=["email", "name", "is_system_admin", "updated_at"])
            if change.is_system_admin is not None:
                self._tell_after_commit(user_id)
            return user

        try:
            return await self._database.transaction(unit)
        except IntegrityError as error:
            raise _email_taken() from error

    async def set_password(self, principal: Principal, user_id: UUID, password: str) -> User:
        """Set a password and revoke every token of the user. Raises Forbidden, NotFound, BadUserInput, RateLimited."""
        _check(principal)
        if not await User.exists(id=user_id):
            raise NotFound("user")
        password_hash = await self._passwords.hash(password)

        async def unit() -> User:
            user = await _locked(user_id)
            user.password_hash = password_hash
            user.updated_at = self._clock.now()
            revocation.revoke(user, user.updated_at)
            await user.save(update_fields=["password_hash", "updated_at", *revocation.FIELDS])
            self._tell_after_commit(user_id)
            return user

        return await self._database.transaction(unit)

    async def delete(self, principal: Principal, user_id: UUID) -> None:
        """Deactivate a user (R19): every token is revoked, uploads in flight fail, memberships, classes, avatar and rights
        go. The files stay theirs. Raises Forbidden, NotFound, and Conflict for who is deactivated already or the last
        system admin.
        """
        _check(principal)

        async def unit() -> None:
            await _keep_another_admin(user_id)
            user = await _locked(user_id)
            if user.deactivated_at is not None:
                raise Conflict("The user is deactivated already.")
            await ClassMember.filter(user_id=user_id).delete()
            await Membership.filter(user_id=user_id).delete()
            user.deactivated_at = user.updated_at = self._clock.now()
            revocation.revoke(user, user.updated_at)
            user.is_system_admin = False
            user.avatar_id = None
            await user.save(
                update_fields=["deactivated_at", "updated_at", "is_system_admin", "avatar_id", *revocation.FIELDS]
            )
            self._tell_after_commit(user_id)

        await self._database.transaction(unit)

    async def reactivate(self, principal: Principal, user_id: UUID) -> User:
        """Let a deactivated user in again, with their files and their own limits, and without memberships or rights.
        Raises Forbidden, NotFound, and Conflict for who is active.
        """
        _check(principal)

        async def unit() -> User:
            user = await _locked(user_id)
            if user.deactivated_at is None:
                raise Conflict("The user is not deactivated.")
            user.deactivated_at = None
            user.updated_at = self._clock.now()
            await user.save(update_fields=["deactivated_at", "updated_at"])
            self._tell_after_commit(user_id)
            return user

        return await self._database.transaction(unit)

    def _tell_after_commit(self, user_id: UUID) -> None:
        self._database.after_commit(lambda: self._events.emit(StandingChanged(user_id=user_id)))


def _check(principal: Principal) -> None:
    if not may_change_users(principal):
        raise Forbidden


async def _locked(user_id: UUID) -> User:
    """Inside a unit: the user, until its end. Rows that only refer to the user can still be written meanwhile."""
    user = await User.filter(id=user_id).select_for_update(no_key=True).first()
    if user is None:
        raise NotFound("user")
    return user


async def _keep_another_admin(user_id: UUID) -> None:
    """Raises Conflict when nobody but this user is an active system admin.

    All of them stay locked until the end of the unit: of two who remove each other at once, the second finds out.
    """
    admins = User.filter(is_system_admin=True, deactivated_at=None).order_by("id").select_for_update(no_key=True)
    if {user.id for user in await admins} == {user_id}:
        raise Conflict("This is the last system admin, and somebody has to be.")


def _email_taken() -> Conflict:
    return Conflict("A user with this e-mail exists already.")
