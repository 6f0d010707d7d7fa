"""What the mutations of operators take."""

import strawberry

from app.models import JobName


@strawberry.input(description="Which job to run.")
class RunJobInput:
    """A job, for real or for show."""

    job: JobName = strawberry.field(description="The job.")
    dry_run: bool | None = strawberry.field(
        default=False, description="Only say what it would do. Changes nothing, and stands in no other run's way."
    )


@strawberry.input(description="Which alert has been seen to.")
class AcknowledgeAlertInput:
    """An alert."""

    id: strawberry.ID = strawberry.field(description="The alert.")
