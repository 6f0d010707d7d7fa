"""Finding files."""

from typing import Annotated

import strawberry

from app.services.file_list import FileOrder
from schema.context import Info
from schema.fields import field
from schema.files.inputs import FileFilter
from schema.files.types import File
from schema.ids import uuid_of
from schema.pagination import After, Connection, First, page_length

_FILE_ID = strawberry.argument(description="The file.")
_FILTER = strawberry.argument(description="Which files; null: the viewer's active files.")
_ORDER = strawberry.argument(description="In which order.")


@strawberry.type
class FileQueries:
    """Part of Query."""

    @field("One active file. What is in the trash is NOT_FOUND here; see files.")
    async def file(self, info: Info, id: Annotated[strawberry.ID, _FILE_ID]) -> File | None:
        """Raises NotFound."""
        viewer = info.context.viewer
        return File.of(await info.context.runtime.files.get(viewer, uuid_of(id, "File")))

    @field("The viewer's files, or those the viewer administers.")
    async def files(
        self,
        info: Info,
        filter: Annotated[FileFilter | None, _FILTER] = None,
        order_by: Annotated[FileOrder | None, _ORDER] = FileOrder.CREATED_AT_DESC,
        first: First = 50,
        after: After = None,
    ) -> Connection[File] | None:
        """Raises BadUserInput for a bad cursor or page size."""
        viewer = info.context.viewer
        page = await info.context.runtime.files.page(
            viewer,
            (filter or FileFilter()).wanted(),
            order_by or FileOrder.CREATED_AT_DESC,
            page_length(first),
            after,
        )
        return Connection[File].of(page, File.of)
