"""Passwords: what may be one, and argon2id off the event loop."""

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import BadUserInput, RateLimited

P = ParamSpec("P")
R = TypeVar("R")

# NIST SP 800-63B, 3.1.1.2: length is the only rule; the upper bound keeps a request from buying work by the megabyte.
MIN_CHARACTERS = 10
MAX_CHARACTERS = 1024

# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane.
_MEMORY_KIB = 19_456
_PASSES = 2
_SALT_BYTES = 16
_HASH_BYTES = 32


class Passwords:
    """Hashes and compares passwords in threads of its own, so many at a time and no more: each takes 19 MiB and a core.

    Threads of its own because the event loop's default ones write files: a wave of sign-ins must not stop the uploads.
    """

    def __init__(
        self, *, passes: int = _PASSES, memory_kib: int = _MEMORY_KIB, threads: int = 2, waiting: int = 100
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=passes,
            memory_cost=memory_kib,
            parallelism=1,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._room = threads + waiting
        self._present = 0
        # Looks like a hash of these parameters and belongs to no password, so that comparing with it costs what
        # comparing with a user's costs.
        self._nobody = (
            f"$argon2id$v=19$m={memory_kib},t={passes},p=1${_random_text(_SALT_BYTES)}${_random_text(_HASH_BYTES)}"
        )

    async def hash(self, password: str, *, field: str = "password") -> str:
        """The hash to store, in PHC form. Raises BadUserInput, which names `field`, for what may not be a password, and
        RateLimited when too many wait already.
        """
        text = _normalised(password)
        if text is None:
            raise BadUserInput(f"A password has at most {MAX_CHARACTERS} characters, and no NUL among them.", field)
        if len(text) < MIN_CHARACTERS:
            raise BadUserInput(f"A password has at least {MIN_CHARACTERS} characters.", field)
        return await self._in_thread(self._hasher.hash, text)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` was made from this password. Without a stored hash the answer is no, after the same work:
        the time it takes does not tell whether there is an account. Raises RateLimited when too many wait already.
        """
        text = _normalised(password)
        if text is None:
            return False  # says nothing of the account: no account could have this password
        return await self._in_thread(self._matches, stored or self._nobody, text)

    async def rehash(self, password: str) -> str:
        """A hash with today's parameters of a password that has just been found right, whatever today's rules say of
        its length: they are for new passwords. Raises RateLimited when too many wait already.
        """
        return await self._in_thread(self._hasher.hash, unicodedata.normalize("NFKC", password))

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let go of the threads; those that still hash finish by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, text: str) -> bool:
        try:
            return self._hasher.verify(stored, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._present >= self._room:
            raise RateLimited(retry_after_seconds=1)
        self._present += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._present -= 1


def _normalised(password: str) -> str | None:
    """The form that is hashed: NFKC, so that every keyboard's way to type it is the same password (NIST SP 800-63B).
    None for text that cannot be a password of anybody.
    """
    if len(password) > MAX_CHARACTERS or "\0" in password:
        return None
    if any(0xD800 <= ord(character) <= 0xDFFF for character in password):
        return None  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
    return unicodedata.normalize("NFKC", password)


def _random_text(count: int) -> str:
    return base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")
