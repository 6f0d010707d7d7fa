"""What operators do. System admins only."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.fields import INPUT, mutation
from schema.ids import uuid_of
from schema.operations.inputs import AcknowledgeAlertInput, RunJobInput
from schema.operations.types import Alert, JobRun


@strawberry.type(description="The run that was asked for, or the unfinished one that was there already.")
class RunJobPayload:
    """The answer to runJob."""

    job_run: JobRun = strawberry.field(description="The run. It goes on after this answer.")


@strawberry.type(description="The alert as it is now.")
class AcknowledgeAlertPayload:
    """The answer to acknowledgeAlert."""

    alert: Alert = strawberry.field(description="The alert, and who acknowledged it first.")


@strawberry.type
class OperationMutations:
    """Part of Mutation."""

    @mutation("Start a job, or find the run of it that has not ended yet. System admins.")
    async def run_job(self, info: Info, input: Annotated[RunJobInput, INPUT]) -> RunJobPayload | None:
        """Raises Forbidden."""
        viewer, jobs = info.context.viewer, info.context.runtime.jobs
        return RunJobPayload(job_run=JobRun.of(await jobs.request(viewer, input.job, dry_run=bool(input.dry_run))))

    @mutation("Note that an alert has been seen to. A second time changes nothing. System admins.")
    async def acknowledge_alert(
        self, info: Info, input: Annotated[AcknowledgeAlertInput, INPUT]
    ) -> AcknowledgeAlertPayload | None:
        """Raises Forbidden and NotFound."""
        viewer, alerts = info.context.viewer, info.context.runtime.alerts
        return AcknowledgeAlertPayload(alert=Alert.of(await alerts.acknowledge(viewer, uuid_of(input.id, "Alert"))))
