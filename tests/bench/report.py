"""What the benchmarks print: one row for each thing measured, as a table for people and as JSON for machines."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures of several rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """At least one figure."""
        return cls(median(figures), min(figures), max(figures))

    @classmethod
    def ratios(cls, above: Sequence[float], below: Sequence[float]) -> "Spread":
        """The quotients of figures that were taken in the same rounds."""
        return cls.of([one / other for one, other in zip(above, below, strict=True)])

    def text(self, unit: str = "", *, digits: int = 2) -> str:
        """The median with its bounds."""
        return f"{self.median:,.{digits}f}{unit} ({self.lowest:,.{digits}f}..{self.highest:,.{digits}f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `reached` and `bound` are None for what is shown for information only."""

    what: str
    measured: str
    must: str = "–"
    reference: str = "–"
    reached: bool | None = None
    value: float | None = None
    bound: float | None = None
    smaller_is_better: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """In a word."""
        return "–" if self.reached is None else "reached" if self.reached else "missed"


def at_least(what: str, ratio: Spread, bound: float, reference: str, **details: Any) -> Row:
    """A ratio whose median must reach `bound`."""
    reached = ratio.median >= bound
    told = ratio.text(" ×")
    return Row(what, told, f"≥ {bound:g} ×", reference, reached, ratio.median, bound, details=_with(ratio, details))


def at_most(what: str, ratio: Spread, bound: float, reference: str, **details: Any) -> Row:
    """A ratio whose median must not pass `bound`."""
    reached = ratio.median <= bound
    told, details = ratio.text(" ×"), _with(ratio, details)
    return Row(what, told, f"≤ {bound:g} ×", reference, reached, ratio.median, bound, True, details)


def bytes_at_most(what: str, figures: Sequence[float], bound: float, reference: str = "–", **details: Any) -> Row:
    """Bytes of which not even the highest figure may pass `bound`."""
    spread = Spread.of(figures)
    told = f"{size(spread.highest)}" + (f" (lowest {size(spread.lowest)})" if len(figures) > 1 else "")
    reached, details = spread.highest <= bound, _with(spread, details)
    return Row(what, told, f"≤ {size(bound)}", reference, reached, spread.highest, bound, True, details)


def milliseconds_at_most(what: str, milliseconds: Spread, bound: float) -> Row:
    """A time whose median may not pass `bound`."""
    reached, details = milliseconds.median <= bound, _with(milliseconds, {})
    told = milliseconds.text(" ms")
    return Row(what, told, f"≤ {bound:g} ms", "–", reached, milliseconds.median, bound, True, details)


def information(what: str, measured: str, reference: str = "–", **details: Any) -> Row:
    """Something without a bound."""
    return Row(what, measured, reference=reference, details=details)


def size(count: float) -> str:
    """Bytes for people."""
    if count and count % 1000**2 == 0:
        return f"{count / 1000**2:,.0f} MB"
    for factor, unit in ((1024 * _MIB, "GiB"), (_MIB, "MiB"), (1024, "KiB")):
        if abs(count) >= factor:
            return f"{count / factor:,.4g} {unit}"
    return f"{count:,.0f} bytes"


def table(rows: Sequence[Row]) -> str:
    """The rows below one another in columns."""
    heads = ("what", "measured", "must reach", "reference", "verdict")
    lines = [heads, *((row.what, row.measured, row.must, row.reference, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type] # as many as there are heads
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """The rows that have a bound, as the README shows them."""
    lines = ["| what | measured | must reach | reference | |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.measured} | {row.must} | {row.reference} | {row.verdict} |"
        for row in rows
        if row.reached is not None
    ]
    return "\n".join([*lines, ""])


def save(rows: Sequence[Row], path: Path, **about: Any) -> None:
    """Write the rows, and what they were measured on, as JSON."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    told = [{**asdict(row), "verdict": row.verdict} for row in rows]
    path.write_text(json.dumps({"machine": machine, **about, "rows": told}, indent=2, ensure_ascii=False) + "\n")


def _with(spread: Spread, details: dict[str, Any]) -> dict[str, Any]:
    return {"median": spread.median, "lowest": spread.lowest, "highest": spread.highest, **details}
