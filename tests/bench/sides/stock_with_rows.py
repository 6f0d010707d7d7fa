"""The stock side with the product's bookkeeping, done in the usual way: the ledger's row is locked, looked at and written.

Also hashed, as the product does. To its advantage the caller is whom a header says, nobody's limits are looked up, there is one
transaction for each file, when it has been stored, and its connections are the product's. DATABASE_URL names a migrated database in
which the users and their ledger rows are.
"""

import asyncio
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import strawberry
from starlette.datastructures import UploadFile
from strawberry.asgi import GraphQL
from strawberry.file_uploads import Upload
from tortoise.transactions import in_transaction

from app.models import File, FileStatus, UserStorage
from tests.bench.sides.connections import Connections
from tests.bench.sides.serving import serve, target
from tests.bench.sides.stock_strawberry import Query, StoredFile
from tests.bench.wire import USER_HEADER

_QUOTA = 1024**4
_PIECE = 256 * 1024


_target = target()
_connections = Connections()


@strawberry.type
class Mutation:
    """The upload."""

    @strawberry.mutation
    async def upload(self, info: strawberry.Info, file: Upload) -> StoredFile:
        """Store the file and sync it, then its row and its charge."""
        assert isinstance(file, UploadFile)
        await _connections.bind()
        owner_id = UUID(info.context["request"].headers[USER_HEADER])
        path = _target / uuid4().hex
        size, sha256 = await asyncio.to_thread(_store, file.file, path)
        await _book(owner_id, path.name, size, sha256)
        return StoredFile(name=path.name, size=size)


async def _book(owner_id: UUID, name: str, size: int, sha256: str) -> None:
    now = datetime.now(UTC)
    async with in_transaction():
        ledger = await UserStorage.select_for_update().get(user_id=owner_id)
        if ledger.used_bytes + size > _QUOTA:
            raise ValueError("the quota is exceeded")
        ledger.used_bytes += size
        await ledger.save(update_fields=["used_bytes"])
        await File.create(
            owner_id=owner_id,
            name=name,
            name_folded=name,
            mime_type="application/octet-stream",
            size_bytes=size,
            charged_bytes=size,
            sha256=sha256,
            status=FileStatus.ACTIVE,
            location_id="local",
            storage_key=name,
            created_at=now,
            updated_at=now,
        )


def _store(source: BinaryIO, path: Path) -> tuple[int, str]:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        return file.tell(), digest.hexdigest()


if __name__ == "__main__":
    schema = strawberry.Schema(query=Query, mutation=Mutation)
    serve(GraphQL[object, None](schema, multipart_uploads_enabled=True))
