"""Attaching files to assignments and detaching them (R17, R18, R20)."""

from typing import Annotated

import strawberry

from app.models import AttachmentKind
from schema.attachments.inputs import AddAssignmentAttachmentInput, RemoveAssignmentAttachmentInput
from schema.attachments.types import Attachment
from schema.classes.types import Assignment
from schema.context import Info
from schema.fields import INPUT, mutation
from schema.ids import uuid_of


@strawberry.type(description="The assignment, and what was attached to it.")
class AddAssignmentAttachmentPayload:
    """The answer to addAssignmentAttachment."""

    assignment: Assignment = strawberry.field(description="The assignment.")
    attachment: Attachment = strawberry.field(description="The attachment.")


@strawberry.type(description="The assignment, without the attachment.")
class RemoveAssignmentAttachmentPayload:
    """The answer to removeAssignmentAttachment."""

    assignment: Assignment = strawberry.field(description="The assignment.")


@strawberry.type
class AttachmentMutations:
    """Part of Mutation."""

    @mutation("Attach a file to an assignment: teachers of the class, and the admins above.")
    async def add_assignment_attachment(
        self, info: Info, input: Annotated[AddAssignmentAttachmentInput, INPUT]
    ) -> AddAssignmentAttachmentPayload | None:
        """Raises NotFound, Forbidden, Conflict, AttachmentLimit."""
        viewer, attachments = info.context.viewer, info.context.runtime.attachments
        assignment, attachment = await attachments.add(
            viewer,
            uuid_of(input.assignment_id, "Assignment", field="assignmentId"),
            uuid_of(input.file_id, "File", field="fileId"),
            input.kind or AttachmentKind.ATTACHMENT,
        )
        return AddAssignmentAttachmentPayload(
            assignment=Assignment.of(assignment), attachment=Attachment.of(attachment)
        )

    @mutation("Detach a file from an assignment; the file stays. Teachers of the class, and the admins above.")
    async def remove_assignment_attachment(
        self, info: Info, input: Annotated[RemoveAssignmentAttachmentInput, INPUT]
    ) -> RemoveAssignmentAttachmentPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, attachments = info.context.viewer, info.context.runtime.attachments
        assignment = await attachments.remove(
            viewer,
            uuid_of(input.assignment_id, "Assignment", field="assignmentId"),
            uuid_of(input.file_id, "File", field="fileId"),
        )
        return RemoveAssignmentAttachmentPayload(assignment=Assignment.of(assignment))
