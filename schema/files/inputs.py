"""What the file fields take."""

from datetime import datetime

import strawberry

from app.models import EntityType, FileStatus
from app.services import file_list
from app.services.file_list import FileScope
from app.services.uploads import UploadRequest
from schema.ids import optional_uuid_of
from schema.scalars import Upload

_ENTITIES = ("Assignment", "User", "Group", "Class")


@strawberry.input(description="Which files to list; every condition given must hold.")
class FileFilter:
    """An omitted or null filter equals {}."""

    status: FileStatus | None = strawberry.field(
        default=FileStatus.ACTIVE, description="The state; null: every state that the viewer may see."
    )
    scope: FileScope | None = strawberry.field(
        default=FileScope.OWN, description="Whose files; null: the viewer's own."
    )
    entity_type: EntityType | None = strawberry.field(default=None, description="What they were uploaded for.")
    entity_id: strawberry.ID | None = strawberry.field(
        default=None, description="The user, group, class or assignment they were uploaded for."
    )
    group_id: strawberry.ID | None = strawberry.field(default=None, description="The group they were uploaded into.")
    uploaded_by_id: strawberry.ID | None = strawberry.field(default=None, description="Their owner.")
    name_contains: str | None = strawberry.field(default=None, description="Part of the name; case does not matter.")
    mime_type: str | None = strawberry.field(default=None, description="The exact type, such as image/png.")
    created_after: datetime | None = strawberry.field(default=None, description="Later than this moment.")
    created_before: datetime | None = strawberry.field(default=None, description="Earlier than this moment.")

    def wanted(self) -> file_list.FileFilter:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        return file_list.FileFilter(
            status=self.status,
            scope=self.scope or FileScope.OWN,
            entity_type=self.entity_type,
            entity_id=optional_uuid_of(self.entity_id, *_ENTITIES, field="entityId"),
            group_id=optional_uuid_of(self.group_id, "Group", field="groupId"),
            uploaded_by_id=optional_uuid_of(self.uploaded_by_id, "User", field="uploadedById"),
            name_contains=self.name_contains,
            mime_type=self.mime_type,
            created_after=self.created_after,
            created_before=self.created_before,
        )


@strawberry.input(description="A file to store.")
class UploadFileInput:
    """One file."""

    file: Upload = strawberry.field(description="The file.")
    name: str | None = strawberry.field(default=None, description="Its name; null: the one that comes with the file.")
    group_id: strawberry.ID | None = strawberry.field(default=None, description="The group to upload it into.")
    entity_type: EntityType | None = strawberry.field(default=None, description="What it is for.")
    entity_id: strawberry.ID | None = strawberry.field(
        default=None, description="The user, group, class or assignment it is for; needs entityType."
    )
    sha256: str | None = strawberry.field(
        default=None, description="Its SHA-256 in hexadecimal; the upload is refused when other bytes arrive."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Unique per owner for 24 hours: repeating it with the same bytes gives the same file.",
    )

    def request(self) -> UploadRequest:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        return UploadRequest(
            name=self.name,
            group_id=optional_uuid_of(self.group_id, "Group", field="groupId"),
            entity_type=self.entity_type,
            entity_id=optional_uuid_of(self.entity_id, *_ENTITIES, field="entityId"),
            sha256=self.sha256,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="Several files to store.")
class UploadFilesInput:
    """Files that share what they are for."""

    files: list[Upload] = strawberry.field(description="The files, in the order of the request's body.")
    group_id: strawberry.ID | None = strawberry.field(default=None, description="The group to upload them into.")
    entity_type: EntityType | None = strawberry.field(default=None, description="What they are for.")
    entity_id: strawberry.ID | None = strawberry.field(
        default=None, description="The user, group, class or assignment they are for; needs entityType."
    )

    def request(self) -> UploadRequest:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        return UploadRequest(
            group_id=optional_uuid_of(self.group_id, "Group", field="groupId"),
            entity_type=self.entity_type,
            entity_id=optional_uuid_of(self.entity_id, *_ENTITIES, field="entityId"),
        )


@strawberry.input(description="A new name for a file.")
class RenameFileInput:
    """One file, one name."""

    id: strawberry.ID = strawberry.field(description="The file.")
    name: str = strawberry.field(description="The new name.")


@strawberry.input(description="A file to move to the trash.")
class DeleteFileInput:
    """One file."""

    id: strawberry.ID = strawberry.field(description="The file.")


@strawberry.input(description="A file to bring back from the trash.")
class RestoreFileInput:
    """One file."""

    id: strawberry.ID = strawberry.field(description="The file.")


@strawberry.input(description="A file in the trash to delete for good.")
class PurgeFileInput:
    """One file."""

    id: strawberry.ID = strawberry.field(description="The file.")


@strawberry.input(description="Whose trash to empty.")
class EmptyTrashInput:
    """One user, or the viewer."""

    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The user, for system admins; null: the viewer."
    )
