"""Kilobytes that are meant to cost seconds: the CPU time of refusing each of them, from its text to the errors.

python -m tests.bench.adversarial
"""

import time
from collections.abc import Iterator
from pathlib import Path

from schema.documents import Documents
from schema.schema import SatchelSchema
from tests.bench import report
from tests.bench.harness import BenchFailed
from tests.bench.options import Options
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.schema.adversarial import ADVERSARIES

_MILLISECONDS = 20
_ABOUT_A_KILOBYTE = 2_200  # bytes: some of them need a little more


def measure(options: Options, _folder: Path) -> Iterator[Row]:
    """The worst of them as a row with a bound, and each by itself."""
    schema = SatchelSchema()
    _refuse(schema, "{ me { id } nothing }")  # a first document pays for what is made once
    spreads = {
        adversary: Spread.of([_refuse(schema, adversary.document) for _ in range(options.refusals)])
        for adversary in ADVERSARIES
    }
    kilobytes = [spread for adversary, spread in spreads.items() if len(adversary.document) <= _ABOUT_A_KILOBYTE]
    worst = max(kilobytes, key=lambda spread: spread.median)
    yield report.milliseconds_at_most("refusing an adversarial kilobyte, CPU of the worst", worst, _MILLISECONDS)
    for adversary, spread in spreads.items():
        yield Row(
            f"refusing {adversary.name} ({len(adversary.document):,} bytes)", spread.text(" ms"), value=spread.median
        )


def _refuse(schema: SatchelSchema, document: str) -> float:
    documents = Documents(schema._schema)  # one that has not seen the document yet
    began = time.process_time()
    errors = documents.prepare(document).errors
    milliseconds = 1000 * (time.process_time() - began)
    if not errors:
        raise BenchFailed(f"not refused: {document}")
    return milliseconds


if __name__ == "__main__":
    main(measure)
