"""From the end of the load to the moment at which everything must be in order again."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.faults.driver.client import Client
from tests.faults.driver.world import LEASE_SECONDS, World

JOB = "EXPIRED_UPLOAD_CLEANUP"

_QUIET_SECONDS = 2.5
_PATIENCE_SECONDS = 40.0
_LOOK_SECONDS = 0.1

# As if every upload in flight had fallen silent for as long as its lease and the time after it, and every purge were due.
_TIME_LAPSE = """
UPDATE files SET lease_expires_at = clock_timestamp() - INTERVAL '1 day' WHERE status = 'PENDING';
UPDATE files SET purge_next_attempt_at = clock_timestamp() - INTERVAL '1 second' WHERE status = 'PURGING';
"""


async def settle(world: World, client: Client) -> None:
    """Heal everything, have every process there, wait until nothing moves, and let the expiry job do its work."""
    await world.heal()
    await world.fleet.start()
    await asyncio.gather(*(api.ready() for api in world.apis))
    await _come_to_rest(world)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while await _leftovers(world) and time.monotonic() < deadline:
        await world.execute(_TIME_LAPSE)
        await run_to_end(world, client, JOB)


async def run_to_end(world: World, client: Client, job: str) -> str | None:
    """Ask for a run of a job and wait until it has ended; its status. None when it does not end."""
    run: str | None = None
    deadline = time.monotonic() + _PATIENCE_SECONDS + LEASE_SECONDS
    while time.monotonic() < deadline:
        run = run or await client.run_job(world.apis[0].base_url, world.admin, job)
        if run is not None:
            rows = await world.fetch(
                "SELECT status FROM job_runs WHERE id = CAST($1 AS UUID) AND finished_at IS NOT NULL", run
            )
            if rows:
                return str(rows[0]["status"])
        await asyncio.sleep(_LOOK_SECONDS)
    return None


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = _PATIENCE_SECONDS) -> bool:
    """Wait until something has been seen; whether it was within so many seconds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS / 2)
    return True


async def _come_to_rest(world: World) -> None:
    """Nothing is on its way to the store, no statement is carried out, and no file changes its state, for some time."""
    deadline, quiet_since, last = time.monotonic() + _PATIENCE_SECONDS, time.monotonic(), -1
    while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET_SECONDS:
        rows = await world.fetch(
            "SELECT (SELECT COALESCE(MAX(number), 0) FROM faults_notes) AS notes, (SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            " AND backend_type = 'client backend') AS busy"
        )
        if rows[0]["notes"] != last or rows[0]["busy"] or world.s3.under_way:
            quiet_since, last = time.monotonic(), rows[0]["notes"]
        await asyncio.sleep(_LOOK_SECONDS)


async def _leftovers(world: World) -> int:
    rows = await world.fetch("SELECT COUNT(*) AS files FROM files WHERE status IN ('PENDING', 'PURGING')")
    return int(rows[0]["files"])
