"""Everything at once, as one table: `make bench`, or `python -m tests.bench [--quick] [--only PART ...] [--json FILE]`.

Figures are ratios of sides that took turns on this machine; absolute ones mean little. A missed budget is told, not punished.
"""

from tests.bench import (
    adversarial,
    cleanup,
    fanout,
    objects,
    pages,
    queries,
    reconciliation,
    refusal,
    reservation,
    small_files,
    tracing,
    uploads,
)
from tests.bench.options import Options
from tests.bench.running import run

PARTS = {
    "uploads": uploads.measure,
    "small_files": small_files.measure,
    "objects": objects.measure,
    "refusal": refusal.measure,
    "adversarial": adversarial.measure,
    "queries": queries.measure,
    "pages": pages.measure,
    "reservation": reservation.measure,
    "cleanup": cleanup.measure,
    "reconciliation": reconciliation.measure,
    "tracing": tracing.measure,
    "fanout": fanout.measure,
}


if __name__ == "__main__":
    _options = Options.parse(sections=tuple(PARTS))
    run({name: measure for name, measure in PARTS.items() if name in (_options.only or PARTS)}, _options)
