"""Cleaning up files whose time in the trash is over: the product's job, and a loop that deletes them one at a time.

Both in this process, in turns, on one PostgreSQL with its defaults, with local files and with an S3 server. The loop does what
one does first: the object, then in a transaction the row and the ledger. The job does more, for it may be killed.

python -m tests.bench.cleanup [--rounds 3]
"""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from app.models import File, FileStatus, JobName, User, UserStorage
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from app.telemetry.logs import configure_logging
from tests.bench import report
from tests.bench.harness import BenchFailed, interleave
from tests.bench.options import Options
from tests.bench.postgres import databases, promises
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.factories import make_user
from tests.fixtures.jobs import many_trashed
from tests.fixtures.s3 import server_of
from tests.fixtures.servers.s3 import start_rclone

_OWNERS = 50
_AGE = timedelta(days=31)


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about the cleanup."""
    configure_logging("error", io.StringIO())
    with databases(options) as server:
        yield _compare("local files", server.migrated_database(), options, {}, folder)
        with _bucket() as settings:
            yield _compare("objects in S3", server.migrated_database(), options, settings, folder)


@contextlib.contextmanager
def _bucket() -> Iterator[dict[str, Any]]:
    process = start_rclone()
    server = server_of(process)
    try:
        yield {
            "storage_backend": "s3",
            "s3_endpoint": server.endpoint,
            "s3_bucket": server.create_bucket(),
            "s3_access_key_id": server.access_key_id,
            "s3_secret_access_key": server.secret_access_key,
            "s3_region": server.region,
            "s3_force_path_style": True,
        }
    finally:
        server.close()
        process.stop()


def _compare(what: str, url: str, options: Options, store: dict[str, Any], folder: Path) -> Row:
    values = {"database_url": url, "data_dir": folder / "data", "secret_key": "a secret of the benchmarks, long enough"}
    settings = Settings.load(**(values | store))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        opened = _opened(settings)
        runtime, owners = runner.run(anext(opened))
        try:
            turns = {
                "job": _turn(runner, runtime, owners, _run_job, options.cleaned_files),
                "loop": _turn(runner, runtime, owners, _loop, options.looped_files),
            }
            rates = interleave(options.rounds, turns)
        finally:
            runner.run(opened.aclose())
    reference = f"one at a time, {Spread.of(rates['loop']).median:,.0f}/s"
    ratio = Spread.ratios(rates["job"], rates["loop"])
    return report.at_least(f"cleanup of {what}", ratio, 30, reference, per_second=rates, database=promises(url))


async def _opened(settings: Settings) -> AsyncGenerator[tuple[Runtime, list[User]], None]:
    async with open_runtime(settings) as runtime:
        yield runtime, [await make_user() for _ in range(_OWNERS)]


def _turn(
    runner: asyncio.Runner,
    runtime: Runtime,
    owners: Sequence[User],
    way: Callable[[Runtime], Awaitable[None]],
    files: int,
) -> Callable[[], float]:
    async def turn() -> float:
        runtime.database.bind()
        await many_trashed(runtime, owners, files, _AGE, put=_put(runtime))
        # What autovacuum does before long.
        await runtime.database.execute("VACUUM ANALYZE files")
        began = time.perf_counter()
        await way(runtime)
        seconds = time.perf_counter() - began
        await _check(runtime)
        return files / seconds

    return lambda: runner.run(turn())


def _put(runtime: Runtime) -> Callable[[File], Awaitable[None]] | None:
    """Local files are put in their places without waiting for the disk; that is not what is measured."""
    if runtime.storage.default != "local":
        return None
    root = runtime.settings.resolved_local_storage_path

    async def put(file: File) -> None:
        path = root / file.storage_key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * file.size_bytes)

    return put


async def _run_job(runtime: Runtime) -> None:
    run = await runtime.jobs.request(None, JobName.ORPHANED_FILE_CLEANUP)
    done = await runtime.jobs.work(run.id)
    if done.error or done.summary["failed"]:
        raise BenchFailed(f"the job did not clean up: {done.error or done.summary}")


async def _loop(runtime: Runtime) -> None:
    before = datetime.now(UTC) - timedelta(days=30)
    for file in await File.filter(status=FileStatus.SOFT_DELETED, deleted_at__lt=before):
        await runtime.storage.delete(file.location_id, file.storage_key)
        async with in_transaction():
            await file.delete()
            await UserStorage.filter(user_id=file.owner_id).update(
                used_bytes=F("used_bytes") - file.charged_bytes, trash_bytes=F("trash_bytes") - file.size_bytes
            )


async def _check(runtime: Runtime) -> None:
    """Raise BenchFailed unless nothing is left."""
    left = [found async for found in _objects(runtime)]
    [ledger] = await runtime.database.fetch(
        "SELECT sum(used_bytes) AS used, sum(trash_bytes) AS trash FROM user_storage"
    )
    if left or await File.all().count() or ledger["used"] or ledger["trash"]:
        raise BenchFailed(f"left: {len(left)} objects, {await File.all().count()} rows, {ledger}")


def _objects(runtime: Runtime) -> AsyncIterator[Any]:
    return runtime.storage.list(runtime.storage.default)


if __name__ == "__main__":
    main(measure)
