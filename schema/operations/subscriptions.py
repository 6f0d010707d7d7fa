"""What operators watch. System admins only."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry

from app.models import AlertSeverity, JobName
from app.services.news import AlertNews, JobNews
from app.services.rights import Reason
from app.telemetry.totals import Snapshot
from schema.context import Info
from schema.fields import subscription
from schema.ids import optional_uuid_of
from schema.operations.types import Alert, JobRun
from schema.scalars import BigInt
from schema.sharing import Sharing


@strawberry.type(description="How far a run has come.")
class JobProgress:
    """One state of a run."""

    run: JobRun = strawberry.field(description="The run.")
    processed: BigInt = strawberry.field(description="How much is done: files, or users of a reconciliation.")
    total: BigInt | None = strawberry.field(description="How much there was to do at the start; null before.")
    message: str | None = strawberry.field(description="What the worker says of it.")
    at: datetime = strawberry.field(description="When it had come so far.")

    @classmethod
    def of(cls, news: JobNews) -> "JobProgress":
        """From the service's news."""
        run = JobRun.of(news.run)
        return cls(run=run, processed=run.processed, total=run.total, message=news.message, at=news.at)


@strawberry.type(description="An alert that was raised.")
class AlertEvent:
    """One alert in the stream."""

    cursor: str = strawberry.field(description="Where in the stream this alert stands: `after` resumes behind it.")
    alert: Alert = strawberry.field(description="The alert.")
    sharing: strawberry.Private[Sharing]

    @classmethod
    def of(cls, news: AlertNews) -> "AlertEvent":
        """From the service's news."""
        sharing = Sharing(news.cursor, Reason.SYSTEM_ADMIN, news.live)
        return cls(cursor=news.cursor, alert=Alert.of(news.alert), sharing=sharing)


@strawberry.type(description="Totals over all processes.")
class MetricsSnapshot:
    """The totals at one moment."""

    at: datetime = strawberry.field(description="The moment.")
    file_uploads_total: BigInt = strawberry.field(description="Files that were uploaded.")
    file_downloads_total: BigInt = strawberry.field(description="Downloads that began, or whose URLs were issued.")
    storage_bytes_used: BigInt = strawberry.field(description="Bytes of all files, as the ledger has them.")
    quota_exceeded_total: BigInt = strawberry.field(description="Uploads that were refused for a quota.")
    cleanup_files_deleted_total: BigInt = strawberry.field(description="Files whose bytes the jobs have deleted.")
    uploads_in_progress: int = strawberry.field(description="Files that are being received.")

    @classmethod
    def of(cls, snapshot: Snapshot) -> "MetricsSnapshot":
        """From the service's answer."""
        return cls(
            at=snapshot.at,
            file_uploads_total=snapshot.file_uploads_total,
            file_downloads_total=snapshot.file_downloads_total,
            storage_bytes_used=snapshot.storage_bytes_used,
            quota_exceeded_total=snapshot.quota_exceeded_total,
            cleanup_files_deleted_total=snapshot.cleanup_files_deleted_total,
            uploads_in_progress=snapshot.uploads_in_progress,
        )


_JOB = strawberry.argument(description="Only runs of this job.")
_RUN_ID = strawberry.argument(description="Only this run: the subscription ends with it.")
_MIN_SEVERITY = strawberry.argument(description="Only alerts of this severity or above; null: all.")
_AFTER = strawberry.argument(description="The cursor of the last alert that was seen: those since are sent first.")
_INTERVAL = strawberry.argument(description="Seconds from one snapshot to the next, 1 to 3600; null: 5.")


@strawberry.type
class OperationSubscriptions:
    """Part of Subscription."""

    @subscription("Runs of jobs: those that have not ended as they are now, and then every change. System admins.")
    async def job_progress(
        self,
        info: Info,
        job: Annotated[JobName | None, _JOB] = None,
        run_id: Annotated[strawberry.ID | None, _RUN_ID] = None,
    ) -> AsyncGenerator[JobProgress, None]:
        """Raises as the service does."""
        watching, session = info.context.runtime.watching, info.context.watcher
        wanted = optional_uuid_of(run_id, "JobRun", field="runId")
        async with aclosing(watching.job_progress(session, job, wanted)) as runs:
            async for news in runs:
                yield JobProgress.of(news)

    @subscription("Alerts as they are raised. CURSOR_EXPIRED and SLOW_CONSUMER as in fileEvents. System admins.")
    async def alert_raised(
        self,
        info: Info,
        min_severity: Annotated[AlertSeverity | None, _MIN_SEVERITY] = AlertSeverity.INFO,
        after: Annotated[str | None, _AFTER] = None,
    ) -> AsyncGenerator[AlertEvent, None]:
        """Raises as the service does."""
        watching, session = info.context.runtime.watching, info.context.watcher
        async with aclosing(watching.alerts(session, min_severity or AlertSeverity.INFO, after)) as alerts:
            async for news in alerts:
                yield AlertEvent.of(news)

    @subscription("Totals over all processes: now, and every few seconds. System admins.")
    async def metrics(
        self, info: Info, interval_seconds: Annotated[int | None, _INTERVAL] = 5
    ) -> AsyncGenerator[MetricsSnapshot, None]:
        """Raises as the service does."""
        watching, session = info.context.runtime.watching, info.context.watcher
        wanted = 5 if interval_seconds is None else interval_seconds
        async with aclosing(watching.totals(session, wanted)) as snapshots:
            async for snapshot in snapshots:
                yield MetricsSnapshot.of(snapshot)
