"""Runs of jobs, and alerts, for system admins."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.models import AlertSeverity, JobName, JobStatus
from schema.context import Info
from schema.fields import field
from schema.ids import global_id
from schema.pagination import Node
from schema.scalars import JSON, BigInt

if TYPE_CHECKING:
    from schema.people.types import User

LazyUser = Annotated["User", strawberry.lazy("schema.people.types")]


@strawberry.type(description="One run of a job, as it is now.")
class JobRun(Node):
    """One run, built from its row."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    job: JobName = strawberry.field(description="Which job.")
    status: JobStatus = strawberry.field(description="Where the run is in its life.")
    dry_run: bool = strawberry.field(description="Whether it only says what it would do.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When the first worker began; null while QUEUED.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null before.")
    processed: BigInt = strawberry.field(description="How much is done: files, or users of a reconciliation.")
    total: BigInt | None = strawberry.field(description="How much there was to do at the start; null before.")
    summary: JSON | None = strawberry.field(
        description="What it came to, and while it runs so far. A cleanup: filesDeleted, bytesFreed, failed, seconds."
        " A reconciliation: usersChecked, usersUpdated, discrepancies, seconds."
    )
    error: str | None = strawberry.field(description="Why it FAILED.")
    row: strawberry.Private[models.JobRun]

    @field("Who asked for it; null for the schedule and for operators at a terminal.")
    async def requested_by(self, info: Info) -> LazyUser | None:
        """Through the loader."""
        from schema.people.types import User

        user_id = self.row.requested_by_id
        return None if user_id is None else User.of(await info.context.loaders.users.load(user_id))

    @classmethod
    def of(cls, row: models.JobRun) -> "JobRun":
        """From a row that the caller may see."""
        return cls(
            id=global_id("JobRun", row.id),
            uuid=str(row.id),
            job=row.job,
            status=row.status,
            dry_run=row.dry_run,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            processed=row.processed,
            total=row.total,
            summary=row.summary,
            error=row.error,
            row=row,
        )


@strawberry.type(description="Something that an operator must know.")
class Alert(Node):
    """One alert, built from its row."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    kind: str = strawberry.field(
        description="What it is about: job_failed, job_overdue, orphaned_files, quota_discrepancy. More may come."
    )
    severity: AlertSeverity = strawberry.field(description="How loudly it asks for a person.")
    message: str = strawberry.field(description="What has happened, in a sentence.")
    details: JSON = strawberry.field(description="The same for programs: an object whose members depend on the kind.")
    created_at: datetime = strawberry.field(description="When it was raised.")
    acknowledged_at: datetime | None = strawberry.field(description="When somebody first acknowledged it.")
    row: strawberry.Private[models.Alert]

    @field("Who first acknowledged it.")
    async def acknowledged_by(self, info: Info) -> LazyUser | None:
        """Through the loader."""
        from schema.people.types import User

        user_id = self.row.acknowledged_by_id
        return None if user_id is None else User.of(await info.context.loaders.users.load(user_id))

    @classmethod
    def of(cls, row: models.Alert) -> "Alert":
        """From a row that the caller may see."""
        return cls(
            id=global_id("Alert", row.id),
            uuid=str(row.id),
            kind=row.kind,
            severity=row.severity,
            message=row.message,
            details=row.details,
            created_at=row.created_at,
            acknowledged_at=row.acknowledged_at,
            row=row,
        )
