"""SIGKILL of workers in mid-batch: files are purged and counted once, whoever dies when."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from app.storage.keys import make_key
from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.settling import run_to_end, until
from tests.faults.driver.world import RETENTION_DAYS
from tests.faults.faults import Late
from tests.fixtures.site import Person, S3Store

_FILES = 600
_FEW = 200
_SIZE = 100
_WITH_BYTES = 8  # one in so many has an object; deleting what is not there is no error
_JOB = "ORPHANED_FILE_CLEANUP"

# One statement, so that rows and ledger are true at every instant.
_INSERT = """
WITH made AS (
    INSERT INTO files (id, owner_id, name, name_folded, mime_type, size_bytes, charged_bytes, sha256, status, location_id,
        storage_key, created_at, updated_at, deleted_at, purge_attempts)
    SELECT id, $3, 'old.txt', 'old.txt', 'text/plain', $4, 0, repeat('0', 64), 'SOFT_DELETED', 's3', key, $5, $5, $5, 0
    FROM unnest($1::uuid[], $2::text[]) AS new (id, key)
    RETURNING size_bytes
)
INSERT INTO user_storage (user_id, used_bytes, trash_bytes) SELECT $3, 0, SUM(size_bytes) FROM made
ON CONFLICT (user_id) DO UPDATE SET trash_bytes = user_storage.trash_bytes + EXCLUDED.trash_bytes
"""


async def _run(act: Act) -> None:
    act.swept = True
    world, workers = act.world, act.world.fleet.workers
    owners = await act.people(5)
    # Deleting takes its time, so that a worker that is killed has batches in hand.
    world.s3.inject(Late(0.1), when=lambda request: "delete" in request.query)
    for number in range(act.rounds):
        left = await _left(act)
        if left < _FEW:
            await _fill(act, owners)
        run = await act.client.run_job(act.chance.choice(world.apis).base_url, world.admin, _JOB)
        act.expect(run is not None, "a run of the cleanup could not be asked for")
        before = await _left(act)

        async def goes_on(before: int = before) -> bool:
            return await _left(act) < before

        await until(goes_on, 20)
        worker = workers[number % len(workers)]
        await worker.start()
        await act.pause(0, 0.2)
        await worker.kill()
        act.revive(worker)
    await act.everyone_is_back()
    await run_to_end(world, act.client, _JOB)
    act.expect(await run_to_end(world, act.client, _JOB) == "SUCCEEDED", "the cleanup does not come to its end")
    act.expect(await _left(act) == 0, "the cleanup left files that were due")


async def _left(act: Act) -> int:
    rows = await act.world.fetch("SELECT COUNT(*) AS files FROM files WHERE name = 'old.txt'")
    return int(rows[0]["files"])


async def _fill(act: Act, owners: list[Person]) -> None:
    """More files that have been in the trash for longer than they are kept."""
    world, since = act.world, datetime.now(UTC) - timedelta(days=RETENTION_DAYS + 1)
    store = world.store
    assert isinstance(store, S3Store)
    for owner in owners:
        made = [uuid4() for _ in range(_FILES // len(owners))]
        keys = [make_key(None, since, file_id, "old.txt") for file_id in made]
        for key in keys[::_WITH_BYTES]:
            body = content_of(_SIZE, act.chance)
            await asyncio.to_thread(store.server.client.put_object, Bucket=store.bucket, Key=key, Body=body)
        # Last: the cleanup may be at work, and these are due.
        await world.execute(_INSERT, made, keys, owner.user.id, _SIZE, since)


SCENARIO = Scenario("kills of workers in mid-batch", _run, short=8, full=200)
