"""What must hold, whatever happened. One function for each promise; what it yields are violations."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from schema.ids import parse_global_id
from tests.faults.driver.evidence import Evidence
from tests.faults.driver.journal import Operation, Outcome
from tests.faults.driver.states import State, final_states
from tests.faults.driver.world import RETENTION_DAYS

# More than pools and caches of connections take at their fullest; a leak passes it after some dozens of faults.
_MOST_DESCRIPTORS = 120
# The ways in which a file's row may go: from None it comes, to None it goes.
_WAYS = {
    (None, "PENDING"),
    ("PENDING", "ACTIVE"),
    ("PENDING", "PURGING"),
    ("PENDING", None),
    ("ACTIVE", "SOFT_DELETED"),
    ("SOFT_DELETED", "ACTIVE"),
    ("SOFT_DELETED", "PURGING"),
    ("PURGING", None),
    (None, "SOFT_DELETED"),  # rows that a scenario has made
}

Violations = Iterator[str]


def the_ledger_is_the_sum_of_charged_rows(found: Evidence) -> Violations:
    """For every user, in use and trash."""
    for row in found.untrue:
        yield f"the ledger is not true: {dict(row)}"


def nothing_forbidden_was_seen_at_any_instant(found: Evidence) -> Violations:
    """By the sampler: nobody over quota, no untrue ledger, no two runs of one job; nor by the clients: no wrong bytes."""
    yield from sorted(found.sampler.seen)
    yield from found.journal.findings


def every_acknowledged_upload_is_where_operations_left_it(found: Evidence) -> Violations:
    """With its hash and size, in its row and in the store."""
    for file_id, history in found.journal.by_file().items():
        upload, row = history[0], found.files.get(_uuid(file_id))
        possible = final_states(history, swept=found.swept)
        state = State.GONE if row is None else row["status"]
        if state not in possible:
            yield f"{upload.name} is {state}, and may be {sorted(possible)} after {_told(history)}"
        if row is not None:
            yield from _damage(found, upload, row)


def every_other_upload_is_absent_or_complete(found: Evidence) -> Violations:
    """One that was refused or cut off is absent. Of one whose answer was lost there is at most one file, and a whole one."""
    known = {_uuid(one.file_id) for one in found.journal.uploads if one.file_id}
    stray: defaultdict[tuple[UUID, str], list[Any]] = defaultdict(list)
    for row in found.files.values():
        if row["id"] not in known:
            stray[row["owner_id"], row["name"]].append(row)
    born = Counter(
        (note["owner_id"], note["name"])
        for note in found.notes
        if note["became"] == "ACTIVE" and note["was"] == "PENDING"
    )
    for upload in found.journal.uploads:
        rows, times = stray[upload.owner, upload.name], born[upload.owner, upload.name]
        if times > (0 if upload.outcome is Outcome.FAILED else 1) or (upload.outcome is Outcome.OK and times != 1):
            yield f"{upload.name} was stored {times} times and told as {upload.outcome} {upload.code}"
        for row in rows:
            yield from _damage(found, upload, row)


def every_row_has_its_object_and_every_object_its_row(found: Evidence) -> Violations:
    """After the grace period and a sweep, and no row is on its way in or out."""
    rows = {row["storage_key"]: row for row in found.files.values()}
    for key, row in rows.items():
        if row["status"] not in {State.ACTIVE, State.TRASH}:
            yield f"{row['name']} is still {row['status']}"
        elif key not in found.objects:
            yield f"{row['name']} has a row and no object"
        elif found.objects[key].size != row["size_bytes"]:
            yield f"{row['name']} has {found.objects[key].size} bytes in the store and {row['size_bytes']} in its row"
    for key in sorted(found.objects.keys() - rows.keys()):
        yield f"the object {key} has no row"


def rows_go_the_known_ways_only(found: Evidence) -> Violations:
    """A file is purged out of the trash, and never comes back from there."""
    for note in found.notes:
        if (note["was"], note["became"]) not in _WAYS:
            yield f"{note['name']} went from {note['was']} to {note['became']}"


def nothing_is_purged_early_or_counted_twice(found: Evidence) -> Violations:
    """By a job only what lay in the trash for the whole retention; each run counts the rows that it deleted, once each."""
    retention = timedelta(days=RETENTION_DAYS)
    ahead = timedelta(seconds=found.furthest_seconds)
    gone: defaultdict[UUID, list[Any]] = defaultdict(list)
    times: Counter[UUID] = Counter()
    for note in found.notes:
        run = found.runs.get(note["run_id"])
        if note["became"] is None:
            times[note["file_id"]] += 1
            if run is not None:
                gone[run["id"]].append(note)
        if note["was"] == State.TRASH and note["became"] == "PURGING" and run is not None:
            latest = min(run["started_at"], note["looked_at"] + ahead)
            if note["deleted_at"] + retention > latest:
                yield f"{note['name']} was deleted at {note['deleted_at']} and taken by the run of {run['started_at']}"
    for file_id, count in times.items():
        if count != 1:
            yield f"the row {file_id} was deleted {count} times"
    for run_id, run in found.runs.items():
        yield from _miscounted(run, gone[run_id])


def a_tick_has_one_run_and_no_run_breaks(found: Evidence) -> Violations:
    """And none is left unfinished."""
    ticks = Counter((run["job"], run["tick"]) for run in found.runs.values() if run["tick"] is not None)
    for (job, tick), count in ticks.items():
        if count > 1:
            yield f"the tick {tick} of {job} has {count} runs"
    for run in found.runs.values():
        if run["error"] and "unexpected error" in run["error"]:
            yield f"a run of {run['job']} was broken by an error"


def nothing_is_left_behind(found: Evidence) -> Violations:
    """No temporary files, no descriptors, no transactions that stay open; and every process is there."""
    for path in found.temporary:
        yield f"the temporary file {path} was left"
    for process in found.processes:
        if process.descriptors > _MOST_DESCRIPTORS:
            yield f"{process.name} holds {process.descriptors} descriptors"
        if process.files:
            yield f"{process.name} holds files open: {sorted(process.files)[:3]}"
    for row in found.connections:
        yield f"a transaction stays open: its connection is {row['state']}"
    for kind in found.missing:
        yield f"a {kind} does not run"


INVARIANTS: Sequence[Callable[[Evidence], Violations]] = (
    the_ledger_is_the_sum_of_charged_rows,
    nothing_forbidden_was_seen_at_any_instant,
    every_acknowledged_upload_is_where_operations_left_it,
    every_other_upload_is_absent_or_complete,
    every_row_has_its_object_and_every_object_its_row,
    rows_go_the_known_ways_only,
    nothing_is_purged_early_or_counted_twice,
    a_tick_has_one_run_and_no_run_breaks,
    nothing_is_left_behind,
)


def violations(found: Evidence) -> list[str]:
    """All of them, each with the promise that is broken."""
    return [f"{invariant.__name__}: {text}" for invariant in INVARIANTS for text in invariant(found)]


def _damage(found: Evidence, upload: Operation, row: Any) -> Violations:
    kept = found.objects.get(row["storage_key"])
    if (row["sha256"], row["size_bytes"]) != (upload.sha256, upload.size):
        yield f"{upload.name} has {row['size_bytes']} bytes in its row, and {upload.size} were sent"
    elif kept is not None and kept.sha256 != upload.sha256:
        yield f"{upload.name} is stored as other bytes than were sent"


def _miscounted(run: Any, gone: Sequence[Any]) -> Violations:
    if run["dry_run"] or run["job"] == "quota_reconciliation" or not run["summary"]:
        return
    summary = run["summary"]
    counted = summary["filesDeleted"], summary["bytesFreed"]
    if counted != (len(gone), sum(note["size_bytes"] for note in gone)):
        yield f"the run {run['id']} of {run['job']} counted {counted} and deleted {len(gone)} rows"


def _uuid(file_id: str | None) -> UUID:
    return parse_global_id(file_id or "")[1]


def _told(history: Sequence[Operation]) -> str:
    first = history[0].started
    return ", ".join(f"{one.kind} {one.outcome} {one.started - first:.2f}-{one.ended - first:.2f}" for one in history)
