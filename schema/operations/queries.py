"""What operators look at. System admins only."""

from typing import Annotated

import strawberry

from app.models import JobName, JobStatus
from app.services.jobs import JobRunFilter
from schema.context import Info
from schema.fields import field
from schema.operations.types import Alert, JobRun
from schema.pagination import After, Connection, First, page_length

_JOB = strawberry.argument(description="Only runs of this job.")
_STATUS = strawberry.argument(description="Only runs that are there in their life.")

_ACKNOWLEDGED = strawberry.argument(description="Only alerts that have been acknowledged, or only those that have not.")


@strawberry.type
class OperationQueries:
    """Part of Query."""

    @field("Runs of jobs, the newest first. System admins.")
    async def job_runs(
        self,
        info: Info,
        job: Annotated[JobName | None, _JOB] = None,
        status: Annotated[JobStatus | None, _STATUS] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[JobRun] | None:
        """Raises Forbidden, and BadUserInput for a bad cursor or page size."""
        viewer, jobs = info.context.viewer, info.context.runtime.jobs
        page = await jobs.page(viewer, JobRunFilter(job, status), page_length(first), after)
        return Connection[JobRun].of(page, JobRun.of)

    @field("Alerts, the newest first. System admins.")
    async def alerts(
        self,
        info: Info,
        acknowledged: Annotated[bool | None, _ACKNOWLEDGED] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Alert] | None:
        """Raises Forbidden, and BadUserInput for a bad cursor or page size."""
        viewer, alerts = info.context.viewer, info.context.runtime.alerts
        return Connection[Alert].of(await alerts.page(viewer, acknowledged, page_length(first), after), Alert.of)
