"""A page far down a long list beside the first one, in every order, of one's own files and of all that an admin manages.

python -m tests.bench.pages [--rows 1000000] [--rounds 3]
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from app.auth import Principal
from app.models import User
from app.runtime import Runtime, open_runtime
from app.services.file_list import FileFilter, FileOrder, FileScope
from app.services.paging import encode_cursor
from app.settings import Settings
from tests.bench import report
from tests.bench.harness import BenchFailed
from tests.bench.options import Options
from tests.bench.postgres import databases
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.factories import make_location, make_user

_PAGE = 50
_DEPTH = 0.9  # of the list

# Names and sizes in no order, moments in that of the list, as they come in real life.
_FILL = """
INSERT INTO files (id, owner_id, name, name_folded, mime_type, size_bytes, charged_bytes, status, location_id, storage_key,
    sha256, created_at, updated_at, purge_attempts)
SELECT gen_random_uuid(), $1, md5(n::text), md5(n::text), 'text/plain', n * 7919::bigint % 10000000, n * 7919::bigint % 10000000, 'ACTIVE',
    'local', 'bench/' || n, repeat('0', 64), $2::timestamptz + make_interval(secs => n), $2, 0
FROM generate_series(1, $3::int) AS n
"""
_CHARGE = """
INSERT INTO user_storage (user_id, used_bytes, trash_bytes)
SELECT owner_id, sum(charged_bytes), 0 FROM files GROUP BY owner_id
"""

_COLUMNS = {
    FileOrder.CREATED_AT_DESC: ("created_at", "DESC"),
    FileOrder.CREATED_AT_ASC: ("created_at", "ASC"),
    FileOrder.NAME_ASC: ('name_folded COLLATE "C"', "ASC"),
    FileOrder.SIZE_DESC: ("size_bytes", "DESC"),
}


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about lists."""
    with databases(options) as server:
        yield from asyncio.run(_measure(server.migrated_database(), options, folder))


async def _measure(url: str, options: Options, folder: Path) -> list[Row]:
    settings = Settings.load(
        database_url=url,
        data_dir=folder,
        storage_backend="memory",
        secret_key="a secret of the benchmarks, long enough",
    )
    async with open_runtime(settings) as runtime:
        owner, admin = await make_user(), await make_user(is_system_admin=True)
        await _fill(runtime, owner, options.list_rows)
        return [
            await _compare(runtime, viewer, scope, order, options)
            for viewer, scope in ((owner, FileScope.OWN), (admin, FileScope.MANAGED))
            for order in FileOrder
        ]


async def _fill(runtime: Runtime, owner: User, count: int) -> None:
    await make_location("local")
    await runtime.database.execute(_FILL, owner.id, datetime(2025, 1, 1, tzinfo=UTC), count)
    await runtime.database.execute(_CHARGE)
    # What autovacuum does before long.
    await runtime.database.execute("VACUUM ANALYZE files")


async def _compare(runtime: Runtime, viewer: User, scope: FileScope, order: FileOrder, options: Options) -> Row:
    principal = Principal(viewer.id, viewer.is_system_admin)
    depth = int(options.list_rows * _DEPTH)
    cursor = await _cursor_at(runtime, order, depth)

    async def read(after: str | None) -> float:
        began = time.perf_counter()
        page = await runtime.files.page(principal, FileFilter(scope=scope), order, _PAGE, after)
        seconds = time.perf_counter() - began
        if len(page.items) != _PAGE:
            raise BenchFailed(f"a page of {len(page.items)} files")
        return seconds

    first: list[float] = []
    deep: list[float] = []
    for _ in range(options.rounds + 1):
        times = [(await read(None), await read(cursor)) for _ in range(options.page_reads)]
        first.append(median(pair[0] for pair in times))
        deep.append(median(pair[1] for pair in times))
    return report.at_most(
        f"page at depth {depth:,} of {options.list_rows:,}, {scope} {order}",
        Spread.ratios(deep[1:], first[1:]),
        2.0,
        f"page 1, {1000 * median(first):.1f} ms",
        first_seconds=first,
        deep_seconds=deep,
    )


async def _cursor_at(runtime: Runtime, order: FileOrder, depth: int) -> str:
    column, direction = _COLUMNS[order]
    statement = f"SELECT {column} AS key, id FROM files ORDER BY {column} {direction}, id {direction} OFFSET $1 LIMIT 1"
    [row] = await runtime.database.fetch(statement, depth - 1)
    key: Any = row["key"].isoformat() if isinstance(row["key"], datetime) else row["key"]
    return encode_cursor(order, key, str(row["id"]))


if __name__ == "__main__":
    main(measure)
