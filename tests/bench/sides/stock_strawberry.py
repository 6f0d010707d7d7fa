"""The same upload as Strawberry's documentation shows it: the view spools the body, the resolver stores the spooled file.

To its advantage there is no database, no hash and no check, and the copying is done in a thread.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import strawberry
from starlette.datastructures import UploadFile
from strawberry.asgi import GraphQL
from strawberry.file_uploads import Upload

from tests.bench.sides.serving import serve, target

_target = target()


@strawberry.type
class StoredFile:
    """What was stored."""

    name: str
    size: int


@strawberry.type
class Query:
    """GraphQL wants one."""

    @strawberry.field
    def hello(self) -> str:
        """Says that the server is there."""
        return "hello"


@strawberry.type
class Mutation:
    """The upload."""

    @strawberry.mutation
    async def upload(self, file: Upload) -> StoredFile:
        """Store the file and sync it."""
        assert isinstance(file, UploadFile)
        path = _target / uuid4().hex
        size = await asyncio.to_thread(_store, file.file, path)
        return StoredFile(name=path.name, size=size)


def _store(source: BinaryIO, path: Path) -> int:
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, 256 * 1024)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


if __name__ == "__main__":
    schema = strawberry.Schema(query=Query, mutation=Mutation)
    serve(GraphQL[object, None](schema, multipart_uploads_enabled=True))
