"""Running one part of the benchmarks, or several, and telling what came of it."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from tests.bench import chart, report
from tests.bench.options import Options
from tests.bench.report import Row

Measure = Callable[[Options, Path], Iterator[Row]]


def main(measure: Measure) -> None:
    """One part as a program of its own."""
    run({"": measure}, Options.parse())


def run(parts: Mapping[str, Measure], options: Options) -> list[Row]:
    """The parts one after the other, each in a folder that is gone afterwards; the table goes to standard output.

    A budget that is missed is a row of the table and nothing else. Raises what a part raises that could not measure at all.
    """
    signal.signal(signal.SIGTERM, _end_in_order)
    measured: dict[str, list[Row]] = {}
    for name, measure in parts.items():
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="satchel-bench-", dir=options.folder)).resolve()
        try:
            for row in measure(options, folder):
                measured.setdefault(name, []).append(row)
                print(f"{name:12} {time.monotonic() - began:6.1f} s  {row.what}: {row.measured}", file=sys.stderr)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    rows = [row for part in measured.values() for row in part]
    print(report.table(rows))
    if options.json is not None:
        report.save(rows, options.json)
    if options.results is not None:
        _keep(measured, rows, options.results)
    return rows


def _keep(measured: Mapping[str, list[Row]], rows: list[Row], folder: Path) -> None:
    """All forms of the figures: JSON, the README's table, and a chart of each part that has bounds."""
    folder.mkdir(parents=True, exist_ok=True)
    report.save(rows, folder / "bench.json")
    (folder / "bench.md").write_text(report.markdown(rows))
    for name, part in measured.items():
        if any(row.bound is not None for row in part):
            (folder / f"{name}.svg").write_text(chart.draw(name.replace("_", " "), part))


def _end_in_order(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C does: servers are stopped, folders removed.
    raise KeyboardInterrupt
