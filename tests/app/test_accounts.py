"""Signing in and out, changing a password, the first admin: on every database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

from app.auth import Authenticator, Principal, Tokens
from app.clock import FixedClock
from app.db import Database
from app.errors import BadUserInput, Conflict, NotFound, SatchelError, Unauthenticated
from app.models import User
from app.passwords import Passwords
from app.services.accounts import Accounts
from tests.factories import make_user
from tests.fixtures.events import events_of

PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple is my new one"
EXPIRES_SECONDS = 600


@dataclass
class World:
    """The services under test and what they stand on."""

    database: Database
    clock: FixedClock
    passwords: Passwords
    accounts: Accounts
    authenticator: Authenticator

    async def user(self, password: str | None = PASSWORD, *, deactivated: bool = False) -> User:
        hashed = None if password is None else await self.passwords.hash(password)
        return await make_user(password_hash=hashed, deactivated_at=self.clock.now() if deactivated else None)

    async def signed_in(self, user: User) -> Principal:
        return await self.authenticator.authenticate((await self.accounts.login(user.email, PASSWORD)).token)

    def with_passwords(self, passwords: Passwords) -> Accounts:
        tokens = Tokens(b"s" * 32, clock=self.clock, expires_seconds=EXPIRES_SECONDS)
        return Accounts(self.database, passwords, tokens, self.clock, events=events_of(self.database))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = Database(database_url)
    await database.open()
    database.bind()
    clock = FixedClock()
    passwords = Passwords(passes=1, memory_kib=8)
    tokens = Tokens(b"s" * 32, clock=clock, expires_seconds=EXPIRES_SECONDS)
    accounts = Accounts(database, passwords, tokens, clock, events=events_of(database))
    yield World(database, clock, passwords, accounts, Authenticator(database, tokens))
    passwords.close()
    await database.close()


async def refusal(world: World, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await world.authenticator.authenticate(token)
    return caught.value.reason


async def login_refusal(world: World, email: str, password: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await world.accounts.login(email, password)
    return caught.value.reason


async def test_the_right_password_gives_a_token_that_stands_for_the_user(world: World) -> None:
    user = await world.user()

    issued = await world.accounts.login(user.email, PASSWORD)

    assert issued.user.id == user.id
    assert issued.expires_at == world.clock.now() + timedelta(seconds=EXPIRES_SECONDS)
    assert await world.authenticator.authenticate(issued.token) == Principal(user.id, False, issued.expires_at)


async def test_a_system_admin_is_one_by_the_row_and_not_by_the_token(world: World) -> None:
    user = await world.user()
    token = (await world.accounts.login(user.email, PASSWORD)).token
    await User.filter(id=user.id).update(is_system_admin=True)
    assert (await world.authenticator.authenticate(token)).is_system_admin is True


async def test_the_email_is_compared_as_people_compare(world: World) -> None:
    await make_user(email="jürgen@straße.example".casefold(), password_hash=await world.passwords.hash(PASSWORD))
    issued = await world.accounts.login("  Ju\u0308rgen@STRASSE.example\n", PASSWORD)
    assert issued.user.email == "jürgen@strasse.example"


async def test_every_failed_login_is_refused_alike(world: World) -> None:
    user = await world.user()
    gone = await world.user(deactivated=True)
    without = await world.user(password=None)
    assert await login_refusal(world, user.email, NEW_PASSWORD) == "credentials"
    assert await login_refusal(world, gone.email, PASSWORD) == "credentials"
    assert await login_refusal(world, gone.email, NEW_PASSWORD) == "credentials"
    assert await login_refusal(world, without.email, "") == "credentials"
    assert await login_refusal(world, f"{uuid4().hex}@example.org", PASSWORD) == "credentials"


@pytest.mark.parametrize("email", ["", "nobody", "\0@example.org", "\ud800@example.org", "a" * 100_000], ids=range(5))
async def test_an_email_that_cannot_be_one_is_a_failed_login(world: World, email: str) -> None:
    assert await login_refusal(world, email, PASSWORD) == "credentials"


async def test_a_login_renews_a_hash_of_other_parameters_and_leaves_others_alone(world: World) -> None:
    user = await world.user()
    stronger = Passwords(passes=2, memory_kib=16)

    await world.with_passwords(stronger).login(user.email, PASSWORD)

    renewed = (await User.get(id=user.id)).password_hash
    assert renewed is not None
    assert renewed != user.password_hash
    assert not stronger.is_outdated(renewed)
    assert await stronger.verify(PASSWORD, renewed)
    await world.with_passwords(stronger).login(user.email, PASSWORD)
    assert (await User.get(id=user.id)).password_hash == renewed


async def test_a_failed_login_changes_nothing(world: World) -> None:
    user = await world.user()
    with pytest.raises(Unauthenticated):
        await world.with_passwords(Passwords(passes=2, memory_kib=16)).login(user.email, NEW_PASSWORD)
    assert (await User.get(id=user.id)).password_hash == user.password_hash


async def test_a_token_expires(world: World) -> None:
    user = await world.user()
    token = (await world.accounts.login(user.email, PASSWORD)).token
    world.clock.advance(seconds=EXPIRES_SECONDS)
    assert await refusal(world, token) == "expired"


async def test_a_token_dies_with_its_user(world: World) -> None:
    user = await world.user()
    token = (await world.accounts.login(user.email, PASSWORD)).token
    await User.filter(id=user.id).update(deactivated_at=world.clock.now())
    assert await refusal(world, token) == "invalid"
    await User.filter(id=user.id).delete()
    assert await refusal(world, token) == "invalid"


async def test_logging_out_revokes_every_token_so_far_and_none_of_anybody_else(world: World) -> None:
    user, other = await world.user(), await world.user()
    tokens = [(await world.accounts.login(user.email, PASSWORD)).token for _ in range(2)]
    foreign = (await world.accounts.login(other.email, PASSWORD)).token

    await world.accounts.logout(await world.authenticator.authenticate(tokens[0]))

    assert [await refusal(world, token) for token in tokens] == ["invalid", "invalid"]
    assert (await world.authenticator.authenticate(foreign)).user_id == other.id
    assert await world.signed_in(user) == Principal(user.id, False, world.clock.now() + timedelta(seconds=600))


async def test_parallel_logouts_each_raise_the_generation(world: World) -> None:
    user = await world.user()
    principal = await world.signed_in(user)
    await asyncio.gather(*(world.accounts.logout(principal) for _ in range(5)))
    assert (await User.get(id=user.id)).token_generation == 5


async def test_a_changed_password_replaces_the_old_one_and_every_token(world: World) -> None:
    user = await world.user()
    old = (await world.accounts.login(user.email, PASSWORD)).token
    principal = await world.authenticator.authenticate(old)
    world.clock.advance(seconds=60)

    issued = await world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD)

    assert await refusal(world, old) == "invalid"
    assert (await world.authenticator.authenticate(issued.token)).user_id == user.id
    assert await login_refusal(world, user.email, PASSWORD) == "credentials"
    assert (await world.accounts.login(user.email, NEW_PASSWORD)).user.id == user.id
    assert (await User.get(id=user.id)).updated_at == world.clock.now()


@pytest.mark.parametrize(
    "current, new, field",
    [
        (NEW_PASSWORD, NEW_PASSWORD, "currentPassword"),
        ("", NEW_PASSWORD, "currentPassword"),
        (PASSWORD, "too short", "newPassword"),
        (PASSWORD, "x" * 1025, "newPassword"),
        (PASSWORD, "a NUL \0 in it", "newPassword"),
    ],
    ids=["wrong", "empty", "short", "long", "NUL"],
)
async def test_a_refused_change_changes_nothing(world: World, current: str, new: str, field: str) -> None:
    user = await world.user()
    token = (await world.accounts.login(user.email, PASSWORD)).token
    principal = await world.authenticator.authenticate(token)

    with pytest.raises(BadUserInput) as caught:
        await world.accounts.change_password(principal, current, new)

    assert caught.value.field == field
    row = await User.get(id=user.id)
    assert (row.password_hash, row.token_generation) == (user.password_hash, 0)
    assert await world.authenticator.authenticate(token) == principal


async def test_of_parallel_changes_one_wins_and_its_token_is_the_one_that_works(world: World) -> None:
    user = await world.user()
    principal = await world.signed_in(user)

    results = await asyncio.gather(
        *(world.accounts.change_password(principal, PASSWORD, f"{NEW_PASSWORD} {n}") for n in range(4)),
        return_exceptions=True,
    )

    won = [(n, result) for n, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert [type(result) for result in results].count(BadUserInput) == 3
    number, issued = won[0]
    assert (await world.authenticator.authenticate(issued.token)).user_id == user.id
    assert (await world.accounts.login(user.email, f"{NEW_PASSWORD} {number}")).user.id == user.id
    assert (await User.get(id=user.id)).token_generation == 1


async def test_the_first_admin_can_sign_in(world: World) -> None:
    admin = await world.accounts.create_admin(" Ada@Example.ORG ", " Ada  Lindgren ", PASSWORD)

    assert (admin.email, admin.name, admin.is_system_admin) == ("ada@example.org", "Ada  Lindgren", True)
    issued = await world.accounts.login("ADA@example.org", PASSWORD)
    assert (await world.authenticator.authenticate(issued.token)).is_system_admin is True


async def test_an_email_belongs_to_one_user(world: World) -> None:
    user = await world.user()
    with pytest.raises(Conflict):
        await world.accounts.create_admin(user.email.upper(), "Ada", PASSWORD)
    assert await User.all().count() == 1


@pytest.mark.parametrize(
    "email, name, password, field",
    [
        ("nobody", "Ada", PASSWORD, "email"),
        ("a@b@c", "Ada", PASSWORD, "email"),
        ("@example.org", "Ada", PASSWORD, "email"),
        ("ada@", "Ada", PASSWORD, "email"),
        ("a da@example.org", "Ada", PASSWORD, "email"),
        ("ada\u00a0@example.org", "Ada", PASSWORD, "email"),
        ("ada\0@example.org", "Ada", PASSWORD, "email"),
        ("\ud800@example.org", "Ada", PASSWORD, "email"),
        ("a" * 309 + "@example.org", "Ada", PASSWORD, "email"),
        ("ada@example.org", " ", PASSWORD, "name"),
        ("ada@example.org", "A" * 201, PASSWORD, "name"),
        ("ada@example.org", "A\nda", PASSWORD, "name"),
        ("ada@example.org", "\udfffAda", PASSWORD, "name"),
        ("ada@example.org", "Ada", "too short", "password"),
    ],
)
async def test_an_unfit_admin_is_refused(world: World, email: str, name: str, password: str, field: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        await world.accounts.create_admin(email, name, password)
    assert caught.value.field == field
    assert await User.all().count() == 0


async def test_the_longest_email_and_name_are_stored(world: World) -> None:
    email, name = "a" * 308 + "@example.org", "é" * 200
    admin = await world.accounts.create_admin(email, name, PASSWORD)
    row = await User.get(id=admin.id)
    assert (row.email, row.name) == (email, name)


async def test_an_operator_gets_a_token_without_a_password(world: World) -> None:
    user = await world.user(password=None)
    issued = await world.accounts.token_for(user.email.upper(), 30)
    assert issued.expires_at == world.clock.now() + timedelta(seconds=30)
    assert (await world.authenticator.authenticate(issued.token)).user_id == user.id


async def test_an_operator_gets_no_token_for_nobody(world: World) -> None:
    gone = await world.user(deactivated=True)
    refused: list[tuple[str, type[SatchelError]]] = [
        ("nobody@example.org", NotFound),
        ("nobody", NotFound),
        (gone.email, Conflict),
    ]
    for email, error in refused:
        with pytest.raises(error):
            await world.accounts.token_for(email)


async def test_a_token_of_a_user_who_never_was_is_invalid(world: World) -> None:
    tokens = Tokens(b"s" * 32, clock=world.clock, expires_seconds=EXPIRES_SECONDS)
    assert await refusal(world, tokens.issue(uuid4(), 0).token) == "invalid"
    assert await refusal(world, tokens.issue(uuid4(), 2**63).token) == "invalid"
