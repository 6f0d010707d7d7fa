"""Large files: the product, a raw PUT and stock Strawberry take the same file in turns; and what that costs in memory and disk.

python -m tests.bench.uploads [--size 1G] [--rounds 3]
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import report
from tests.bench.client import Exchange, Outcome
from tests.bench.harness import BenchFailed, Meter, Side, ask, ask_one, interleave, rest, serving, succeeded
from tests.bench.options import Options
from tests.bench.product import Product, check_stored, product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.wire import Sample, graphql_upload, make_sample, put, stock_upload

_OWN, _RAW, _HASHED, _STOCK = "product", "raw PUT", "raw PUT with SHA-256", "stock Strawberry"
_KIB, _MIB, _GIB = 1024, 1024**2, 1024**3
_MEMORY_OF_ONE, _MEMORY_OF_FURTHER = 16 * _MIB, 256 * _KIB


@dataclass(frozen=True, slots=True)
class Contender:
    """A side that takes uploads. `idle` is what it holds in memory at rest, after a first small upload."""

    side: Side
    request: Callable[[Sample], Exchange]
    remove: Callable[[Outcome], None]
    idle: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One upload. Bytes and seconds; memory is the peak above what the server held at rest."""

    size: int
    seconds: float
    cpu_seconds: float
    memory: int
    temporary: int

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.size / self.seconds

    @property
    def cpu_per_gib(self) -> float:
        """Seconds of CPU time for each GiB."""
        return self.cpu_seconds * _GIB / self.size


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about large files."""
    small = make_sample(folder, 10 * _KIB)
    with ExitStack() as stack:
        satchel = stack.enter_context(product(folder))
        contenders = {_OWN: _own(satchel), **_others(stack, folder)}
        for name, contender in contenders.items():
            _take(contender, small)
            contenders[name] = Contender(contender.side, contender.request, contender.remove, rest(contender.side))
        for size in sorted({options.medium, options.large}):
            sample = make_sample(folder, size)
            turns = interleave(options.rounds, {name: _turn(each, sample) for name, each in contenders.items()})
            yield from _rows(turns, large=size == options.large)
            if size == options.large:
                yield _download(satchel, sample, contenders[_OWN].idle)
            sample.path.unlink()
    with product(folder, name="crowd") as satchel:
        yield _crowd(satchel, small, make_sample(folder, options.slow_size), options)


def _own(satchel: Product) -> Contender:
    return Contender(
        satchel.side,
        lambda sample: graphql_upload(sample, satchel.tokens[0]),
        lambda outcome: satchel.purge(satchel.uploaded(outcome["body"])),
    )


def _others(stack: ExitStack, folder: Path) -> dict[str, Contender]:
    def start(name: str, module: str, environment: dict[str, str] | None = None) -> Side:
        return stack.enter_context(serving(name, folder, ["-m", f"tests.bench.sides.{module}"], environment))

    return {
        _RAW: _other(start("raw", "raw_put"), put),
        _HASHED: _other(start("raw-hashed", "raw_put", {"HASHED": "1"}), put),
        _STOCK: _other(start("stock", "stock_strawberry"), stock_upload),
    }


def _other(side: Side, request: Callable[[Sample], Exchange]) -> Contender:
    def remove(_: Outcome) -> None:
        for path in side.stored():
            path.unlink()

    return Contender(side, request, remove)


def _turn(contender: Contender, sample: Sample) -> Callable[[], Turn]:
    return lambda: _take(contender, sample)


def _take(contender: Contender, sample: Sample) -> Turn:
    os.sync()  # what others have left to the disk is not this side's work
    with Meter(contender.side) as meter:
        outcome = ask_one(contender.side, contender.request(sample))
    check_stored(contender.side, sample)
    contender.remove(outcome)
    memory = meter.peak_rss - contender.idle
    return Turn(sample.size, outcome["seconds"], meter.cpu_seconds, memory, meter.temporary)


def _rows(turns: Mapping[str, Sequence[Turn]], *, large: bool) -> Iterator[Row]:
    own = turns[_OWN]
    what = report.size(own[0].size)
    rates = {name: [turn.rate for turn in taken] for name, taken in turns.items()}
    details = {"bytes_per_second": rates, "seconds": {name: [turn.seconds for turn in turns[name]] for name in turns}}
    yield report.at_least(
        f"{what} upload to disk, throughput", Spread.ratios(rates[_OWN], rates[_RAW]), 0.9, _RAW, **details
    )
    against_hashed = Spread.ratios(rates[_OWN], rates[_HASHED])
    yield report.information(f"{what} upload to disk, throughput", against_hashed.text(" ×"), _HASHED, **details)
    against_stock = Spread.ratios(rates[_OWN], rates[_STOCK])
    if large:
        yield report.at_least(f"{what} upload to disk, throughput", against_stock, 2.5, _STOCK, **details)
    else:
        yield report.information(f"{what} upload to disk, throughput", against_stock.text(" ×"), _STOCK, **details)
    cpu = {name: Spread.of([turn.cpu_per_gib for turn in taken]) for name, taken in turns.items()}
    others = ", ".join(f"{name} {cpu[name].median:.2f}" for name in (_RAW, _HASHED, _STOCK))
    yield report.information(f"{what} upload, CPU s/GiB", cpu[_OWN].text(), others)
    yield _memory(f"{what} upload, memory above idle", turns)
    yield report.bytes_at_most(
        f"{what} upload, temporary disk",
        [turn.temporary for turn in own],
        0,
        f"{_STOCK} {report.size(max(turn.temporary for turn in turns[_STOCK]))}",
    )


def _memory(what: str, turns: Mapping[str, Sequence[Turn]]) -> Row:
    peaks = {name: max(turn.memory for turn in taken) for name, taken in turns.items()}
    others = ", ".join(f"{name} {report.size(peaks[name])}" for name in (_RAW, _STOCK))
    return report.bytes_at_most(what, [turn.memory for turn in turns[_OWN]], _MEMORY_OF_ONE, others)


def _download(satchel: Product, sample: Sample, idle: int) -> Row:
    file = satchel.upload(sample)
    rest(satchel.side)
    with Meter(satchel.side) as meter:
        told = satchel.download(file)
    if (told["size"], told["sha256"]) != (sample.size, sample.sha256):
        raise BenchFailed("other bytes came down than went up")
    satchel.purge(file)
    return report.bytes_at_most(
        f"{report.size(sample.size)} download, memory above idle", [meter.peak_rss - idle], _MEMORY_OF_ONE
    )


def _crowd(satchel: Product, small: Sample, sample: Sample, options: Options) -> Row:
    """What each upload beyond the first one holds while all are under way, each slower than the disk by far."""
    satchel.purge(satchel.upload(small))
    rest(satchel.side)
    peaks = [_peak_of(satchel, sample, count, options.slow_rate) for count in (1, options.crowd)]
    each = (peaks[1] - peaks[0]) / (options.crowd - 1)
    return report.bytes_at_most(
        f"each further concurrent upload (1 and {options.crowd})", [each], _MEMORY_OF_FURTHER, peaks=peaks
    )


def _peak_of(satchel: Product, sample: Sample, count: int, rate: int) -> int:
    with Meter(satchel.side) as meter:
        outcomes = ask(satchel.side, "slow", [graphql_upload(sample, satchel.tokens[0])] * count, rate)
    check_stored(satchel.side, sample, count)
    satchel.purge(*(satchel.uploaded(succeeded(satchel.side, outcome)["body"]) for outcome in outcomes))
    return meter.peak_rss


if __name__ == "__main__":
    main(measure)
