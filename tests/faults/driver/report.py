"""What the driver prints: a line for each scenario, the sum, and what was violated; and the same as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.driver.act import Result

_COLUMNS = ("operations", "ok", "failed", "unknown", "kills", "faults", "samples", "violations", "seconds")


def line(result: Result) -> str:
    """One scenario as progress."""
    counts = ", ".join(f"{name} {_cell(result, name)}" for name in _COLUMNS[:-1])
    return f"{result.scenario}: {counts} ({result.seconds:.0f} s)"


def table(results: Sequence[Result]) -> str:
    """All of them in columns, as Markdown takes them."""
    heads = ("scenario", *_COLUMNS)
    cells = [heads, *((one.scenario, *(_cell(one, name) for name in _COLUMNS)) for one in (*results, total(results)))]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(
        1, "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    )
    return "\n".join(lines)


def total(results: Sequence[Result]) -> Result:
    """The sum of all scenarios."""
    sums = {name: sum(getattr(one, name) for one in results) for name in _COLUMNS if name != "violations"}
    return Result("all", violations=[text for one in results for text in one.violations], **sums)


def save(results: Sequence[Result], path: Path, *, plan: str, seed: int) -> None:
    """Write everything down, with what it was done on."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    about = {"plan": plan, "seed": seed, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine}
    told = {**about, "all": asdict(total(results)), "scenarios": [asdict(one) for one in results]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def _cell(result: Result, name: str) -> str:
    value = getattr(result, name)
    return f"{len(value) if name == 'violations' else value:,.0f}"
