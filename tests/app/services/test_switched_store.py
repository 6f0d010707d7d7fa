"""Locations live side by side: a file stays where it was uploaded, whatever location new uploads use (R11)."""

from pathlib import Path
from typing import Any

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.db import Database
from app.models import File
from app.runtime import Runtime, open_runtime
from app.services.uploads import UploadRequest
from app.settings import Settings
from app.storage.locations import LocalLocation
from tests.app.services.conftest import Source
from tests.factories import make_user
from tests.fixtures.ledger import assert_ledger_is_true, recorded
from tests.fixtures.servers.buckets import S3Server

OLD, NEW = b"from the days of the folder", b"from the days of the bucket"


def settings(database: Database, **values: Any) -> Settings:
    return Settings.load(database_url=database.url, secret_key="x" * 32, **values)


async def content(runtime: Runtime, file: File) -> bytes:
    async with runtime.storage.read(file.location_id, file.storage_key) as chunks:
        return b"".join([chunk async for chunk in chunks])


@pytest.mark.requirement("R9")
@pytest.mark.requirement("R11")
async def test_files_are_read_and_deleted_where_they_were_uploaded(
    database: Database, tmp_path: Path, s3_server: S3Server, s3_bucket: str
) -> None:
    root = tmp_path / "files"
    user = await make_user()
    principal = Principal(user.id, is_system_admin=False)
    before = settings(database, storage_backend="local", local_storage_path=root)
    async with open_runtime(before, FixedClock()) as runtime:
        old = await runtime.uploads.upload(principal, UploadRequest(), Source([OLD]))
    after = settings(
        database,
        storage_backend="s3",
        storage_extra_locations=(LocalLocation(name="local", backend="local", path=root),),
        s3_endpoint=s3_server.endpoint,
        s3_bucket=s3_bucket,
        s3_access_key_id=s3_server.access_key_id,
        s3_secret_access_key=s3_server.secret_access_key,
        s3_force_path_style=True,
    )
    async with open_runtime(after, FixedClock()) as runtime:
        new = await runtime.uploads.upload(principal, UploadRequest(), Source([NEW]))
        assert (old.location_id, new.location_id) == ("local", "s3")
        assert (await content(runtime, old), await content(runtime, new)) == (OLD, NEW)
        urls = [await runtime.files.signed_url(file, expires_in=60, inline=False) for file in (old, new)]
        assert [url is not None and url.url.startswith(s3_server.endpoint) for url in urls] == [False, True]
        for file in (old, new):
            await runtime.files.delete(principal, file.id)
            await runtime.files.purge(principal, file.id)
    assert [path.name for path in root.rglob("*") if path.is_file()] == [".satchel-id"]
    assert s3_server.names(s3_bucket) == [".satchel-id"]
    database.bind()
    assert await recorded(database, user.id) == (0, 0)
    await assert_ledger_is_true(database)
