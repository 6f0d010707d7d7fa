"""Downloads when the store fails or the client goes away: a clear answer or a broken connection, never wrong bytes."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from app.storage.backend import BATCH_BYTES
from app.storage.errors import Reason, Unavailable
from app.storage.memory import MemoryBackend
from app.storage.urls import UrlSigner
from app.web.connection import ClientStalled, send_bytes, while_connected
from tests.app.web.live import OTHER, Site, eventually, site_on
from tests.app.web.test_downloads import error_of
from tests.fixtures.logs import LogLines

pytestmark = pytest.mark.requirement("R4")

CONTENT = random.Random(11).randbytes(3 * BATCH_BYTES)
METHODS = ["GET", "HEAD"]


class ShakyBackend(MemoryBackend):
    """Keeps what it is given, and gives it back as `before_piece` allows: called with the number of each piece."""

    def __init__(self, signer: UrlSigner) -> None:
        super().__init__(location=OTHER, signer=signer)
        self.open_reads = 0
        self.pieces_given = 0
        self.before_piece: Callable[[int], object] = lambda _: None
        self.endless = False

    @contextlib.asynccontextmanager
    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        async with super().read(key, start=start, end=end) as pieces:
            self.open_reads += 1
            try:
                yield self._given(pieces)
            finally:
                self.open_reads -= 1

    async def _given(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        number = 0
        async for piece in pieces:
            while True:
                outcome = self.before_piece(number)
                if isinstance(outcome, asyncio.Event):
                    await outcome.wait()
                number += 1
                self.pieces_given += 1
                yield piece
                if not self.endless:
                    break


@pytest.fixture
async def shaky_site(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Site]:
    async with site_on(tmp_path, sqlite_url, make_backend=ShakyBackend) as opened:
        yield opened


@pytest.fixture
def backend(shaky_site: Site) -> ShakyBackend:
    found = shaky_site.runtime.storage.locations[OTHER].backend
    assert isinstance(found, ShakyBackend)
    return found


def object_path(site: Site) -> Path:
    """The one object that is in local storage."""
    root = site.runtime.settings.resolved_local_storage_path
    (path,) = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return path


@pytest.mark.requirement("R13")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("content", [CONTENT, b""], ids=["some", "empty"])
async def test_a_store_that_is_gone_is_a_503_until_it_is_back(
    local_site: Site, method: str, content: bytes, log_lines: LogLines
) -> None:
    url = await local_site.url_of(content)
    root = local_site.runtime.settings.resolved_local_storage_path
    away = root.rename(root.with_name("away"))
    response = await local_site.client.request(method, url)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    if method == "GET":
        assert error_of(response) == "STORAGE_UNAVAILABLE"
        assert str(root) not in response.text
    errors = [line for line in log_lines() if line["level"] == "error"]
    assert [(line["event"], line["code"]) for line in errors] == [("http.request_failed", "STORAGE_UNAVAILABLE")]
    assert errors[0]["request_id"] == response.headers["x-request-id"]
    away.rename(root)
    response = await local_site.client.get(url)
    assert (response.status_code, response.content) == (200, content)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("content", [CONTENT, b""], ids=["some", "empty"])
async def test_a_row_without_bytes_is_an_error_in_the_log(
    site: Site, method: str, content: bytes, log_lines: LogLines
) -> None:
    file = await site.add_file(content)
    await site.runtime.storage.delete(file.location_id, file.storage_key)
    response = await site.client.request(method, await site.sign(file))
    assert response.status_code == 503
    (error,) = [line for line in log_lines() if line["level"] == "error"]
    assert error["cause"].startswith("ObjectNotFound: OBJECT_NOT_FOUND")
    assert file.storage_key in error["cause"]
    assert "file.downloaded" not in {line["event"] for line in log_lines()}


async def test_an_object_that_is_too_short_is_never_passed_off_as_whole(local_site: Site, log_lines: LogLines) -> None:
    url = await local_site.url_of(CONTENT)
    os.truncate(object_path(local_site), BATCH_BYTES + 10)
    with pytest.raises(httpx.RemoteProtocolError):
        await local_site.client.get(url)
    assert (await local_site.client.head(url)).status_code == 503
    response = await local_site.client.get(url, headers={"range": f"bytes=-{BATCH_BYTES}"})
    assert response.status_code == 503
    levels = [line["event"] for line in log_lines() if line["level"] == "error"]
    assert levels == ["http.response_cut_short", "http.request_failed", "http.request_failed"]


@pytest.mark.parametrize("header", [{}, {"range": "bytes=0-0,500000-700000"}], ids=["whole", "parts"])
async def test_a_store_that_fails_in_mid_stream_breaks_the_connection(
    shaky_site: Site, backend: ShakyBackend, header: dict[str, str], log_lines: LogLines
) -> None:
    def fail(_: int) -> None:
        if backend.pieces_given == 1:
            raise Unavailable(Reason.FAILED)

    backend.before_piece = fail
    url = await shaky_site.url_of(CONTENT)
    async with shaky_site.client.stream("GET", url, headers=header) as response:
        assert response.status_code in {200, 206}
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()
        length, received = int(response.headers["content-length"]), response.num_bytes_downloaded
    assert received < length
    await eventually(lambda: any(line["event"] == "http.request" for line in log_lines()))
    lines = log_lines()
    (error,) = [line for line in lines if line["level"] == "error"]
    assert (error["event"], error["code"]) == ("http.response_cut_short", "STORAGE_UNAVAILABLE")
    (access,) = [line for line in lines if line["event"] == "http.request"]
    assert access["cut_short"] is True
    assert access["bytes_sent"] == received
    assert backend.open_reads == 0


async def test_a_fault_of_our_own_in_mid_stream_is_logged_once_with_its_traceback(
    shaky_site: Site, backend: ShakyBackend, log_lines: LogLines
) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise LookupError("a bug")

    backend.before_piece = fail
    with pytest.raises(httpx.RemoteProtocolError):
        await shaky_site.client.get(await shaky_site.url_of(CONTENT))
    await eventually(lambda: any(line["event"] == "http.request" for line in log_lines()))
    (error,) = [line for line in log_lines() if line["level"] == "error"]
    assert error["event"] == "http.response_cut_short"
    assert "LookupError: a bug" in error["exception"]


async def test_a_client_that_hangs_up_frees_the_file_at_once(local_site: Site, log_lines: LogLines) -> None:
    content = b"\0" * 64 * 1024 * 1024  # far more than all buffers on the way hold
    url = httpx.URL(await local_site.url_of(content))
    held = object_path(local_site)

    def open_descriptors() -> int:
        count = 0
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                count += descriptor.readlink() == held
        return count

    reader, writer = await asyncio.open_connection(*local_site.address)
    writer.write(b"GET " + url.raw_path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readexactly(100_000)
    assert open_descriptors() == 1
    writer.transport.abort()
    await eventually(lambda: open_descriptors() == 0)
    await eventually(lambda: any(line["event"] == "http.request" for line in log_lines()))
    lines = log_lines()
    assert [line["level"] for line in lines if line["level"] != "info"] == []
    (access,) = [line for line in lines if line["event"] == "http.request"]
    assert access["cut_short"] is True


async def test_a_client_that_hangs_up_ends_a_read_that_waits_for_the_store(
    shaky_site: Site, backend: ShakyBackend
) -> None:
    never = asyncio.Event()
    backend.before_piece = lambda number: never if number == 1 else None
    url = httpx.URL(await shaky_site.url_of(CONTENT))
    reader, writer = await asyncio.open_connection(*shaky_site.address)
    writer.write(b"GET " + url.raw_path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readexactly(BATCH_BYTES)
    assert backend.open_reads == 1
    writer.close()
    await eventually(lambda: backend.open_reads == 0)


async def test_a_client_that_does_not_read_holds_the_store_back(shaky_site: Site, backend: ShakyBackend) -> None:
    backend.endless = True
    file = await shaky_site.add_file(b"\0" * BATCH_BYTES)
    file.size_bytes = file.charged_bytes = 10**12
    await file.save()
    url = httpx.URL(await shaky_site.sign(file))
    reader, writer = await asyncio.open_connection(*shaky_site.address, limit=1024)
    writer.write(b"GET " + url.raw_path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readexactly(100)
    seen = -1
    while seen != backend.pieces_given:
        seen = backend.pieces_given
        assert seen * BATCH_BYTES < 32 * 1024 * 1024  # what the kernel buffers on the way
        await asyncio.sleep(0.5)
    writer.transport.abort()
    await eventually(lambda: backend.open_reads == 0)


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    async def send(_: Message) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ClientStalled):
        await send_bytes(send, b"data", stall_seconds=0.02)


async def test_work_is_over_when_it_says_so_also_when_the_server_stops() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.set()

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    serving = asyncio.create_task(while_connected(receive, work()))
    await asyncio.sleep(0.01)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert ended.is_set()
