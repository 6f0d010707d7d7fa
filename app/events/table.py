"""The one table: what becomes of each kind of event in the log, among the metrics and on the bus.

The log is for operators and holds ids and sizes: a name in an event would be a name in every log. The bus is for those who
may see the file, so names travel there.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.events import kinds
from app.events.kinds import Event
from app.telemetry.instruments import label_set
from app.telemetry.metrics import Metrics

E = TypeVar("E", bound=Event)

# Of so many users one event tells on the bus; the others' quotas are looked at again within a minute anyway.
_TOLD_USERS = 1000

Facts = Mapping[str, Any]
Count = Callable[[Metrics, E], None]
Level = Callable[[E], int]
Line = Callable[[E], Facts]
Messages = Callable[[E], Sequence[Facts]]


@dataclass(frozen=True, slots=True)
class Row(Generic[E]):
    """One kind's three faces. None is a decision: the kind has no such face.

    `level` and `line` are the log's; `count` is called beside `events_total`, which counts every kind; `topic` is the name on
    the bus, and `messages` what is said there, in JSON values.
    """

    level: int | Level[E] | None
    line: Line[E] | None
    count: Count[E] | None
    topic: str | None
    messages: Messages[E] | None

    def level_of(self, event: E) -> int | None:
        """The level of this event's line; None for no line."""
        return self.level(event) if callable(self.level) else self.level


def plain(value: Any) -> Any:
    """Ids as strings; everything else as it is."""
    return str(value) if isinstance(value, UUID) else value


# ---------------------------------------------------------------- lines


def _all(event: Event) -> Facts:
    return {name: plain(getattr(event, name)) for name in _NAMES[type(event)]}


def _nameless(event: Event) -> Facts:
    return {name: value for name, value in _all(event).items() if name != "file_name"}


def _ids(event: kinds.FilesPurged) -> Facts:
    return {
        "run_id": str(event.run_id),
        "job": event.job,
        "files": len(event.files),
        "size_bytes": sum(file.size_bytes for file in event.files),
        "file_ids": [str(file.id) for file in event.files],
    }


def _summary(event: kinds.JobFinished) -> Facts:
    return {
        "run_id": str(event.run_id),
        "job": event.job,
        "status": event.status,
        "dry_run": event.dry_run,
        **event.summary,
    }


def _outcome(event: kinds.JobFinished) -> int:
    return logging.INFO if event.status == "SUCCEEDED" else logging.ERROR


# ---------------------------------------------------------------- counts


def _upload(metrics: Metrics, event: kinds.FileUploaded) -> None:
    labels = label_set(backend=event.location)
    metrics.file_uploads_total.add(1, labels)
    metrics.upload_size.record(event.size_bytes, labels)


def _download(metrics: Metrics, event: kinds.FileDownloaded | kinds.FileUrlIssued) -> None:
    metrics.file_downloads_total.add(1, label_set(backend=event.location))


def _failure(metrics: Metrics, event: kinds.UploadFailed) -> None:
    metrics.upload_failures_total.add(1, {"backend": event.location})


def _refused(metrics: Metrics, _: kinds.QuotaRefused) -> None:
    metrics.quota_exceeded_total.add(1)


def _cleared(metrics: Metrics, event: kinds.FilesCleared) -> None:
    metrics.cleanup_files_deleted_total.add(event.files, {"job_name": event.job})


def _run(metrics: Metrics, event: kinds.JobFinished) -> None:
    metrics.job_runs_total.add(1, {"job_name": event.job, "outcome": event.status.lower()})
    metrics.job_duration.record(event.seconds, {"job_name": event.job})


def _alert(metrics: Metrics, event: kinds.AlertRaised) -> None:
    metrics.alerts_total.add(1, {"kind": event.kind, "severity": event.severity.lower()})


# ---------------------------------------------------------------- messages


def _one(event: Event) -> Sequence[Facts]:
    return [_all(event)]


def _file(event: kinds.FileEvent) -> Sequence[Facts]:
    return [_about(event.file_id, event.owner_id, event.group_id, event.file_name, event.size_bytes)]


def _told(event: kinds.FilesPurged) -> Sequence[Facts]:
    return [
        _about(file.id, file.owner_id, file.group_id, file.name, file.size_bytes) for file in event.files[: event.told]
    ]


def _about(file_id: UUID, owner_id: UUID, group_id: UUID | None, name: str, size_bytes: int) -> Facts:
    return {
        "file_id": str(file_id),
        "owner_id": str(owner_id),
        "group_id": plain(group_id),
        "name": name,
        "size_bytes": size_bytes,
    }


def _refusal(event: kinds.QuotaRefused) -> Sequence[Facts]:
    """Like a file's, for it is watched together with those: `owner_id` is who would have owned the file."""
    return [
        {
            "user_id": str(event.user_id),
            "owner_id": str(event.user_id),
            "group_id": plain(event.group_id),
            "name": event.file_name,
            "size_bytes": event.requested_bytes,
        }
    ]


def _owner(event: kinds.UploadFailed) -> Sequence[Facts]:
    return [{"owner_id": str(event.owner_id)}]


def _owners(event: kinds.UsageChanged) -> Sequence[Facts]:
    return [{"owner_id": str(user_id)} for user_id in event.user_ids[:_TOLD_USERS]]


def _progress(event: kinds.JobProgressed) -> Sequence[Facts]:
    return [
        {
            "run_id": str(event.run_id),
            "job": event.job,
            "status": event.status,
            "processed": event.processed,
            "total": event.total,
            "message": event.message,
        }
    ]


TABLE: Mapping[type[Event], Row[Any]] = {
    kinds.FileUploaded: Row(logging.INFO, _nameless, _upload, "file.uploaded", _file),
    kinds.FileDeleted: Row(logging.INFO, _nameless, None, "file.deleted", _file),
    kinds.FileRestored: Row(logging.INFO, _nameless, None, "file.restored", _file),
    kinds.FileRenamed: Row(logging.INFO, _nameless, None, "file.renamed", _file),
    kinds.FilePurged: Row(logging.INFO, _nameless, None, "file.purged", _file),
    kinds.FilesPurged: Row(logging.INFO, _ids, None, "file.purged", _told),
    kinds.FilesCleared: Row(logging.DEBUG, _all, _cleared, None, None),
    kinds.FileDownloaded: Row(logging.INFO, _nameless, _download, None, None),
    # A list has fifty of them, and nobody may ever use one: no line.
    kinds.FileUrlIssued: Row(None, None, _download, None, None),
    kinds.UploadFailed: Row(logging.INFO, _nameless, _failure, "usage.changed", _owner),
    kinds.QuotaRefused: Row(logging.INFO, _nameless, _refused, "quota.exceeded", _refusal),
    # Where it comes from has a line of its own already.
    kinds.UsageChanged: Row(None, None, None, "usage.changed", _owners),
    kinds.LimitsChanged: Row(logging.INFO, _all, None, "limits.changed", _one),
    kinds.StandingChanged: Row(logging.INFO, _all, None, "standing.changed", _one),
    kinds.JobProgressed: Row(None, None, None, "job.progressed", _progress),
    kinds.JobFinished: Row(_outcome, _summary, _run, "job.progressed", _progress),
    kinds.AlertRaised: Row(logging.WARNING, _all, _alert, "alert.raised", _one),
}

_NAMES: Mapping[type[Event], Sequence[str]] = {kind: [field.name for field in fields(kind)] for kind in TABLE}
