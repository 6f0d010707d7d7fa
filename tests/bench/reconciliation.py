"""Putting the ledger right: the product's job, beside one scan of all files that sums them by user and does nothing else.

python -m tests.bench.reconciliation [--rounds 3]
"""

import asyncio
import io
import time
from collections.abc import Iterator
from pathlib import Path

from app.models import JobName
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from app.telemetry.logs import configure_logging
from tests.bench import report
from tests.bench.harness import BenchFailed
from tests.bench.options import Options
from tests.bench.postgres import databases, promises
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.factories import make_location

_DRIFTS = 1000  # one user in so many has a ledger that is wrong

_USERS = """
INSERT INTO users (id, email, name, name_folded, is_system_admin, token_generation, created_at, updated_at)
SELECT gen_random_uuid(), n || '@bench.example', 'User', 'user', FALSE, 0, now(), now() FROM generate_series(1, $1::int) AS n
"""
# In no order of owners, as they come in real life.
_FILES = """
INSERT INTO files (id, owner_id, name, name_folded, mime_type, size_bytes, charged_bytes, status, location_id, storage_key,
    sha256, created_at, updated_at, deleted_at, purge_attempts)
SELECT gen_random_uuid(), owners.ids[1 + n % array_length(owners.ids, 1)], 'film', 'film', 'text/plain', n % 5000,
    CASE WHEN n % 20 = 0 THEN 0 ELSE n % 5000 END, CASE WHEN n % 20 = 0 THEN 'SOFT_DELETED' ELSE 'ACTIVE' END,
    'local', 'bench/' || n, repeat('0', 64), now(), now(), CASE WHEN n % 20 = 0 THEN now() END, 0
FROM generate_series(1, $1::int) AS n, (SELECT array_agg(id) AS ids FROM users) AS owners
"""
_LEDGER = """
INSERT INTO user_storage (user_id, used_bytes, trash_bytes)
SELECT owner_id, sum(charged_bytes), sum(CASE WHEN status = 'SOFT_DELETED' THEN size_bytes ELSE 0 END)
FROM files GROUP BY owner_id
"""
_DRIFT = """
UPDATE user_storage SET used_bytes = used_bytes + 1
WHERE user_id IN (SELECT user_id FROM user_storage ORDER BY user_id LIMIT (SELECT count(*) / $1::int FROM user_storage))
"""
_SCAN = """
SELECT count(*), sum(used) FROM (
    SELECT owner_id, sum(charged_bytes) AS used, sum(CASE WHEN status = 'SOFT_DELETED' THEN size_bytes ELSE 0 END) AS trash
    FROM files GROUP BY owner_id
) AS sums
"""


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about the reconciliation."""
    configure_logging("error", io.StringIO())  # a line for every drift is not what the table is about
    with databases(options) as server:
        url = server.migrated_database()
        yield asyncio.run(_compare(url, options, folder, promises(url)))


async def _compare(url: str, options: Options, folder: Path, database: str) -> Row:
    settings = Settings.load(
        database_url=url,
        data_dir=folder,
        storage_backend="memory",
        secret_key="a secret of the benchmarks, long enough",
    )
    async with open_runtime(settings) as runtime:
        await _fill(runtime, options)
        jobs: list[float] = []
        scans: list[float] = []
        for _ in range(options.rounds + 1):
            jobs.append(await _job(runtime, options))
            scans.append(await _scan(runtime))
    return report.at_most(
        f"reconciliation of {options.reconciled_files:,} files of {options.reconciled_users:,} users",
        Spread.ratios(jobs[1:], scans[1:]),
        3.0,
        f"one scan and aggregate, {Spread.of(scans).median:.2f} s",
        job_seconds=jobs,
        scan_seconds=scans,
        database=database,
    )


async def _fill(runtime: Runtime, options: Options) -> None:
    await make_location("local")
    await runtime.database.execute(_USERS, options.reconciled_users)
    await runtime.database.execute(_FILES, options.reconciled_files)
    await runtime.database.execute(_LEDGER)
    # What autovacuum does before long.
    for table in ("users", "files", "user_storage"):
        await runtime.database.execute(f"VACUUM ANALYZE {table}")


async def _job(runtime: Runtime, options: Options) -> float:
    drifts = await runtime.database.execute(_DRIFT, _DRIFTS)
    began = time.perf_counter()
    run = await runtime.jobs.request(None, JobName.QUOTA_RECONCILIATION)
    done = await runtime.jobs.work(run.id)
    seconds = time.perf_counter() - began
    told = {name: figure for name, figure in (done.summary or {}).items() if name != "seconds"}
    if told != {"usersChecked": options.reconciled_users, "usersUpdated": drifts, "discrepancies": drifts}:
        raise BenchFailed(f"the job did not reconcile: {done.error or told}")
    return seconds


async def _scan(runtime: Runtime) -> float:
    began = time.perf_counter()
    await runtime.database.fetch(_SCAN)
    return time.perf_counter() - began


if __name__ == "__main__":
    main(measure)
