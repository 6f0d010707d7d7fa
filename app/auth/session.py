"""A caller for whom something is kept open: who they are is asked again while it is."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app.auth.principal import Principal
from app.clock import Clock
from app.errors import Unauthenticated

RENEW_SECONDS = 60.0  # how long a right that was taken away without a word on the bus may live on
_SHORTEST_PAUSE = 0.05

_log = structlog.get_logger(__name__)


class Session:
    """One token and the caller it stands for, as long as it stands for one. A session that has ended does not begin again.

    `ask` reads the caller anew; it gives None where there is no token, and raises Unauthenticated.
    """

    def __init__(self, ask: Callable[[], Awaitable[Principal | None]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._principal: Principal | None = None
        self._over = asyncio.Event()
        self.refusal: Unauthenticated | None = None

    @property
    def principal(self) -> Principal | None:
        """The caller, as of the last renewal; None before the first one, without a token, and after the end."""
        return None if self.refusal else self._principal

    async def renew(self) -> Principal | None:
        """The caller as the database has it now; None without a token. Raises Unauthenticated, and again at every later call."""
        if self.refusal is not None:
            raise self.refusal
        try:
            self._principal = await self._ask()
        except Unauthenticated as refusal:
            if refusal.reason != "unavailable" or self._principal is None or self._seconds_left() <= 0:
                self._end(refusal)
                raise
            # The identity provider is away: that says nothing about a token it has vouched for already.
        return self._principal

    async def until_over(self) -> Unauthenticated:
        """Wait until the token has expired, or stands for nobody any more: noticed within `RENEW_SECONDS`. The reason."""
        while self.refusal is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(_SHORTEST_PAUSE, min(RENEW_SECONDS, self._seconds_left()))):
                    await self._over.wait()
                continue
            try:
                await self.renew()
            except Unauthenticated:
                continue
            except Exception as error:  # noqa: BLE001 - a database that is away takes nobody's rights, and comes back
                _log.warning("session.not_renewed", error=type(error).__name__)
                await asyncio.sleep(1)
        return self.refusal

    def _seconds_left(self) -> float:
        ends = self._principal.expires_at if self._principal else None
        return RENEW_SECONDS if ends is None else (ends - self._clock.now()).total_seconds()

    def _end(self, refusal: Unauthenticated) -> None:
        self.refusal = refusal
        self._over.set()
