"""Attachments as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.models import AttachmentKind
from schema.context import Info
from schema.fields import field

if TYPE_CHECKING:
    from uuid import UUID

    from schema.files.types import File


@strawberry.type(description="A file's place in an assignment.")
class Attachment:
    """One file of an assignment; it can be read by whoever sees the assignment."""

    kind: AttachmentKind = strawberry.field(description="The part that it plays.")
    created_at: datetime = strawberry.field(description="When it was added.")
    row: strawberry.Private[models.Attachment]

    @field("The file.")
    def file(self) -> Annotated["File", strawberry.lazy("schema.files.types")]:
        """It came with the row."""
        from schema.files.types import File

        return File.of(self.row.file)

    @classmethod
    def of(cls, row: models.Attachment) -> "Attachment":
        """From a row that has its file with it."""
        return cls(kind=row.kind, created_at=row.created_at, row=row)


async def attachments_of(info: Info, assignment_id: "UUID") -> list[Attachment]:
    """What is attached to an assignment that the viewer sees already, in the order of adding."""
    return [Attachment.of(row) for row in await info.context.loaders.attachments.load(assignment_id)]
