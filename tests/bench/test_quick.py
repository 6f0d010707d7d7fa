"""The benchmarks work: each of their rows is there, and what they count as done was done. How fast it was decides nothing here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.harness import ROOT, BenchFailed, ask_one, serving
from tests.bench.product import check_stored
from tests.bench.wire import make_sample, put
from tests.fixtures.servers.databases import PostgresServer

# Of the whole, which takes minutes: parts that begin with a server of their own, with a database, and with what refuses.
_SOME = ("refusal", "queries", "reservation")
_JUDGED_OF_SOME = {
    ("quota refusal of 1 GiB, whole reply after", None),
    ("quota refusal of 1 GiB, read before it", None),
    ("trivial query, 4 clients", None),
    ("list of 50 × 8 fields, 4 clients", None),
    ("reservation and row, 4 clients", None),
}

# What design.md's performance budget has a bound for.
_JUDGED = {
    *_JUDGED_OF_SOME,
    ("1 MiB upload to disk, throughput", "raw PUT"),
    ("3 MiB upload to disk, throughput", "raw PUT"),
    ("3 MiB upload to disk, throughput", "stock Strawberry"),
    ("1 MiB upload, memory above idle", None),
    ("3 MiB upload, memory above idle", None),
    ("1 MiB upload, temporary disk", None),
    ("3 MiB upload, temporary disk", None),
    ("3 MiB download, memory above idle", None),
    ("each further concurrent upload (1 and 3)", None),
    ("10 KiB uploads, 4 clients", "stock Strawberry"),
    ("10 KiB uploads, 4 clients", "raw PUT without database"),
    ("1 MiB upload to S3, throughput", "presigned PUT"),
    ("1 MiB upload to S3, memory above idle", None),
    ("10 MiB upload to S3 in parts, memory above idle", None),
    ("each further concurrent upload to S3 in parts (1 and 2)", None),
    ("refusing an adversarial kilobyte, CPU of the worst", None),
    *(
        (f"page at depth 1,800 of 2,000, {scope} {order}", None)
        for scope in ("OWN", "MANAGED")
        for order in ("CREATED_AT_DESC", "CREATED_AT_ASC", "NAME_ASC", "SIZE_DESC")
    ),
    ("cleanup of local files", None),
    ("cleanup of objects in S3", None),
    ("fan-out to 20 subscribers, who may see the same", None),
    ("fan-out to 20 subscribers, all different", None),
    ("reconciliation of 3,000 files of 1,000 users", None),
    ("query of one's own row, tracing off", None),
    ("10 KiB upload, tracing off", None),
}
_BY_SIDE = ("presigned PUT", "raw PUT", "stock Strawberry", "raw PUT without database")


def _key(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["what"], row["reference"] if row["reference"] in _BY_SIDE else None


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "parts, expected",
    [
        pytest.param(("--only", *_SOME), _JUDGED_OF_SOME, id="some"),
        pytest.param((), _JUDGED, id="all", marks=pytest.mark.long),
    ],
)
def test_every_row_of_the_benchmarks_is_there(
    postgres18: PostgresServer, tmp_path: Path, parts: tuple[str, ...], expected: set[tuple[str, str | None]]
) -> None:
    results = tmp_path / "results"
    program = [sys.executable, "-m", "tests.bench", "--quick", "--results", str(results), "--folder", str(tmp_path)]
    url = postgres18.url("postgres")
    # Each part checks the bytes that arrived, and fails when they are others: only then is the status another one.
    subprocess.run([*program, "--postgres", url, *parts], cwd=ROOT, check=True, capture_output=True, timeout=580)

    rows = json.loads((results / "bench.json").read_text())["rows"]
    judged = [row for row in rows if row["reached"] is not None]
    assert {_key(row) for row in judged} == expected
    assert len(judged) == len(expected)
    assert all(row["measured"] and row["must"] and row["value"] is not None for row in judged)
    assert {row["verdict"] for row in rows} <= {"reached", "missed", "–"}
    values = {_key(row): row["value"] for row in judged}
    # These are no matter of time.
    assert values.get(("3 MiB upload, temporary disk", None), 0) == 0
    assert values["quota refusal of 1 GiB, read before it", None] <= 5_000_000
    assert list(tmp_path.iterdir()) == [results]
    table = (results / "bench.md").read_text().splitlines()
    assert len(table) == 2 + len(judged)
    drawn = "".join(chart.read_text() for chart in results.glob("*.svg"))
    for row in judged:
        assert f">{row['what']}</text>" in drawn


def test_bytes_that_are_not_those_that_were_sent_are_noticed(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, 300_000)
    with serving("raw_put", tmp_path, ["-m", "tests.bench.sides.raw_put"]) as side:
        ask_one(side, put(sample))
        check_stored(side, sample)
        [stored] = side.stored()
        with stored.open("r+b") as file:
            file.seek(200_000)
            file.write(b"other")
        with pytest.raises(BenchFailed, match="other bytes"):
            check_stored(side, sample)
