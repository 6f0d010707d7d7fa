"""Many small files: the product and stock Strawberry with rows, a ledger and hashes on PostgreSQL, and both sides that have none.

Every client is a user of its own with a connection that is kept alive; the sides take turns. PostgreSQL runs with its defaults,
so each upload of the product waits for the disk four times: for two commits, for the file and for its folder.

python -m tests.bench.small_files [--small-uploads 3000] [--rounds 3]
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.db import Database
from app.models import UserStorage
from tests.bench import report
from tests.bench.client import Exchange
from tests.bench.harness import BenchFailed, Meter, Side, ask, interleave, serving
from tests.bench.options import Options
from tests.bench.postgres import databases, promises
from tests.bench.product import check_stored, product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.wire import USER_HEADER, Sample, graphql_upload, make_sample, put, stock_upload
from tests.factories import make_location, make_user

_OWN, _ONE, _RAW = "product", "product, one user", "raw PUT"
_STOCK, _BARE = "stock Strawberry", "stock Strawberry without database"


@dataclass(frozen=True, slots=True)
class Burst:
    """Uploads a second; the server's CPU seconds for each; seconds within which half, and 99 of 100, were answered."""

    rate: float
    cpu_seconds: float
    median_seconds: float
    slow_seconds: float


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about small files."""
    sample = make_sample(folder, options.small)
    with ExitStack() as stack:
        server = stack.enter_context(databases(options))
        url, other_url = server.migrated_database(), server.migrated_database()
        users = asyncio.run(_users(other_url, options.clients))
        satchel = stack.enter_context(product(folder, database_url=url, users=options.clients))
        raw = stack.enter_context(serving("raw_put", folder, _module("raw_put")))
        bare = stack.enter_context(serving("stock", folder, _module("stock_strawberry")))
        booking = {"DATABASE_URL": other_url}
        stock = stack.enter_context(serving("stock_with_rows", folder, _module("stock_with_rows"), booking))
        own = [graphql_upload(sample, token) for token in satchel.tokens]
        turns = {
            _OWN: _turn(satchel.side, sample, own, options.small_uploads),
            _ONE: _turn(satchel.side, sample, own[:1] * options.clients, options.small_uploads),
            _RAW: _turn(raw, sample, [put(sample)] * options.clients, options.small_uploads),
            _STOCK: _turn(stock, sample, [stock_upload(sample, user) for user in users], options.small_uploads),
            _BARE: _turn(bare, sample, [stock_upload(sample)] * options.clients, options.small_uploads),
        }
        interleave(1, turns)  # so that nobody is measured while something happens for the first time
        bursts = interleave(options.rounds, turns)
        yield from _rows(bursts, f"{report.size(sample.size)} uploads, {options.clients} clients", promises(url))


def _module(name: str) -> list[str]:
    return ["-m", f"tests.bench.sides.{name}"]


async def _users(url: str, count: int) -> list[dict[str, str]]:
    """Users of the stock side: the headers that name them."""
    database = Database(url)
    await database.open()
    try:
        await make_location("local")
        users = [await make_user() for _ in range(count)]
        for user in users:
            await UserStorage.create(user_id=user.id)
        return [{USER_HEADER: str(user.id)} for user in users]
    finally:
        await database.close()


def _turn(side: Side, sample: Sample, exchanges: Sequence[Exchange], count: int) -> Callable[[], Burst]:
    def run() -> Burst:
        before = len(side.stored())
        os.sync()
        with Meter(side, files=False) as meter:
            told = ask(side, "load", exchanges, count)
        if told["failed"] or told["done"] != count:
            raise BenchFailed(f"{side.name} answered {told['failed']}")
        check_stored(side, sample, before + count)
        return Burst(count / told["seconds"], meter.cpu_seconds / count, told["median_seconds"], told["slow_seconds"])

    return run


def _rows(bursts: dict[str, list[Burst]], what: str, about: str) -> Iterator[Row]:
    rates = {name: [burst.rate for burst in taken] for name, taken in bursts.items()}
    details = {"uploads_per_second": rates, "database": about}
    yield report.at_least(what, Spread.ratios(rates[_OWN], rates[_STOCK]), 3.5, _STOCK, **details)
    yield report.at_least(what, Spread.ratios(rates[_OWN], rates[_RAW]), 0.35, f"{_RAW} without database", **details)
    for name, other in ((_OWN, _BARE), (_ONE, _STOCK)):
        ratio = Spread.ratios(rates[name], rates[other])
        yield report.information(f"{what}{name.removeprefix(_OWN)}", ratio.text(" ×"), other, **details)
    yield _beside(f"{what}: uploads/s", rates, digits=0)
    cpu = {name: [1000 * burst.cpu_seconds for burst in taken] for name, taken in bursts.items()}
    yield _beside(f"{what}: ms of server CPU for each", cpu)
    slow = {name: [1000 * burst.slow_seconds for burst in taken] for name, taken in bursts.items()}
    yield _beside(f"{what}: 99 of 100 are answered within ms", slow, digits=0)


def _beside(what: str, figures: dict[str, list[float]], *, digits: int = 2) -> Row:
    """The product's figures beside the others' medians."""
    others = (f"{name} {Spread.of(figures[name]).median:,.{digits}f}" for name in (_RAW, _STOCK, _BARE))
    return report.information(what, Spread.of(figures[_OWN]).text(digits=digits), ", ".join(others))


if __name__ == "__main__":
    main(measure)
