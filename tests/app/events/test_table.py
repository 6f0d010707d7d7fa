"""The table of events: every kind has its row, and every row is whole."""

import logging
from dataclasses import fields
from typing import Any, get_type_hints
from uuid import UUID, uuid4

import orjson
import pytest

from app.events import kinds
from app.events.kinds import Event, FileEvent, JobProgressed
from app.events.table import TABLE
from app.services.purge import Doomed
from tests.fixtures.events import quiet_metrics

SECRET = "Zeugnis von Ada.pdf"  # a file's name

KINDS = [
    kind
    for kind in vars(kinds).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind not in (Event, FileEvent)
]

# What clients and other processes go by (contract.graphql, README): a name that changes here breaks them.
TOPICS = {
    "file.uploaded",
    "file.deleted",
    "file.restored",
    "file.renamed",
    "file.purged",
    "quota.exceeded",
    "usage.changed",
    "limits.changed",
    "standing.changed",
    "job.progressed",
    "alert.raised",
}


def sample(kind: type[Event]) -> Any:
    """An event with a value in each of its fields."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):
        match hints[field.name]:
            case hint if hint in (UUID, UUID | None):
                values[field.name] = uuid4()
            case hint if hint in (int, int | None):
                values[field.name] = 11
            case hint if hint is bool:
                values[field.name] = True
            case _:
                values[field.name] = "SUCCEEDED"
    named = {
        "file_name": SECRET,
        "files": 3
        if kind is kinds.FilesCleared
        else [Doomed(uuid4(), uuid4(), "local", "key", 10, 10, uuid4(), SECRET) for _ in range(3)],
        "summary": {"filesDeleted": 3, "seconds": 0.5},
        "told": 2,
        "user_ids": [uuid4()],
    }
    return kind(**{name: named.get(name, value) for name, value in values.items()})


def test_every_kind_has_its_row_and_there_are_no_others() -> None:
    assert set(TABLE) == set(KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_the_bus_carries_what_is_promised() -> None:
    assert {row.topic for row in TABLE.values() if row.topic} == TOPICS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_row_is_whole(kind: type[Event]) -> None:
    row = TABLE[kind]
    assert (row.level is None) == (row.line is None)
    assert (row.topic is None) == (row.messages is None)
    assert row.line or row.count or row.topic, "an event that nobody would notice"


@pytest.mark.requirement("R49")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_line_says_everything_but_names(kind: type[Event]) -> None:
    row, event = TABLE[kind], sample(kind)
    if row.line is None:
        return
    line = row.line(event)
    assert SECRET not in orjson.dumps(line).decode()
    left_out = {"file_name"} | ({"told"} if kind is kinds.FilesPurged else set())
    if issubclass(kind, JobProgressed):
        left_out = {"processed", "total", "message", "summary"}  # the summary says it, field by field
        assert line["filesDeleted"] == 3
    elif kind is kinds.FilesPurged:
        assert line["files"] == len(line["file_ids"]) == 3
        assert line["size_bytes"] == 30
    assert {field.name for field in fields(kind)} - set(line) <= left_out
    assert row.level_of(event) in (logging.DEBUG, logging.INFO, logging.WARNING)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_messages_are_json_with_ids_as_strings(kind: type[Event]) -> None:
    row, event = TABLE[kind], sample(kind)
    if row.messages is None:
        return
    messages = row.messages(event)
    assert len(messages) == (2 if kind is kinds.FilesPurged else 1)
    for message in messages:
        assert orjson.loads(orjson.dumps(message)) == message
        assert all(isinstance(value, str) for name, value in message.items() if name.endswith("_id"))
        if row.topic and row.topic.startswith("file."):
            assert set(message) == {"file_id", "owner_id", "group_id", "name", "size_bytes"}
            assert message["name"] == SECRET


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_counting_knows_every_label(kind: type[Event]) -> None:
    row = TABLE[kind]
    if row.count is not None:
        row.count(quiet_metrics(), sample(kind))


def test_a_job_that_failed_is_an_error() -> None:
    finished = sample(kinds.JobFinished)
    failed = kinds.JobFinished(
        **{field.name: getattr(finished, field.name) for field in fields(finished)} | {"status": "FAILED"}
    )
    assert TABLE[kinds.JobFinished].level_of(failed) == logging.ERROR
