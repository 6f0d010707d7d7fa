"""A file that does not fit: how soon the client knows, and how much of the file had been read by then.

The client sends as fast as it can and looks for the reply at the same time.

python -m tests.bench.refusal
"""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.bench import report
from tests.bench.client import Outcome
from tests.bench.harness import BenchFailed, ask
from tests.bench.options import Options
from tests.bench.product import Product, product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.sides.counted_product import HEADER
from tests.bench.wire import graphql_upload, make_hole

_WARM_UPS = 5
_SECONDS = 0.010
_BYTES = 5 * 1000**2


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about refusals."""
    sample = make_hole(folder, options.refused_size)
    module = ["tests.bench.sides.counted_product"]
    with product(folder, quota=options.refused_size // 2, module=module) as satchel:
        exchange = graphql_upload(sample, satchel.tokens[0])
        ask(satchel.side, "refused", [exchange] * _WARM_UPS)
        outcomes = ask(satchel.side, "refused", [exchange] * options.refusals)
        taken = [_taken(satchel, outcome) for outcome in outcomes]
    what = f"quota refusal of {report.size(options.refused_size)}"
    times = Spread.of([outcome["seconds"] for outcome in outcomes])
    milliseconds = Spread(*(1000 * value for value in (times.median, times.lowest, times.highest)))
    yield report.milliseconds_at_most(f"{what}, whole reply after", milliseconds, 1000 * _SECONDS)
    yield report.bytes_at_most(f"{what}, read before it", taken, _BYTES)
    sent = report.size(max(outcome["sent"] for outcome in outcomes))
    yield report.information(f"{what}, sent by then", sent, "what is on its way included")


def _taken(satchel: Product, outcome: Outcome) -> int:
    """The bytes that had been read; raises BenchFailed unless the reply is the one that was to be measured."""
    [error] = json.loads(outcome["body"])["errors"]
    if error["extensions"]["code"] != "QUOTA_EXCEEDED" or satchel.side.stored():
        raise BenchFailed(f"no refusal for the quota: {outcome['body']}")
    [line] = [line for line in outcome["headers"].splitlines() if line.lower().startswith(HEADER)]
    return int(line.partition(":")[2])


if __name__ == "__main__":
    main(measure)
