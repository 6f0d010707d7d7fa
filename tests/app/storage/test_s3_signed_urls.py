"""Signed URLs of an S3 store: what a browser is told, whom they lead to, and that they are good for nothing else (R14)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest

from app.clock import Clock, FixedClock, SystemClock
from app.storage.backend import SignedRead
from app.storage.s3 import S3Backend
from tests.app.storage.s3_stores import opened
from tests.contract.harness import new_key, put
from tests.contract.s3_harness import config_for
from tests.fixtures.servers.buckets import S3Server

pytestmark = [pytest.mark.requirement("R14"), pytest.mark.requirement("R4"), pytest.mark.requirement("R9")]


@pytest.fixture
async def backend(s3_server: S3Server, s3_bucket: str) -> AsyncIterator[S3Backend]:
    """A backend on an empty bucket."""
    async with opened(config_for(s3_server, s3_bucket)) as backend:
        yield backend


def read_of(
    key: str,
    *,
    name: str = "a.pdf",
    mime_type: str = "application/pdf",
    inline: bool = False,
    clock: Clock | None = None,
) -> SignedRead:
    now = (clock or SystemClock()).now()
    return SignedRead(key, name, mime_type, inline=inline, expires_at=now + timedelta(minutes=1))


async def ask(method: str, url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    async with aiohttp.ClientSession() as client, client.request(method, url, headers=headers, data=None) as answer:
        body = await answer.read()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, body


@pytest.mark.parametrize(
    "name, mime_type, inline, disposition, content_type",
    [
        ("a.pdf", "application/pdf", False, 'attachment; filename="a.pdf"', "application/pdf"),
        ("a.pdf", "application/pdf", True, 'inline; filename="a.pdf"', "application/pdf"),
        ("notes.txt", "text/plain", True, 'inline; filename="notes.txt"', "text/plain; charset=utf-8"),
        ("a.html", "text/html", True, 'attachment; filename="a.html"', "text/html"),
        ("a.svg", "image/svg+xml", True, 'attachment; filename="a.svg"', "image/svg+xml"),
        ("x", "no type\r\nx-evil: 1", False, 'attachment; filename="x"', "application/octet-stream"),
        ("a\r\nb\".pdf", "application/pdf", False, "attachment; filename=\"ab_.pdf\"; filename*=UTF-8''ab%22.pdf", "application/pdf"),
        ("Größe & Ümlaut + 100%.pdf", "application/pdf", False, "attachment; filename=\"Gr__e & _mlaut + 100_.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20&%20%C3%9Cmlaut%20+%20100%25.pdf", "application/pdf"),
    ],
)  # fmt: skip
async def test_a_browser_is_told_the_name_and_the_type_that_were_signed(
    backend: S3Backend, name: str, mime_type: str, inline: bool, disposition: str, content_type: str
) -> None:
    key = new_key()
    await put(backend, key, b"the bytes")
    url = await backend.sign(read_of(key, name=name, mime_type=mime_type, inline=inline))
    status, headers, body = await ask("GET", url)
    assert (status, body) == (200, b"the bytes")
    assert headers["content-disposition"] == disposition
    assert headers["content-type"] == content_type


@pytest.mark.parametrize("method", ["HEAD", "PUT", "POST", "DELETE"])
async def test_a_url_is_for_reading_only(backend: S3Backend, method: str) -> None:
    key = new_key()
    await put(backend, key, b"the bytes")
    url = await backend.sign(read_of(key))
    status, _, _ = await ask(method, url)
    assert status == 403
    assert (await ask("GET", url))[2] == b"the bytes"


async def test_a_url_gives_no_listing(backend: S3Backend) -> None:
    url = urlsplit(await backend.sign(read_of(new_key())))
    for path in (url.path.rpartition("/")[0] + "/", "/" + url.path.split("/")[1], "/"):
        status, _, _ = await ask("GET", url._replace(path=path).geturl())
        assert status == 403


async def test_a_part_may_be_asked_for(backend: S3Backend) -> None:
    key = new_key()
    await put(backend, key, b"the bytes")
    _, headers, body = await ask("GET", await backend.sign(read_of(key)), {"range": "bytes=4-8"})
    assert body == b"bytes"
    assert headers["content-range"] == "bytes 4-8/9"


async def test_clients_are_sent_to_the_public_name_of_the_store(s3_server: S3Server, s3_bucket: str) -> None:
    """The host is part of the signature: another name that leads to the same store does not do."""
    public = s3_server.endpoint.replace("127.0.0.1", "localhost")
    assert public != s3_server.endpoint
    async with opened(config_for(s3_server, s3_bucket, public_endpoint=public)) as backend:
        key = new_key()
        await put(backend, key, b"the bytes")
        url = await backend.sign(read_of(key))
    assert url.startswith(f"{public}/{s3_bucket}/{key}?")
    assert (await ask("GET", url))[2] == b"the bytes"
    assert (await ask("GET", url.replace(public, s3_server.endpoint)))[0] == 403


async def test_what_counts_is_how_long_a_url_is_to_live_by_the_clock_of_the_application(
    s3_server: S3Server, s3_bucket: str
) -> None:
    clock = FixedClock()
    async with opened(config_for(s3_server, s3_bucket), clock=clock) as backend:
        key = new_key()
        await put(backend, key, b"the bytes")
        request = read_of(key, clock=clock)
        assert (await ask("GET", await backend.sign(request)))[2] == b"the bytes"
        clock.advance(seconds=61)
        assert (await ask("GET", await backend.sign(request)))[0] in {400, 403}
