"""Where the identity provider's keys come from: fetched when needed, kept for a while, and kept on when it is down."""

import asyncio
import contextvars
from contextlib import suppress
from datetime import datetime

import structlog

from app.auth.keys import KeyRing, PublicKey, key_ring
from app.clock import Clock
from app.errors import Unauthenticated

_FRESH_SECONDS = 600  # a key that the provider has withdrawn is refused after ten minutes at the latest
_KEPT_SECONDS = 86_400  # while the provider is down
_PAUSE_SECONDS = 30  # between two attempts, whatever tokens come
_FIRST_PAUSE_SECONDS = 5  # the same before the first success: the two may be starting together
_MAX_BYTES = 256 * 1024
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}

_log = structlog.get_logger(__name__)


class ProviderKeys:
    """The provider's key set. One fetch at a time; all who need it wait for the same one."""

    def __init__(self, url: str, clock: Clock, *, timeout_seconds: float = 5) -> None:
        self._url = url
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._ring: KeyRing | None = None
        self._fetched_at: datetime | None = None
        self._attempted_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._attempt: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, key_id: str | None) -> PublicKey | None:
        """The key for such a signature; None when the provider has none. Raises Unauthenticated("unavailable") when it
        cannot be asked and has not been heard of for a day.
        """
        if not self._within(self._fetched_at, _FRESH_SECONDS):
            # Who knows from an attempt just now that the provider is down does not wait for the next one.
            known_down = self._within(self._failed_at, 2 * _PAUSE_SECONDS)
            await self._renew(wait=not (known_down and self._within(self._fetched_at, _KEPT_SECONDS)))
        key = self._kept().find(algorithm, key_id)
        if key is None:
            await self._renew(wait=True)
            key = self._kept().find(algorithm, key_id)
        return key

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._attempt is not None:
            self._attempt.cancel()
            with suppress(asyncio.CancelledError):
                await self._attempt

    def _kept(self) -> KeyRing:
        if self._ring is None or not self._within(self._fetched_at, _KEPT_SECONDS):
            raise Unauthenticated("unavailable")
        return self._ring

    def _within(self, moment: datetime | None, seconds: float) -> bool:
        """Whether it was so short a time ago. A clock that was put back makes nothing younger than it is."""
        return moment is not None and 0 <= (self._clock.now() - moment).total_seconds() < seconds

    async def _renew(self, *, wait: bool) -> None:
        """Fetch the keys, unless that was tried just now; several callers share one attempt."""
        if self._attempt is None or self._attempt.done():
            if self._within(self._attempted_at, _FIRST_PAUSE_SECONDS if self._ring is None else _PAUSE_SECONDS):
                return
            self._attempted_at = self._clock.now()
            # A context of its own: the fetch belongs to no request, and outlives the one that came first.
            self._attempt = asyncio.create_task(self._fetch(), context=contextvars.Context())
        if wait:
            await asyncio.shield(self._attempt)

    async def _fetch(self) -> None:
        import aiohttp  # takes half a second, which commands and services without a provider need not wait for

        try:
            ring = key_ring(await _download(self._url, self._timeout_seconds))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._failed_at = self._clock.now()
            _log.warning("identity_provider.keys_failed", error=type(error).__name__)
        else:
            self._ring, self._fetched_at, self._failed_at = ring, self._clock.now(), None
            _log.info("identity_provider.keys_fetched", keys=len(ring.keys))


async def _download(url: str, timeout_seconds: float) -> bytes:
    """The document, of bounded size and within bounded time. Redirects are not followed: the address is configured, and
    whoever may send callers elsewhere must not choose the keys. Raises aiohttp's errors, TimeoutError, ValueError.
    """
    import aiohttp

    async with (
        asyncio.timeout(timeout_seconds),
        # What is compressed although nobody asked for that stays so, and is no JSON: a small body cannot become large.
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, headers=_HEADERS, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError("too long")
        return bytes(body)
