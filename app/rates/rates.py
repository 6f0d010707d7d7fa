"""The rates of logins, operations and uploads, counted in Redis for all processes together, or in memory.

A Redis that is away never stops anybody: each process then counts for itself until it is back.
"""

import hashlib
import math
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address
from uuid import UUID

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, RateLimiter

from app.errors import RateLimited
from app.models.folding import fold_email
from app.rates.at_once import AtOnce
from app.rates.memory import BoundedMemory
from app.redis_errors import Rest, redis_away
from app.settings import Settings

_REDIS_SECONDS = 0.5  # patience with Redis, which stands before every operation
_REDIS_REST_SECONDS = 5.0  # how long one that does not answer is left alone
_AT_ONCE_RETRY_SECONDS = 1

_log = structlog.get_logger(__name__)


class Rates:
    """Counts, and raises RateLimited for what is too much. Keys hold no names: e-mail addresses are hashed."""

    def __init__(self, settings: Settings, shared: RateLimiter | None = None) -> None:
        self._memory = FixedWindowRateLimiter(BoundedMemory())
        self._shared = shared
        self._shared_rest = Rest(_REDIS_REST_SECONDS)
        self._account = _item(settings, settings.rate_limit_login_account)
        self._address = _item(settings, settings.rate_limit_login_address)
        self._operations = _item(settings, settings.rate_limit_operations)
        self._uploads = _item(settings, settings.rate_limit_uploads)
        most = settings.uploads_at_once if settings.rate_limits else 0
        self._at_once = AtOnce(most or None, partial(RateLimited, _AT_ONCE_RETRY_SECONDS))

    async def login(self, email: str, address: str | None) -> None:
        """One attempt to log in, whether or not there is such an account."""
        await self._hit(self._address, "login-address", _network(address))
        # However it is spelled, one account has one count.
        digest = hashlib.sha256(fold_email(email).encode("utf-8", "replace")).hexdigest()
        await self._hit(self._account, "login-account", digest)

    async def password(self, user_id: UUID) -> None:
        """One attempt of a user at their own password."""
        await self._hit(self._account, "password", str(user_id))

    async def operations(self, user_id: UUID | None, address: str | None, count: int) -> None:
        """So many root fields of a user, or of somebody without a token."""
        who = str(user_id) if user_id else _network(address)
        await self._hit(self._operations, "operations", who, cost=count)

    async def uploads(self, user_id: UUID, count: int) -> None:
        """So many files of a user."""
        await self._hit(self._uploads, "uploads", str(user_id), cost=count)

    def upload_request(self, user_id: UUID) -> AbstractContextManager[None]:
        """The time of one upload request; of too many at once, the last ones are refused. Counted in this process."""
        return self._at_once.one(user_id)

    async def _hit(self, item: RateLimitItem | None, *key: str, cost: int = 1) -> None:
        if item is None or cost <= 0:
            return
        if self._shared is not None and self._shared_rest.over:
            try:
                await _take(self._shared, item, *key, cost=cost)
                return
            except redis_away() as error:
                self._shared_rest.begin()
                _log.warning("rates.redis_away", error=type(error).__name__, rest_seconds=_REDIS_REST_SECONDS)
        await _take(self._memory, item, *key, cost=cost)


@asynccontextmanager
async def open_rates(settings: Settings) -> AsyncIterator[Rates]:
    """As the settings have them. Nothing is asked of Redis before the first hit."""
    if not settings.redis_url or not settings.rate_limits:
        yield Rates(settings)
        return
    from redis.asyncio import ConnectionPool  # not where there is none

    pool: ConnectionPool = ConnectionPool.from_url(
        settings.redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
    )
    # The pool is ours, so the URL is only there to say what kind of server it is: sockets and TLS are the pool's business.
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix="satchel:rates",
        connection_pool=pool,  # type: ignore[arg-type]  # a documented option, which its annotation leaves out
    )
    try:
        yield Rates(settings, FixedWindowRateLimiter(storage))
    finally:
        await pool.disconnect()


async def _take(limiter: RateLimiter, item: RateLimitItem, *key: str, cost: int) -> None:
    if not await limiter.hit(item, *key, cost=cost):
        reset_at, _ = await limiter.get_window_stats(item, *key)
        raise RateLimited(max(1, math.ceil(reset_at - time.time())))


def _item(settings: Settings, rate: str) -> RateLimitItem | None:
    return parse(rate) if rate and settings.rate_limits else None


@lru_cache(maxsize=4096)  # a client comes again and again
def _network(address: str | None) -> str:
    try:
        known = ip_address(address or "")
    except ValueError:  # a socket of this machine has none
        return "local"
    if isinstance(known, IPv6Address):
        known = known.ipv4_mapped or known
    # The first 64 bits are what one customer has: counting the single addresses of theirs would count nothing.
    return known.exploded[:19] if isinstance(known, IPv6Address) else str(known)
