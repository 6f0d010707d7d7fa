"""`/healthz`: is the process alive? `/readyz`: can it do its work, and if not, which part is down?

Without its database or a store a process is not ready. Without Redis it is degraded, and goes on: requests are served, jobs
are found by those who look for them, and only what watchers see waits.

Both are open to everyone, so neither says more than names of parts and fixed words: no path, host, key or SQL.
"""

import asyncio
from typing import Protocol

import orjson
import structlog
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.db import Database
from app.settings import Settings
from app.storage.errors import Reason
from app.storage.storage import Storage
from app.web.routing import GetOnly

_log = structlog.get_logger(__name__)

# Shorter than the patience of those who probe, or a part that hangs could not be told from a process that hangs.
PROBE_SECONDS = 3.0

_OK = "ok"
_UNREACHABLE = "unreachable"
_REDIS = "redis"


class Parts(Protocol):
    """What the probes look at in the runtime."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def storage(self) -> Storage: ...


def health_routes(runtime: Parts, *, probe_seconds: float = PROBE_SECONDS) -> list[Route]:
    """The two routes, for GET and HEAD. Each probe of a part is given `probe_seconds`."""
    readiness = _Readiness(runtime, probe_seconds)

    async def healthz(scope: Scope, receive: Receive, send: Send) -> None:
        await _reply(200, {"status": _OK})(scope, receive, send)

    async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
        checks = await readiness.look()
        ready = all(word == _OK for name, word in checks.items() if name != _REDIS)
        degraded = checks.get(_REDIS, _OK) != _OK
        body = {"status": ("degraded" if degraded else "ready") if ready else "unavailable", "checks": checks}
        await _reply(200 if ready else 503, body)(scope, receive, send)

    return [Route("/healthz", GetOnly(healthz)), Route("/readyz", GetOnly(readyz))]


def _reply(status: int, body: object) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


class _Readiness:
    """Looks at all parts at once. However many ask at a time, the parts are probed once: asking is no way to load them."""

    def __init__(self, runtime: Parts, probe_seconds: float) -> None:
        self._runtime = runtime
        self._probe_seconds = probe_seconds
        self._looking: asyncio.Task[dict[str, str]] | None = None
        self._last: dict[str, str] = {}

    async def look(self) -> dict[str, str]:
        """The word for each part: `ok`, or what is wrong with it."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # Shielded: one client that hangs up must not take the answer from the others.
        return await asyncio.shield(self._looking)

    async def _look(self) -> dict[str, str]:
        database, storage, redis = await asyncio.gather(self._database(), self._storage(), self._redis())
        checks = database | storage | redis
        # Probes come all the time: the log gets a line when something changes.
        if checks != self._last and (self._last or set(checks.values()) != {_OK}):
            healthy = set(checks.values()) == {_OK}
            (_log.info if healthy else _log.warning)("readiness.changed", **checks)
        self._last = checks
        return checks

    async def _database(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(self._probe_seconds):
                await self._runtime.database.check()
        except TimeoutError:
            return {"database": Reason.TIMED_OUT.value}
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the database cannot be used
            _log.debug("readiness.database", error=repr(error))
            return {"database": _UNREACHABLE}
        return {"database": _OK}

    async def _storage(self) -> dict[str, str]:
        storage = self._runtime.storage
        try:
            async with asyncio.timeout(self._probe_seconds):
                found = await storage.check()
        except TimeoutError:
            found = dict.fromkeys(storage.locations, Reason.TIMED_OUT.value)
        return {f"storage:{name}": reason or _OK for name, reason in found.items()}

    async def _redis(self) -> dict[str, str]:
        url = self._runtime.settings.redis_url
        if not url:
            return {}
        from redis.asyncio import Redis  # not where there is none; where there is one, the runtime has loaded it

        try:
            # A connection of its own each time: what is asked is whether one can be had.
            async with asyncio.timeout(self._probe_seconds), Redis.from_url(url) as client:
                await client.ping()
        except TimeoutError:
            return {_REDIS: Reason.TIMED_OUT.value}
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, Redis cannot be used
            _log.debug("readiness.redis", error=repr(error))
            return {_REDIS: _UNREACHABLE}
        return {_REDIS: _OK}
