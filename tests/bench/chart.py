"""Charts of the benchmarks, as SVG: how far each row is from its bound, to the right of the line where it is kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from xml.sax.saxutils import escape

from tests.bench.report import Row

_ROW = 34
_TEXT = 430
_PLOT = 420
_WIDTH = _TEXT + _PLOT + 20
_DOUBLINGS = 4.0  # what is more than 16 times above or below its bound is drawn at the edge
_COLOURS = {True: "#2e7d4f", False: "#b5472f"}
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:11px;fill:#666}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.small{fill:#999}}"
)


@dataclass(frozen=True, slots=True)
class _Bar:
    """A row as quotients of what is measured and what is asked for: 1 is just enough, 2 is twice as good."""

    row: Row
    middle: float
    ends: tuple[float, float]

    @classmethod
    def of(cls, row: Row) -> Self | None:
        """None for what has no bound."""
        if row.bound is None or row.value is None:
            return None
        lowest, highest = (float(row.details.get(name, row.value)) for name in ("lowest", "highest"))
        good = [_goodness(row, row.bound, figure) for figure in (row.value, lowest, highest)]
        return cls(row, good[0], (min(good), max(good)))


def draw(title: str, rows: Sequence[Row]) -> str:
    """An SVG document. Rows without a bound are left out."""
    bars = [bar for bar in map(_Bar.of, rows) if bar is not None]
    height = _ROW * len(bars) + 70
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text x="0" y="18" font-weight="bold">{escape(title)}</text>',
        f'<text class="small" x="{_x(1):.0f}" y="18" text-anchor="middle">the bound</text>',
        f'<line x1="{_x(1):.0f}" y1="24" x2="{_x(1):.0f}" y2="{height - 34}" stroke="#888" stroke-dasharray="4 3"/>',
    ]
    for number, bar in enumerate(bars):
        lines += _drawn(bar, 34 + number * _ROW)
    for factor in (1 / 16, 1 / 4, 4, 16):
        told = f"{factor:g} ×" if factor > 1 else f"1/{1 / factor:g}"
        lines.append(f'<text class="small" x="{_x(factor):.0f}" y="{height - 18}" text-anchor="middle">{told}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _drawn(bar: _Bar, top: int) -> list[str]:
    start, end = sorted((_x(1), _x(bar.middle)))
    colour = _COLOURS[bool(bar.row.reached)]
    middle = top + 9
    reference = "" if bar.row.reference == "–" else f", of {bar.row.reference}"
    return [
        f'<text x="0" y="{top + 10}">{escape(bar.row.what)}</text>',
        f'<text class="small" x="0" y="{top + 24}">{escape(f"{bar.row.measured}; {bar.row.must}{reference}")}</text>',
        f'<rect x="{start:.1f}" y="{top}" width="{end - start:.1f}" height="18" rx="2" fill="{colour}"/>',
        (
            f'<line x1="{_x(bar.ends[0]):.1f}" y1="{middle}" x2="{_x(bar.ends[1]):.1f}" y2="{middle}" '
            f'stroke="{colour}" stroke-width="3" stroke-opacity=".5"/>'
        ),
    ]


def _goodness(row: Row, bound: float, figure: float) -> float:
    if row.smaller_is_better:
        return math.inf if figure <= 0 else bound / figure
    return figure / bound if bound else math.inf


def _x(goodness: float) -> float:
    doublings = -_DOUBLINGS if goodness <= 0 else max(-_DOUBLINGS, min(_DOUBLINGS, math.log2(goodness)))
    return _TEXT + _PLOT * (doublings + _DOUBLINGS) / (2 * _DOUBLINGS)
