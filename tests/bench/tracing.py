"""What watching costs: the product as it is, without any instrumentation, and with every request traced.

CPU seconds for an operation, on SQLite and one connection at a time: what is spent, whatever else the machine does.

python -m tests.bench.tracing [--rounds 3]
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench import report
from tests.bench.client import Exchange
from tests.bench.harness import BenchFailed, Meter, Side, ask, interleave
from tests.bench.options import Options
from tests.bench.product import product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.wire import bearer, graphql, graphql_upload, make_sample

_OFF, _NONE, _ON = "tracing off", "no instrumentation", "every request traced"
_TICK_SECONDS = 0.01  # what processes are charged in
_ME = "query Me { me { id name email } }"


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """A query that reads a row or two, and small uploads."""
    sample = make_sample(folder, options.small)
    collector = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"
    }  # nobody is there: sending is not what is measured
    bare = ("tests.bench.sides.uninstrumented",)
    with ExitStack() as stack:
        sides = {
            _OFF: stack.enter_context(product(folder, name="off")),
            _NONE: stack.enter_context(product(folder, name="none", module=bare)),
            _ON: stack.enter_context(product(folder, name="on", environment=collector)),
        }
        queries = {
            name: _turn(each.side, graphql(_ME, {}, bearer(each.tokens[0])), options.queries)
            for name, each in sides.items()
        }
        uploads = {
            name: _turn(each.side, graphql_upload(sample, each.tokens[0]), options.small_uploads)
            for name, each in sides.items()
        }
        yield from _rows("query of one's own row", queries, options)
        yield from _rows(f"{report.size(sample.size)} upload", uploads, options)


def _turn(side: Side, exchange: Exchange, count: int) -> Callable[[], float]:
    def run() -> float:
        with Meter(side, files=False) as meter:
            told = ask(side, "load", [exchange], count)
        if told["failed"] or told["done"] != count:
            raise BenchFailed(f"{side.name} answered {told['failed']}")
        return max(meter.cpu_seconds, _TICK_SECONDS) / count

    return run


def _rows(what: str, turns: dict[str, Callable[[], float]], options: Options) -> Iterator[Row]:
    interleave(1, turns)  # so that nobody is measured while something happens for the first time
    spent = interleave(options.rounds, turns)
    reference = f"{_NONE}, {Spread.of(spent[_NONE]).median * 1e6:,.0f} µs of CPU"
    yield report.at_least(
        f"{what}, {_OFF}", Spread.ratios(spent[_NONE], spent[_OFF]), 0.9, reference, cpu_seconds=spent
    )
    traced = Spread.ratios(spent[_NONE], spent[_ON])
    yield Row(f"{what}, {_ON}", traced.text(" ×"), reference=reference, value=traced.median)


if __name__ == "__main__":
    main(measure)
