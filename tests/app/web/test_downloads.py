"""Signed URLs over HTTP (R4, R14): what opens them, what they answer, and what they refuse."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models import FileStatus
from app.storage.backend import SignedRead
from tests.app.web.live import Site, etag_of, site_on

pytestmark = [pytest.mark.requirement("R4"), pytest.mark.requirement("R14")]

CONTENT = bytes(range(256)) * 2000  # two batches of storage, nearly


def error_of(response: httpx.Response) -> str:
    """The code of a refusal, which has the one form that all have."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    (error,) = response.json()["errors"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert error["message"]
    code = error["extensions"]["code"]
    assert isinstance(code, str)
    return code


@pytest.mark.parametrize("backend", ["memory", "local"])
async def test_a_signed_url_gives_the_bytes_on_every_database(tmp_path: Path, database_url: str, backend: str) -> None:
    async with site_on(tmp_path, database_url, storage_backend=backend) as site:
        file = await site.add_file(CONTENT, name="photo.png", mime_type="image/png")
        url = await site.sign(file)
        assert url.startswith(f"{site.url}/files/")
        response = await site.client.get(url)
        assert (response.status_code, response.content) == (200, CONTENT)
        assert response.headers["etag"] == etag_of(CONTENT)
        assert response.headers["last-modified"] == "Thu, 01 Jan 2026 12:00:00 GMT"
        site.clock.advance(seconds=900)
        assert error_of(await site.client.get(url)) == "SIGNED_URL_EXPIRED"


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, CONTENT * 3], ids=["empty", "one byte", "large", "larger"])
async def test_head_says_what_get_says(site: Site, content: bytes) -> None:
    url = await site.url_of(content)
    got = await site.client.get(url)
    asked = await site.client.head(url)
    assert (got.status_code, got.content) == (200, content)
    assert (asked.status_code, asked.content) == (200, b"")
    volatile = {"date", "x-request-id"}
    assert {k: v for k, v in asked.headers.items() if k not in volatile} == {
        k: v for k, v in got.headers.items() if k not in volatile
    }
    assert got.headers["content-length"] == str(len(content))
    assert got.headers["accept-ranges"] == "bytes"


async def test_the_headers_make_a_file_harmless(site: Site) -> None:
    file = await site.add_file(b"<script>alert(1)</script>", name="Übung.html", mime_type="text/html")
    response = await site.client.get(await site.sign(file, inline=True))
    assert response.headers["content-type"] == "text/html"
    assert response.headers["content-disposition"] == (
        "attachment; filename=\"_bung.html\"; filename*=UTF-8''%C3%9Cbung.html"
    )
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_a_picture_is_shown_inline_when_the_url_was_made_for_it(site: Site) -> None:
    file = await site.add_file(b"...", name="a.png", mime_type="image/png")
    shown = await site.client.get(await site.sign(file, inline=True))
    saved = await site.client.get(await site.sign(file, inline=False))
    assert shown.headers["content-disposition"] == 'inline; filename="a.png"'
    assert saved.headers["content-disposition"] == 'attachment; filename="a.png"'


async def test_the_type_is_the_stored_one_and_the_name_the_signed_one(site: Site) -> None:
    file = await site.add_file(b"...", name="a.png", mime_type="image/png")
    request = SignedRead(file.storage_key, "b.html", "text/html", True, site.clock.now() + timedelta(minutes=1))
    response = await site.client.get(await site.runtime.storage.sign(file.location_id, request))
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == 'inline; filename="b.html"'


async def test_a_copy_is_kept_no_longer_than_the_url_is_valid(site: Site) -> None:
    url = await site.sign(await site.add_file(b"..."), seconds=100)
    site.clock.advance(seconds=70.5)
    response = await site.client.get(url)
    assert response.headers["cache-control"] == "private, max-age=29"


@pytest.mark.parametrize("seconds", [900, 900.001, 10**6])
async def test_an_expired_url_is_refused(site: Site, seconds: float) -> None:
    url = await site.url_of(CONTENT)
    site.clock.advance(seconds=899.999)
    assert (await site.client.head(url)).status_code == 200
    site.clock.advance(seconds=seconds - 899.999)
    for headers in ({}, {"range": "bytes=0-0"}, {"if-none-match": "*"}):
        response = await site.client.get(url, headers=headers)
        assert (response.status_code, error_of(response)) == (403, "SIGNED_URL_EXPIRED")


