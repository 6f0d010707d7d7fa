"""Which store is behind each storage location: matched with the database at the start, and looked at again ever after.

A volume that is mounted late, or a bucket that comes back, is taken into use without a restart; one that was exchanged for
another is taken out of use before anything in it is deleted.
"""

import asyncio

import structlog

from app.clock import Clock
from app.db import Database
from app.storage.storage import Storage

WATCH_SECONDS = 15.0

_log = structlog.get_logger(__name__)


class Locations:
    """Keeps the storage's view of its locations and the table `storage_locations` in step."""

    def __init__(self, database: Database, storage: Storage, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._unrecorded: dict[str, str] = {}  # identities by location, that the database has not been told yet

    async def open(self) -> None:
        """Open every location against the identity that the database knows. One that does not match is not ready."""
        rows = await self._database.fetch("SELECT name, identity FROM storage_locations")
        await self._record(await self._storage.open({row["name"]: row["identity"] for row in rows}))

    async def recheck(self) -> None:
        """Look again at every store, and tell of those that became ready or ceased to be."""
        before = {name: location.ready for name, location in self._storage.locations.items()}
        await self._record(await self._storage.recheck())
        for name, location in self._storage.locations.items():
            if location.ready and not before[name]:
                _log.info("storage.ready", location=name)
            elif before[name] and location.reason is not None:
                _log.error("storage.not_ready", location=name, reason=location.reason.value)

    async def watch(self, *, every_seconds: float = WATCH_SECONDS) -> None:
        """Recheck from time to time, until cancelled. A database that is away only delays the next look."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.recheck()
            except Exception:  # noqa: BLE001 - the watch must outlive whatever a driver raises
                _log.warning("storage.recheck_failed", exc_info=True)

    async def _record(self, fresh: dict[str, str]) -> None:
        """Have the database know new identities: of processes that meet one store at once all have read the same, and of those
        that meet several by mistake the first one counts. What cannot be recorded now is at the next look.
        """
        self._unrecorded |= fresh
        for name, identity in list(self._unrecorded.items()):
            await self._database.statement(
                "INSERT INTO storage_locations (name, backend, identity, created_at) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (name) DO NOTHING RETURNING name",
                name,
                self._storage.locations[name].backend.kind,
                identity,
                self._clock.now(),
            )
            rows = await self._database.fetch("SELECT identity FROM storage_locations WHERE name = $1", name)
            self._storage.known(name, rows[0]["identity"])
            del self._unrecorded[name]
