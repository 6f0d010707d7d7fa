"""Passwords: what may be one, how it is kept, and what a comparison gives away."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type

from app.errors import BadUserInput, RateLimited
from app.passwords import Passwords

GOOD = "correct horse battery"


@pytest.fixture
def quick() -> Passwords:
    """The same thing with parameters that cost nothing: for tests of behaviour that hash often."""
    return Passwords(passes=1, memory_kib=8)


async def test_a_hash_is_argon2id_with_the_parameters_of_owasp() -> None:
    parameters = extract_parameters(await Passwords().hash(GOOD))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19_456, 2, 1)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


async def test_the_right_password_matches_and_no_other(quick: Passwords) -> None:
    stored = await quick.hash(GOOD)
    assert await quick.verify(GOOD, stored)
    assert not await quick.verify(GOOD + " ", stored)
    assert not await quick.verify(GOOD.upper(), stored)
    assert not await quick.verify("", stored)


async def test_two_hashes_of_one_password_differ(quick: Passwords) -> None:
    assert await quick.hash(GOOD) != await quick.hash(GOOD)


@pytest.mark.parametrize("password", ["x" * 10, "x" * 1024, " " * 10, "pass\nword\t!", "пароль-пароль", "🔒" * 10])
async def test_length_is_the_only_rule(quick: Passwords, password: str) -> None:
    assert await quick.verify(password, await quick.hash(password))


@pytest.mark.parametrize(
    "password", ["", "x" * 9, "x" * 1025, "good until\0the NUL", "half a pair \ud800"], ids=[0, 9, 1025, "NUL", "half"]
)
async def test_what_cannot_be_a_password_is_refused_and_never_matches(quick: Passwords, password: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        await quick.hash(password, field="newPassword")
    assert caught.value.field == "newPassword"
    assert not await quick.verify(password, await quick.hash(GOOD))


async def test_every_way_to_type_a_letter_is_the_same_password(quick: Passwords) -> None:
    composed, decomposed = "Z\u00fcrich-am-See", "Zu\u0308rich-am-See"
    assert await quick.verify(decomposed, await quick.hash(composed))


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$$", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_a_damaged_or_foreign_hash_matches_nothing(quick: Passwords, stored: str) -> None:
    assert not await quick.verify(GOOD, stored)


async def test_a_hash_of_other_parameters_still_matches_and_is_outdated(quick: Passwords) -> None:
    newer = Passwords(passes=2, memory_kib=16)
    stored = await quick.hash(GOOD)
    assert await newer.verify(GOOD, stored)
    assert newer.is_outdated(stored)
    assert not quick.is_outdated(stored)
    assert not newer.is_outdated(await newer.rehash(GOOD))


async def test_comparing_with_nobody_is_no_and_takes_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(threads=1)
    stored = await passwords.hash(GOOD)
    verify, work = PasswordHasher.verify, []

    def observed(hasher: PasswordHasher, against: str, password: str) -> bool:
        try:
            return verify(hasher, against, password)
        except (
            VerifyMismatchError
        ):  # computed, and found to differ; a hash that cannot be read is another error, at once
            work.append(extract_parameters(against))
            raise

    monkeypatch.setattr(PasswordHasher, "verify", observed)
    assert not await passwords.verify("another password", stored)
    assert not await passwords.verify("another password", None)
    somebody, nobody = work
    assert somebody == nobody


async def test_the_loop_stays_free_while_a_password_is_hashed() -> None:
    passwords = Passwords(passes=32)
    work = asyncio.create_task(passwords.hash(GOOD))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5
    assert await passwords.verify(GOOD, work.result())


async def test_a_wave_is_refused_beyond_those_who_wait_and_leaves_nothing_behind() -> None:
    passwords = Passwords(passes=4, threads=1, waiting=2)
    results = await asyncio.gather(*(passwords.hash(GOOD) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [str, str, str, RateLimited, RateLimited]
    assert await passwords.verify(GOOD, await passwords.hash(GOOD))


async def test_who_gives_up_waiting_makes_room() -> None:
    passwords = Passwords(threads=1, waiting=1)
    for _ in range(3):
        tasks = [asyncio.create_task(passwords.hash(GOOD)) for _ in range(2)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
    assert await passwords.verify(GOOD, await passwords.hash(GOOD))


async def test_closing_lets_go_of_the_threads() -> None:
    passwords = Passwords(passes=1, memory_kib=8)
    await passwords.hash(GOOD)
    passwords.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        await passwords.hash(GOOD)
