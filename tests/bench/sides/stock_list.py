"""A list of files and a query that asks for nothing, as Strawberry's and Tortoise's documentation show them.

To its advantage the caller is whom a header says, a page has neither cursors nor an end to be found, nobody's rights are looked
up and nothing is logged; its connections are the product's. DATABASE_URL names a migrated database in which the files are.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from strawberry.asgi import GraphQL

from app import models
from app.models import FileStatus
from tests.bench.sides.connections import Connections
from tests.bench.sides.serving import serve
from tests.bench.wire import USER_HEADER

_connections = Connections()
strawberry.enum(FileStatus)


@strawberry.type
class File:
    """The fields that are asked for."""

    id: strawberry.ID
    name: str
    mime_type: str
    size_bytes: float  # an Int of GraphQL ends at 2 GiB
    sha256: str | None
    status: FileStatus
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: models.File) -> Self:
        """From a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            mime_type=row.mime_type,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            status=row.status,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@strawberry.type
class Query:
    """The list."""

    @strawberry.field
    async def files(self, info: strawberry.Info, first: int) -> list[File]:
        """The caller's newest active files."""
        await _connections.bind()
        owner_id = UUID(info.context["request"].headers[USER_HEADER])
        rows = models.File.filter(owner_id=owner_id, status=FileStatus.ACTIVE).order_by("-created_at", "-id")
        return [File.of(row) for row in await rows.limit(first)]


if __name__ == "__main__":
    schema = strawberry.Schema(query=Query)
    serve(GraphQL[object, None](schema))
