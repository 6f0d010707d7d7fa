"""What can happen that the world is told of. Events say what has been committed, in ids, sizes and states.

What becomes of each kind stands in one table: `app.events.table`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self
from uuid import UUID

from app.errors import QuotaExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root. `name` is the event's name in logs and, where it has one, on the bus."""

    name: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent(Event):
    """Something happened to a file; sizes in bytes. `file_name` is for those who may see the file, and not for logs."""

    file_id: UUID
    owner_id: UUID
    group_id: UUID | None
    size_bytes: int
    location: str
    file_name: str


class FileUploaded(FileEvent):
    """A file became ACTIVE."""

    name = "file.uploaded"


class FileDeleted(FileEvent):
    """A file went to the trash."""

    name = "file.deleted"


class FileRestored(FileEvent):
    """A file came back from the trash."""

    name = "file.restored"


class FileRenamed(FileEvent):
    """A file got another name, which is `file_name`."""

    name = "file.renamed"


class FilePurged(FileEvent):
    """A file's purge was decided by a person: it is nobody's any more, and its bytes go."""

    name = "file.purged"


class Swept(Protocol):
    """One of the files of `FilesPurged`; bytes."""

    @property
    def id(self) -> UUID: ...
    @property
    def owner_id(self) -> UUID: ...
    @property
    def group_id(self) -> UUID | None: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPurged(Event):
    """The same, decided by a job about files that lay in the trash for too long: few enough of them for one line.

    The first `told` of them are told of one by one on the bus: of a run over a million files nobody wants a million messages,
    and its progress is told anyway.
    """

    name = "files.purged"
    run_id: UUID
    job: str
    files: Sequence[Swept]
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesCleared(Event):
    """A job has deleted the bytes and the rows of so many files."""

    name = "files.cleared"
    run_id: UUID
    job: str
    files: int
    size_bytes: int


class FileDownloaded(FileEvent):
    """A download began that includes the file's first byte (R47): of its many ranges, a player's reading counts once."""

    name = "file.downloaded"


class FileUrlIssued(FileEvent):
    """A URL was issued that leads to the store itself: whether it is used nobody tells, so it counts as a download (R47)."""

    name = "file.url_issued"


class UploadFailed(FileEvent):
    """An upload ended without a file. `size_bytes` is what had arrived."""

    name = "upload.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRefused(Event):
    """A user was refused for the quota (R2); bytes. `group_id` and `file_name` are of the file that did not fit."""

    name = "quota.exceeded"
    user_id: UUID
    group_id: UUID | None
    file_name: str
    used_bytes: int
    trash_bytes: int
    quota_bytes: int
    requested_bytes: int

    @classmethod
    def of(cls, user_id: UUID, group_id: UUID | None, file_name: str, refusal: QuotaExceeded) -> Self:
        """The event of a refusal."""
        return cls(
            user_id=user_id,
            group_id=group_id,
            file_name=file_name,
            used_bytes=refusal.used_bytes,
            trash_bytes=refusal.trash_bytes,
            quota_bytes=refusal.quota_bytes,
            requested_bytes=refusal.requested_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageChanged(Event):
    """These users use more or less than before, though nothing was done to a file: a reservation was given back, what a purged
    file still held was released with its row, or a reconciliation put the ledger right.
    """

    name = "usage.changed"
    user_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged(Event):
    """A user's override, or what a group sets for a role, is another one now. One of the two ids is given."""

    name = "limits.changed"
    user_id: UUID | None = None
    group_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingChanged(Event):
    """What a user may do, or what everybody may who has to do with a group, may be another thing now.

    Of `group_id` alone: a group moved or went, and everybody's place may have changed.
    """

    name = "standing.changed"
    user_id: UUID | None = None
    group_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgressed(Event):
    """A run began, or its counts moved. `message` is for people."""

    name = "job.progressed"
    run_id: UUID
    job: str
    status: str
    dry_run: bool
    processed: int
    total: int | None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(JobProgressed):
    """A run ended, well or not. `summary` is what it counted, its seconds included (R31)."""

    name = "job.finished"
    summary: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """How long the run took; 0 for one that never began."""
        return float(self.summary.get("seconds", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Event):
    """An alert was written, for the first time (R50)."""

    name = "alert.raised"
    alert_id: UUID
    severity: str
    kind: str
