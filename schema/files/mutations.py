"""Uploading files, and what becomes of them."""

from typing import Annotated, Self
from uuid import UUID

import strawberry

from app import models
from app.services.uploads import UploadRequest
from schema.context import Info
from schema.enums import ErrorCode
from schema.errors import Told
from schema.fields import INPUT, field, mutation
from schema.files.inputs import (
    DeleteFileInput,
    EmptyTrashInput,
    PurgeFileInput,
    RenameFileInput,
    RestoreFileInput,
    UploadFileInput,
    UploadFilesInput,
)
from schema.files.types import File
from schema.graphql_errors import settled
from schema.ids import global_id, optional_uuid_of, uuid_of
from schema.limits.types import Quota, quota_of
from schema.scalars import JSON, BigInt, Upload


@strawberry.type
class _WithQuota:
    """The owner's quota, read when it is asked for and so after the change."""

    owner_id: strawberry.Private[UUID]

    @field("The owner's quota after the change, for those who may read it.")
    async def quota(self, info: Info) -> Quota | None:
        """Raises Forbidden for who may change the file but not read its owner's quota."""
        return await quota_of(info, self.owner_id)


@strawberry.type
class _WithFile(_WithQuota):
    file: File = strawberry.field(description="The file as it is now.")

    @classmethod
    def of(cls, row: models.File) -> Self:
        """Around a row that the caller may see."""
        return cls(file=File.of(row), owner_id=row.owner_id)


@strawberry.type(description="The file that was stored.")
class UploadFilePayload(_WithFile):
    """The answer to uploadFile."""


@strawberry.type(description="The file under its new name.")
class RenameFilePayload:
    """The answer to renameFile."""

    file: File = strawberry.field(description="The file as it is now.")


@strawberry.type(description="The file in the trash.")
class DeleteFilePayload(_WithFile):
    """The answer to deleteFile."""


@strawberry.type(description="The file, back from the trash.")
class RestoreFilePayload(_WithFile):
    """The answer to restoreFile."""


@strawberry.type(description="What became of one file of several: either it was stored, or it has an error.")
class UploadResult:
    """One of the results of uploadFiles."""

    file: File | None = strawberry.field(description="The stored file; null when it was refused.")
    error_code: ErrorCode | None = strawberry.field(description="Why it was refused; null when it was stored.")
    error_message: str | None = strawberry.field(description="The same as a sentence.")
    error_details: JSON | None = strawberry.field(description="The figures that belong to the code, as in extensions.")

    @classmethod
    def of(cls, outcome: models.File | Told) -> Self:
        """From what came of one upload."""
        if isinstance(outcome, Told):
            return cls(
                file=None,
                error_code=ErrorCode(outcome.code),
                error_message=outcome.message,
                error_details=JSON(dict(outcome.details)),
            )
        return cls(file=File.of(outcome), error_code=None, error_message=None, error_details=None)


@strawberry.type(description="What became of each file.")
class UploadFilesPayload(_WithQuota):
    """The answer to uploadFiles."""

    results: list[UploadResult] = strawberry.field(description="One result per file, in the order of the input.")


@strawberry.type(description="The file that is gone for good.")
class PurgeFilePayload(_WithQuota):
    """The answer to purgeFile."""

    file_id: strawberry.ID = strawberry.field(description="The id that the file had.")


@strawberry.type(description="What emptying the trash came to.")
class EmptyTrashPayload(_WithQuota):
    """The answer to emptyTrash."""

    files_purged: BigInt = strawberry.field(description="How many files are gone for good.")
    bytes_freed: BigInt = strawberry.field(description="The bytes they held.")


@strawberry.type
class FileMutations:
    """Part of Mutation."""

    @mutation("Store a file.")
    async def upload_file(self, info: Info, input: Annotated[UploadFileInput, INPUT]) -> UploadFilePayload | None:
        """Raises what Uploads.upload raises."""
        return UploadFilePayload.of(await _upload(info, input.request(), input.file))

    @mutation("Store several files, one after the other. A bad file does not undo a good one.")
    async def upload_files(self, info: Info, input: Annotated[UploadFilesInput, INPUT]) -> UploadFilesPayload | None:
        """Raises Unauthenticated, and BadUserInput or NotFound for the ids; what happens to a file is its result."""
        viewer, request = info.context.viewer, input.request()
        outcomes = [await settled(_upload(info, request, source), info.context.request_id) for source in input.files]
        return UploadFilesPayload(results=[UploadResult.of(outcome) for outcome in outcomes], owner_id=viewer.user_id)

    @mutation("Give a file another name.")
    async def rename_file(self, info: Info, input: Annotated[RenameFileInput, INPUT]) -> RenameFilePayload | None:
        """Raises NotFound, Forbidden, Conflict, BadUserInput."""
        viewer, files = info.context.viewer, info.context.runtime.files
        return RenameFilePayload(file=File.of(await files.rename(viewer, uuid_of(input.id, "File"), input.name)))

    @mutation("Move a file to the trash.")
    async def delete_file(self, info: Info, input: Annotated[DeleteFileInput, INPUT]) -> DeleteFilePayload | None:
        """Raises NotFound, Forbidden, Conflict."""
        viewer, files = info.context.viewer, info.context.runtime.files
        return DeleteFilePayload.of(await files.delete(viewer, uuid_of(input.id, "File")))

    @mutation("Bring a file back from the trash, if the quota allows.")
    async def restore_file(self, info: Info, input: Annotated[RestoreFileInput, INPUT]) -> RestoreFilePayload | None:
        """Raises NotFound, Forbidden, Conflict, QuotaExceeded."""
        viewer, files = info.context.viewer, info.context.runtime.files
        return RestoreFilePayload.of(await files.restore(viewer, uuid_of(input.id, "File")))

    @mutation("Delete a file in the trash for good, now.")
    async def purge_file(self, info: Info, input: Annotated[PurgeFileInput, INPUT]) -> PurgeFilePayload | None:
        """Raises NotFound, Forbidden, Conflict."""
        viewer, files = info.context.viewer, info.context.runtime.files
        purged = await files.purge(viewer, uuid_of(input.id, "File"))
        return PurgeFilePayload(file_id=global_id("File", purged.id), owner_id=purged.owner_id)

    @mutation("Delete everything in the viewer's trash for good; in a user's, for system admins.")
    async def empty_trash(
        self, info: Info, input: Annotated[EmptyTrashInput | None, INPUT] = None
    ) -> EmptyTrashPayload | None:
        """Raises Forbidden, NotFound."""
        viewer, files = info.context.viewer, info.context.runtime.files
        user_id = optional_uuid_of(input.user_id if input else None, "User", field="userId")
        emptied = await files.empty_trash(viewer, user_id)
        return EmptyTrashPayload(
            files_purged=emptied.files_purged, bytes_freed=emptied.bytes_freed, owner_id=emptied.owner_id
        )


async def _upload(info: Info, request: UploadRequest, source: Upload) -> models.File:
    await source.begin()
    return await info.context.runtime.uploads.upload(info.context.viewer, request, source)
