"""The download service on its own: what a token opens, and what a store that fails becomes (R4)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.clock import FixedClock
from app.db import Database
from app.errors import NotFound, SignedUrlExpired, SignedUrlInvalid, StorageUnavailable
from app.models import File, FileStatus
from app.services.downloads import Downloads
from app.storage.backend import Backend, SignedRead
from app.storage.errors import IntegrityFailed, ObjectNotFound, Unavailable
from app.storage.local import LocalBackend
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from tests.factories import make_file, make_group
from tests.fixtures.events import events_of

pytestmark = [pytest.mark.requirement("R4"), pytest.mark.requirement("R14")]

CONTENT = b"0123456789" * 100_000


class Setup:
    """The service and what it works on."""

    def __init__(self, database: Database, backend: str, folder: Path) -> None:
        self.clock = FixedClock()
        self.urls = UrlSigner(b"a secret of thirty-two bytes or more", "http://127.0.0.1", self.clock)
        store: Backend = (
            MemoryBackend(location="here", signer=self.urls)
            if backend == "memory"
            else LocalBackend(folder / "files", location="here", signer=self.urls)
        )
        self.storage = Storage({"here": store}, default="here", timeout_seconds=10)
        self.downloads = Downloads(database, self.storage, self.urls, self.clock, events=events_of(database))

    def token(self, file: File, *, location: str = "here", name: str = "given.txt", seconds: float = 60) -> str:
        request = SignedRead(
            file.storage_key, name, "text/x-signed", True, self.clock.now() + timedelta(seconds=seconds)
        )
        return self.urls.sign(request, location).rpartition("/")[2]


@pytest.fixture(params=["memory", "local"])
async def setup(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> AsyncIterator[Setup]:
    made = Setup(database, request.param, tmp_path)
    await made.storage.open({})
    yield made
    await made.storage.close()


async def test_a_token_opens_its_file(setup: Setup) -> None:
    group = await make_group()
    file = await make_file(
        content=CONTENT, location="here", storage=setup.storage, group=group, created_at=setup.clock.now()
    )
    download = await setup.downloads.open(setup.token(file, seconds=60.9))
    assert (download.file_id, download.owner_id, download.group_id) == (file.id, file.owner_id, group.id)
    assert (download.size_bytes, download.sha256) == (len(CONTENT), file.sha256)
    assert (download.name, download.mime_type, download.inline) == ("given.txt", "text/plain", True)
    assert download.created_at == setup.clock.now()
    assert download.seconds_left == 60
    await setup.downloads.check(download)
    async with setup.downloads.read(download, 5, 900_005) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == CONTENT[5:900_005]


async def test_a_token_ends_at_its_time_and_not_before(setup: Setup) -> None:
    file = await make_file(content=b"x", location="here", storage=setup.storage)
    token = setup.token(file, seconds=60)
    setup.clock.advance(seconds=59.5)
    assert (await setup.downloads.open(token)).seconds_left == 0
    setup.clock.advance(seconds=0.5)
    with pytest.raises(SignedUrlExpired):
        await setup.downloads.open(token)


@pytest.mark.parametrize("token", ["", ".", "x.y", "\ud800", "é", "a" * 100_000])
async def test_nonsense_opens_nothing(setup: Setup, token: str) -> None:
    with pytest.raises(SignedUrlInvalid):
        await setup.downloads.open(token)


async def test_a_token_of_another_installation_opens_nothing(setup: Setup) -> None:
    file = await make_file(content=b"x", location="here", storage=setup.storage)
    theirs = UrlSigner(b"some other secret that is long enough", "http://127.0.0.1", setup.clock)
    request = SignedRead(file.storage_key, "a", "b/c", False, setup.clock.now() + timedelta(seconds=60))
    with pytest.raises(SignedUrlInvalid):
        await setup.downloads.open(theirs.sign(request, "here").rpartition("/")[2])


@pytest.mark.parametrize("status", [FileStatus.PENDING, FileStatus.SOFT_DELETED, FileStatus.PURGING])
async def test_only_an_active_file_is_opened(setup: Setup, status: FileStatus) -> None:
    file = await make_file(content=b"x", location="here", storage=setup.storage, status=status)
    with pytest.raises(NotFound):
        await setup.downloads.open(setup.token(file))


async def test_a_key_counts_only_in_its_own_location(setup: Setup) -> None:
    file = await make_file(content=b"x", location="here", storage=setup.storage)
    with pytest.raises(NotFound):
        await setup.downloads.open(setup.token(file, location="there"))


async def test_a_location_that_is_not_configured_any_more_is_unavailable(setup: Setup) -> None:
    file = await make_file(content=b"x", location="gone")
    download = await setup.downloads.open(setup.token(file, location="gone"))
    for probe in (setup.downloads.check(download), read_all(setup, file, "gone")):
        with pytest.raises(StorageUnavailable) as caught:
            await probe
        assert caught.value.location == "gone"
        assert isinstance(caught.value.__cause__, Unavailable)


async def read_all(setup: Setup, file: File, location: str = "here") -> bytes:
    download = await setup.downloads.open(setup.token(file, location=location))
    async with setup.downloads.read(download, 0, download.size_bytes) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_lost_object_makes_the_store_unavailable(setup: Setup) -> None:
    file = await make_file(content=CONTENT, location="here", storage=setup.storage)
    download = await setup.downloads.open(setup.token(file))
    await setup.storage.delete("here", file.storage_key)
    for probe in (setup.downloads.check(download), read_all(setup, file)):
        with pytest.raises(StorageUnavailable) as caught:
            await probe
        assert isinstance(caught.value.__cause__, ObjectNotFound)


async def test_an_object_shorter_than_its_row_is_an_error_at_its_end(setup: Setup) -> None:
    file = await make_file(content=CONTENT, size_bytes=len(CONTENT) + 1, location="here", storage=setup.storage)
    download = await setup.downloads.open(setup.token(file))
    for probe in (setup.downloads.check(download), read_all(setup, file)):
        with pytest.raises(StorageUnavailable) as caught:
            await probe
        assert isinstance(caught.value.__cause__, IntegrityFailed)


async def test_an_object_longer_than_its_row_is_cut_to_the_row(setup: Setup) -> None:
    file = await make_file(content=CONTENT, size_bytes=10, location="here", storage=setup.storage)
    assert await read_all(setup, file) == CONTENT[:10]


async def test_a_file_that_is_purged_between_opening_and_reading_is_not_found(setup: Setup) -> None:
    file = await make_file(content=CONTENT, location="here", storage=setup.storage)
    download = await setup.downloads.open(setup.token(file))
    await file.delete()
    await setup.storage.delete("here", file.storage_key)
    with pytest.raises(NotFound):
        await setup.downloads.check(download)
    with pytest.raises(NotFound):
        async with setup.downloads.read(download, 0, 10):
            pass


async def test_a_file_that_is_purged_while_it_is_read_is_read_to_its_end(setup: Setup) -> None:
    file = await make_file(content=CONTENT, location="here", storage=setup.storage)
    download = await setup.downloads.open(setup.token(file))
    async with setup.downloads.read(download, 0, len(CONTENT)) as chunks:
        received = await anext(chunks)
        await file.delete()
        await setup.storage.delete("here", file.storage_key)
        received += b"".join([chunk async for chunk in chunks])
    assert received == CONTENT


async def test_what_a_reader_raises_is_passed_on(setup: Setup) -> None:
    file = await make_file(content=CONTENT, location="here", storage=setup.storage)
    download = await setup.downloads.open(setup.token(file))
    with pytest.raises(ZeroDivisionError):
        async with setup.downloads.read(download, 0, 10):
            raise ZeroDivisionError
