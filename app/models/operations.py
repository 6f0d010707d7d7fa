"""What the operators look at: runs of jobs, alerts, and the outbox that delivers alerts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from app.models.people import User


class JobName(StrEnum):
    """The background jobs, by the names that the command line and the schedule use."""

    ORPHANED_FILE_CLEANUP = "orphaned_file_cleanup"
    QUOTA_RECONCILIATION = "quota_reconciliation"
    EXPIRED_UPLOAD_CLEANUP = "expired_upload_cleanup"


class JobStatus(StrEnum):
    """The life of a run."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class AlertSeverity(StrEnum):
    """How loudly an alert asks for a person."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class JobRun(Model):
    """One run of a job: the truth about it. `tick` is the scheduled moment, unique per job, so that two schedulers
    start one run; the claim is shared by the workers of the run and fences those that lost it (the database's clock).
    """

    id = fields.UUIDField(primary_key=True, default=uuid4)
    job = fields.CharEnumField(JobName, max_length=32)
    status = fields.CharEnumField(JobStatus, max_length=16)
    dry_run = fields.BooleanField(default=False)
    requested_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="job_runs_requested", null=True, on_delete=fields.SET_NULL
    )
    requested_by_id: UUID | None
    tick = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    processed = fields.BigIntField(default=0)
    total: int | None = fields.BigIntField(null=True)
    cursor = fields.TextField(null=True)  # how far a job has come that goes through rows in order
    summary: Any = fields.JSONField(null=True)
    error: str | None = fields.TextField(null=True)
    claim_token = fields.UUIDField(null=True)
    claim_expires_at = fields.DatetimeField(null=True)
    reclaims = fields.IntField(default=0)

    class Meta:
        table = "job_runs"
        unique_together = (("job", "tick"),)
        indexes: Any = (("job", "created_at", "id"), ("created_at", "id"))


class Alert(Model):
    """Something an operator must know, written in the transaction of its cause. One per run and kind."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    kind = fields.CharField(max_length=64)
    severity = fields.CharEnumField(AlertSeverity, max_length=16)
    message = fields.TextField()
    details: Any = fields.JSONField()
    job_run: fields.ForeignKeyNullableRelation[JobRun] = fields.ForeignKeyField(
        "satchel.JobRun", related_name="alerts", null=True, on_delete=fields.SET_NULL
    )
    job_run_id: UUID | None
    created_at = fields.DatetimeField()
    acknowledged_at = fields.DatetimeField(null=True)
    acknowledged_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "satchel.User", related_name="alerts_acknowledged", null=True, on_delete=fields.SET_NULL
    )
    acknowledged_by_id: UUID | None

    class Meta:
        table = "alerts"
        unique_together = (("job_run", "kind"),)
        indexes: Any = (("created_at", "id"),)


class AlertDelivery(Model):
    """The outbox: one row per alert and sink, kept until the sink has taken it."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    alert: fields.ForeignKeyRelation[Alert] = fields.ForeignKeyField(
        "satchel.Alert", related_name="deliveries", on_delete=fields.CASCADE
    )
    alert_id: UUID
    sink = fields.CharField(max_length=64)
    attempts = fields.IntField(default=0)
    next_attempt_at = fields.DatetimeField()
    delivered_at = fields.DatetimeField(null=True)
    last_error = fields.TextField(null=True)

    class Meta:
        table = "alert_deliveries"
        unique_together = (("alert", "sink"),)
