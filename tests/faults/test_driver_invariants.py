"""The driver's list of promises: nothing is found in what is in order, and each kind of disorder is found by its promise."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from schema.ids import global_id
from tests.faults.driver.evidence import Evidence, Object, Traces
from tests.faults.driver.invariants import violations
from tests.faults.driver.journal import Journal, Kind, Operation, Outcome
from tests.faults.driver.watch import Sampler

pytestmark = pytest.mark.requirement("R1")

OWNER, FILE, RUN, OLD = uuid4(), uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def note(
    was: str | None, became: str | None, *, file_id: UUID = FILE, run_id: UUID | None = None, days: int = 0
) -> Any:
    return {
        "file_id": file_id,
        "owner_id": OWNER,
        "name": "file-0.bin" if file_id == FILE else "old.txt",
        "was": was,
        "became": became,
        "run_id": run_id,
        "size_bytes": 7,
        "deleted_at": NOW - timedelta(days=days),
        "looked_at": NOW,
    }


def run(**fields: Any) -> Any:
    values: dict[str, Any] = {
        "id": RUN,
        "job": "orphaned_file_cleanup",
        "tick": NOW,
        "started_at": NOW,
        "dry_run": False,
        "error": None,
        "summary": {"filesDeleted": 1, "bytesFreed": 7},
    }
    return values | fields


def in_order() -> Evidence:
    """A file that was acknowledged, and one that a run has purged after 31 days."""
    upload = Operation(Kind.UPLOAD, OWNER, 1.0, "file-0.bin", global_id("File", FILE), 3, "abc", 2.0, Outcome.OK)
    row = {"id": FILE, "owner_id": OWNER, "name": "file-0.bin", "status": "ACTIVE", "size_bytes": 3, "sha256": "abc"}
    return Evidence(
        journal=Journal([upload]),
        sampler=Sampler(""),
        files={FILE: {**row, "storage_key": "key"}},
        notes=[
            note(None, "PENDING"),
            note("PENDING", "ACTIVE"),
            note("SOFT_DELETED", "PURGING", file_id=OLD, run_id=RUN, days=31),
            note("PURGING", None, file_id=OLD, run_id=RUN, days=31),
        ],
        runs={RUN: run()},
        untrue=[],
        objects={"key": Object(3, "abc")},
        processes=[Traces("serve 1", 30, [])],
        connections=[],
        temporary=[],
        missing=[],
        swept=False,
        furthest_seconds=0,
    )


def with_row(**fields: Any) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, files={FILE: {**found.files[FILE], **fields}})


def with_note(added: Any) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, notes=[*found.notes, added])


def with_outcome(outcome: Outcome) -> Callable[[Evidence], Evidence]:
    def doctored(found: Evidence) -> Evidence:
        upload = replace(found.journal.operations[0], outcome=outcome, file_id=None)
        return replace(found, journal=Journal([upload]))

    return doctored


def test_nothing_is_found_in_what_is_in_order() -> None:
    assert violations(in_order()) == []


Doctored = Callable[[Evidence], Evidence]

DISORDERS: dict[str, tuple[str, Doctored]] = {
    "an untrue ledger": ("the_ledger_is", lambda found: replace(found, untrue=[{"used": 1}])),
    "an instant over quota": (
        "nothing_forbidden",
        lambda found: replace(found, sampler=Sampler("", seen={"too much"})),
    ),
    "wrong bytes read": (
        "nothing_forbidden",
        lambda found: replace(found, journal=Journal(found.journal.operations, ["other bytes"])),
    ),
    "a lost file": ("every_acknowledged", lambda found: replace(found, files={}, objects={})),
    "a file in another place": ("every_acknowledged", with_row(status="SOFT_DELETED")),
    "another hash in the row": ("every_acknowledged", with_row(sha256="abd")),
    "other bytes in the store": ("every_acknowledged", lambda found: replace(found, objects={"key": Object(3, "abd")})),
    "a refused upload that is there": ("every_other", with_outcome(Outcome.FAILED)),
    "an upload stored twice": ("every_other", with_note(note("PENDING", "ACTIVE"))),
    "a row on its way": ("every_row", with_row(status="PURGING")),
    "a row without object": ("every_row", lambda found: replace(found, objects={})),
    "an object of another size": ("every_row", lambda found: replace(found, objects={"key": Object(2, "abc")})),
    "an object without row": (
        "every_row",
        lambda found: replace(found, objects={**found.objects, "other": Object(1, "")}),
    ),
    "a way back": ("rows_go", with_note(note("PURGING", "ACTIVE"))),
    "a purge past the trash": ("rows_go", with_note(note("ACTIVE", "PURGING"))),
    "an early purge": ("nothing_is_purged", with_note(note("SOFT_DELETED", "PURGING", run_id=RUN, days=29))),
    "a row deleted twice": ("nothing_is_purged", with_note(note("PURGING", None, file_id=OLD))),
    "a miscounted run": (
        "nothing_is_purged",
        lambda found: replace(found, runs={RUN: run(summary={"filesDeleted": 2, "bytesFreed": 7})}),
    ),
    "two runs of a tick": ("a_tick", lambda found: replace(found, runs={**found.runs, OLD: run(id=OLD, summary={})})),
    "a broken run": ("a_tick", lambda found: replace(found, runs={RUN: run(error="It met an unexpected error.")})),
    "a temporary file": ("nothing_is_left", lambda found: replace(found, temporary=["spool"])),
    "too many descriptors": ("nothing_is_left", lambda found: replace(found, processes=[Traces("serve 1", 500, [])])),
    "an open file": (
        "nothing_is_left",
        lambda found: replace(found, processes=[Traces("serve 1", 30, ["/files/.part"])]),
    ),
    "an open transaction": (
        "nothing_is_left",
        lambda found: replace(found, connections=[{"state": "idle in transaction"}]),
    ),
    "a missing process": ("nothing_is_left", lambda found: replace(found, missing=["worker"])),
}


@pytest.mark.parametrize("disorder", DISORDERS)
def test_every_disorder_is_found(disorder: str) -> None:
    promise, doctored = DISORDERS[disorder]
    found = violations(doctored(in_order()))
    assert found != []
    assert any(text.startswith(promise) for text in found), found


def test_an_upload_whose_answer_was_lost_may_be_there_whole() -> None:
    assert violations(with_outcome(Outcome.UNKNOWN)(in_order())) == []
