"""What the mutations of attachments take."""

import strawberry

import schema.enums  # noqa: F401 - the enum is published before the type that shows it is made
from app.models import AttachmentKind


@strawberry.input(description="A file to attach to an assignment.")
class AddAssignmentAttachmentInput:
    """One assignment, one file."""

    assignment_id: strawberry.ID = strawberry.field(description="The assignment.")
    file_id: strawberry.ID = strawberry.field(description="A file that is ACTIVE and that the viewer may manage.")
    kind: AttachmentKind | None = strawberry.field(
        default=AttachmentKind.ATTACHMENT, description="The part that it plays; null: ATTACHMENT."
    )


@strawberry.input(description="A file to detach from an assignment.")
class RemoveAssignmentAttachmentInput:
    """One assignment, one file."""

    assignment_id: strawberry.ID = strawberry.field(description="The assignment.")
    file_id: strawberry.ID = strawberry.field(description="The file, which stays.")
