"""Operations without files: one that asks for nothing, and a page of files from PostgreSQL; the product and stock Strawberry.

Every client has a connection that is kept alive; both sides read the same rows of the same database, and the sides take turns.

python -m tests.bench.queries [--rounds 3]
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.db import Database
from tests.bench import report
from tests.bench.client import Exchange
from tests.bench.harness import BenchFailed, Meter, Side, ask, ask_one, interleave, serving
from tests.bench.options import Options
from tests.bench.postgres import databases
from tests.bench.product import product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.wire import USER_HEADER, bearer, graphql
from tests.factories import make_location

_ROWS = 50
_TRIVIAL = "query Trivial { __typename }"
_FIELDS = "id name mimeType sizeBytes sha256 status createdAt updatedAt"
_LIST = f"query Files($first: Int!) {{ files(first: $first) {{ nodes {{ {_FIELDS} }} }} }}"
_STOCK_LIST = f"query Files($first: Int!) {{ files(first: $first) {{ {_FIELDS} }} }}"

_FILL = """
INSERT INTO files (id, owner_id, name, name_folded, mime_type, size_bytes, charged_bytes, status, location_id, storage_key,
    sha256, created_at, updated_at, purge_attempts)
SELECT gen_random_uuid(), users.id, 'File ' || n || '.txt', 'file ' || n || '.txt', 'text/plain', n * 7919, n * 7919, 'ACTIVE',
    'local', 'bench/' || n, repeat('0', 64), $1::timestamptz + make_interval(secs => n), $1, 0
FROM users CROSS JOIN generate_series(1, $2::int) AS n
"""


@dataclass(frozen=True, slots=True)
class Burst:
    """Operations a second, and the server's CPU seconds for each."""

    rate: float
    cpu_seconds: float


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about operations without files."""
    with databases(options) as server:
        url = server.migrated_database()
        with product(folder, database_url=url) as satchel:
            own, other = bearer(satchel.tokens[0]), {USER_HEADER: asyncio.run(_fill(url))}
            stock = ["-m", "tests.bench.sides.stock_list"]
            with serving("stock_list", folder, stock, {"DATABASE_URL": url}) as side:
                trivial = graphql(_TRIVIAL, {}, {})
                turns = {
                    "own": _turn(satchel.side, trivial, options.clients, options.queries),
                    "stock": _turn(side, trivial, options.clients, options.queries),
                }
                yield from _rows(f"trivial query, {options.clients} clients", turns, options)
                lists = graphql(_LIST, {"first": _ROWS}, own), graphql(_STOCK_LIST, {"first": _ROWS}, other)
                _check(satchel.side, lists[0], side, lists[1])
                turns = {
                    "own": _turn(satchel.side, lists[0], options.clients, options.lists),
                    "stock": _turn(side, lists[1], options.clients, options.lists),
                }
                yield from _rows(f"list of {_ROWS} × 8 fields, {options.clients} clients", turns, options)


async def _fill(url: str) -> str:
    """Give the one user twice as many files as a page has; the user's id."""
    database = Database(url)
    await database.open()
    try:
        await make_location("local")
        await database.execute(_FILL, datetime(2025, 1, 1, tzinfo=UTC), 2 * _ROWS)
        [user] = await database.fetch("SELECT id FROM users")
        return str(user["id"])
    finally:
        await database.close()


def _turn(side: Side, exchange: Exchange, clients: int, count: int) -> Callable[[], Burst]:
    def run() -> Burst:
        with Meter(side, files=False) as meter:
            told = ask(side, "load", [exchange] * clients, count)
        if told["failed"] or told["done"] != count:
            raise BenchFailed(f"{side.name} answered {told['failed']}")
        return Burst(count / told["seconds"], meter.cpu_seconds / count)

    return run


def _check(own: Side, own_list: Exchange, other: Side, other_list: Exchange) -> None:
    """Raise BenchFailed unless both sides answer with the same files."""
    pages = [
        json.loads(ask_one(own, own_list)["body"])["data"]["files"]["nodes"],
        json.loads(ask_one(other, other_list)["body"])["data"]["files"],
    ]
    told = [[_plain(file) for file in page] for page in pages]
    if told[0] != told[1] or len(told[0]) != _ROWS:
        raise BenchFailed(f"other files: {told}")


def _plain(file: dict[str, Any]) -> list[Any]:
    """A file without its id, which the product gives a type; moments compare in any form."""
    moments = [datetime.fromisoformat(file[name]) for name in ("createdAt", "updatedAt")]
    return [*(file[name] for name in ("name", "mimeType", "sizeBytes", "sha256", "status")), *moments]


def _rows(what: str, turns: dict[str, Callable[[], Burst]], options: Options) -> Iterator[Row]:
    interleave(1, turns)  # so that nobody is measured while something happens for the first time
    bursts = interleave(options.rounds, turns)
    rates = {name: [burst.rate for burst in taken] for name, taken in bursts.items()}
    reference = f"stock Strawberry, {Spread.of(rates['stock']).median:,.0f}/s"
    yield report.at_least(what, Spread.ratios(rates["own"], rates["stock"]), 4, reference, per_second=rates)
    cpu: dict[str, Sequence[float]] = {
        name: [1000 * burst.cpu_seconds for burst in taken] for name, taken in bursts.items()
    }
    others = f"stock Strawberry {Spread.of(cpu['stock']).median:.2f}"
    yield report.information(f"{what}: ms of server CPU for each", Spread.of(cpu["own"]).text(), others)


if __name__ == "__main__":
    main(measure)