async def test_every_changed_character_of_a_url_is_noticed(site: Site) -> None:
    url = await site.url_of(b"secret")
    head, _, token = url.rpartition("/")
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        response = await site.client.get(f"{head}/{changed}")
        assert (response.status_code, error_of(response)) == (403, "SIGNED_URL_INVALID")
        assert b"secret" not in response.content


async def test_a_token_for_another_key_does_not_pass(site: Site) -> None:
    mine, other = await site.add_file(b"mine"), await site.add_file(b"other")
    url = await site.sign(mine)
    head, _, token = url.rpartition("/")
    payload, _, mac = token.partition(".")
    fields = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert mine.storage_key in fields
    forged = json.dumps([other.storage_key if field == mine.storage_key else field for field in fields])
    forged_payload = base64.urlsafe_b64encode(forged.encode()).decode().rstrip("=")
    response = await site.client.get(f"{head}/{forged_payload}.{mac}")
    assert (response.status_code, error_of(response)) == (403, "SIGNED_URL_INVALID")


@pytest.mark.parametrize("token", ["x", ".", "a.b", "%00", "%ff%fe", "%F0%9F%98%80", "a" * 20_000, "..", "%2e%2e"])
async def test_nonsense_is_refused_in_the_same_way(local_site: Site, token: str) -> None:
    url = httpx.URL(f"{local_site.url}/").copy_with(raw_path=b"/files/" + token.encode())
    response = await local_site.client.get(url)
    assert (response.status_code, error_of(response)) in {(403, "SIGNED_URL_INVALID"), (404, "NOT_FOUND")}


@pytest.mark.parametrize("status", [FileStatus.PENDING, FileStatus.SOFT_DELETED, FileStatus.PURGING])
async def test_a_url_dies_with_the_files_active_state(local_site: Site, status: FileStatus) -> None:
    url = await local_site.sign(await local_site.add_file(b"secret", status=status))
    for method in ("GET", "HEAD"):
        response = await local_site.client.request(method, url)
        assert response.status_code == 404
        assert b"secret" not in response.content
    assert error_of(await local_site.client.get(url)) == "NOT_FOUND"


async def test_a_url_works_again_when_the_file_is_back(site: Site) -> None:
    file = await site.add_file(b"text", status=FileStatus.SOFT_DELETED)
    url = await site.sign(file)
    assert (await site.client.get(url)).status_code == 404
    file.status, file.charged_bytes, file.deleted_at = FileStatus.ACTIVE, file.size_bytes, None
    await file.save()
    assert (await site.client.get(url)).content == b"text"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_refused(local_site: Site, method: str) -> None:
    file = await local_site.add_file(b"text")
    url = await local_site.sign(file)
    response = await local_site.client.request(method, url)
    assert (response.status_code, error_of(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD"
    assert (await local_site.client.get(url)).content == b"text"


async def test_a_slash_too_many_is_no_signed_url(site: Site) -> None:
    response = await site.client.get(await site.url_of(b"text") + "/")
    assert (response.status_code, error_of(response)) == (404, "NOT_FOUND")
    assert "location" not in response.headers


NAMES = [
    'quote".txt',
    "back\\slash.txt",
    "a\r\nSet-Cookie: admin=1\r\n\r\n<html>.txt",
    "nul\x00.txt",
    "semi;colon=1.txt",
    "\ud800lone\udfff.txt",
    "%0d%0aX-Injected: 1",
    "日本語 😀.txt",
    "\u202egpj.exe",
    "x" * 4000,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_never_becomes_a_header(local_site: Site, name: str) -> None:
    response = await local_site.client.get(await local_site.sign(await local_site.add_file(b"text"), name=name))
    assert (response.status_code, response.content) == (200, b"text")
    assert not {"set-cookie", "x-injected"} & set(response.headers)
    assert response.headers["content-disposition"].startswith("attachment; filename=")


@given(name=st.text(min_size=1, max_size=80))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_name_at_all_can_be_downloaded(local_site: Site, name: str) -> None:
    file = await local_site.add_file(b"text")
    plain = await local_site.client.get(await local_site.sign(file, name="plain"))
    response = await local_site.client.get(await local_site.sign(file, name=name))
    assert (response.status_code, response.content) == (200, b"text")
    assert set(response.headers) == set(plain.headers)
