"""Ranges and conditions over HTTP, with clients that were not written for this."""

import asyncio
import email
import email.policy
import random
from pathlib import Path

import httpx
import pytest

from app.web.ranges import MAX_RANGES
from tests.app.web.live import Site, etag_of
from tests.app.web.test_downloads import error_of

pytestmark = [pytest.mark.requirement("R4"), pytest.mark.requirement("R14")]

CONTENT = random.Random(4).randbytes(700_000)
SIZE = len(CONTENT)
STORED = "Thu, 01 Jan 2026 12:00:00 GMT"  # when the site's clock says that the file was stored
EARLIER = "Thu, 01 Jan 2026 11:59:59 GMT"


@pytest.mark.parametrize(
    "header, start, end",
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=262143-262144", 262_143, 262_145),  # across the border of two batches
        ("bytes=1-524288", 1, 524_289),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-300000", SIZE - 300_000, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        ("bytes=0-9,5-19", 0, 20),
        (f"bytes=100-199,{SIZE}-", 100, 200),
    ],
)
async def test_a_range_is_sent_alone(site: Site, header: str, start: int, end: int) -> None:
    response = await site.client.get(await site.url_of(CONTENT), headers={"range": header})
    assert (response.status_code, response.content) == (206, CONTENT[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert response.headers["content-length"] == str(end - start)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["etag"] == etag_of(CONTENT)
    assert "cache-control" in response.headers


async def test_several_ranges_are_sent_as_parts_in_the_order_of_the_request(site: Site) -> None:
    ranges = [(600_000, 699_999), (0, 0), (250_000, 300_000)]
    header = "bytes=" + ", ".join(f"{first}-{last}" for first, last in ranges)
    response = await site.client.get(await site.url_of(CONTENT), headers={"range": header})
    assert response.status_code == 206
    assert "content-range" not in response.headers
    assert response.headers["content-length"] == str(len(response.content))
    message = email.message_from_bytes(
        f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode() + response.content,
        policy=email.policy.HTTP,
    )
    assert message.get_content_type() == "multipart/byteranges"
    boundary = message.get_boundary()
    pieces = response.content.split(f"--{boundary}".encode())
    assert (pieces[0], pieces[-1]) == (b"", b"--\r\n")
    for (first, last), piece in zip(ranges, pieces[1:-1], strict=True):
        head, _, body = piece.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {first}-{last}/{SIZE}".encode() in head.split(b"\r\n")
        assert b"Content-Type: text/plain; charset=utf-8" in head.split(b"\r\n")
        assert body == CONTENT[first : last + 1] + b"\r\n"


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=x", "lines=1-2", "bytes=", "bytes=--1", "bytes=1-2;q=1"])
async def test_a_range_that_makes_no_sense_is_ignored(local_site: Site, header: str) -> None:
    response = await local_site.client.get(await local_site.url_of(CONTENT), headers={"range": header})
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=-0", f"bytes={SIZE}-{SIZE},999999999999-"])
async def test_a_range_outside_the_file_is_answered_with_its_size(site: Site, header: str) -> None:
    response = await site.client.get(await site.url_of(CONTENT), headers={"range": header})
    assert (response.status_code, error_of(response)) == (416, "RANGE_NOT_SATISFIABLE")
    assert response.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header, status", [("bytes=0-", 416), ("bytes=0-0", 416), ("bytes=-0", 416), ("bytes=-5", 200), ("bytes=9-1", 200)]
)
async def test_ranges_of_an_empty_file(site: Site, header: str, status: int) -> None:
    response = await site.client.get(await site.url_of(b""), headers={"range": header})
    assert response.status_code == status
    if status == 416:
        assert response.headers["content-range"] == "bytes */0"
    else:
        assert response.content == b""


async def test_a_flood_of_ranges_costs_no_more_than_the_file(local_site: Site) -> None:
    url = await local_site.url_of(CONTENT)
    floods = [
        "0-," * 1000,
        ",".join(f"{number}-" for number in range(MAX_RANGES)),
        ",".join(f"{number * 5}-{number * 5}" for number in range(1300)),
        ",".join(f"{number}-" for number in reversed(range(10))),
        "," * 5000,
    ]
    for flood in floods:
        response = await local_site.client.get(url, headers={"range": f"bytes={flood}"})
        assert response.status_code in {200, 206}
        assert len(response.content) <= SIZE + 10_000


async def test_head_ignores_ranges(site: Site) -> None:
    response = await site.client.head(await site.url_of(CONTENT), headers={"range": "bytes=0-9"})
    assert (response.status_code, response.headers["content-length"]) == (200, str(SIZE))
    assert "content-range" not in response.headers


@pytest.mark.parametrize(
    "validator, status",
    [(etag_of(CONTENT), 206), (STORED, 206), (f"W/{etag_of(CONTENT)}", 200), ('"other"', 200), (EARLIER, 200)],
)
async def test_if_range_decides_between_the_part_and_the_whole(local_site: Site, validator: str, status: int) -> None:
    url = await local_site.url_of(CONTENT)
    response = await local_site.client.get(url, headers={"range": "bytes=0-9", "if-range": validator})
    assert response.status_code == status
    assert response.content == (CONTENT[:10] if status == 206 else CONTENT)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers",
    [
        {"if-none-match": etag_of(CONTENT)},
        {"if-none-match": f'"x", W/{etag_of(CONTENT)}'},
        {"if-modified-since": STORED},
    ],
)
async def test_a_copy_that_is_still_good_is_not_sent_again(
    local_site: Site, method: str, headers: dict[str, str]
) -> None:
    file = await local_site.add_file(CONTENT, name="a.png", mime_type="image/png")
    url = await local_site.sign(file, inline=True)
    fresh = await local_site.client.request(method, url)
    response = await local_site.client.request(method, url, headers={**headers, "range": "bytes=0-9"})
    assert (response.status_code, response.content) == (304, b"")
    for name in ("etag", "last-modified", "cache-control", "content-security-policy"):
        assert response.headers[name] == fresh.headers[name]
    assert not {"content-length", "content-type", "transfer-encoding"} & set(response.headers)
    # The connection is still in step.
    assert (await local_site.client.get(url)).content == CONTENT


@pytest.mark.parametrize("headers", [{"if-match": '"other"'}, {"if-unmodified-since": EARLIER}])
async def test_a_version_that_is_not_there_is_refused(local_site: Site, headers: dict[str, str]) -> None:
    url = await local_site.url_of(CONTENT)
    response = await local_site.client.get(url, headers=headers)
    assert (response.status_code, error_of(response)) == (412, "PRECONDITION_FAILED")
    assert (await local_site.client.head(url, headers=headers)).status_code == 412


async def curl(*arguments: str | Path) -> None:
    process = await asyncio.create_subprocess_exec("curl", "--silent", "--show-error", "--fail", *map(str, arguments))
    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_curl_takes_up_a_download_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    url = await site.url_of(CONTENT)
    target = tmp_path / "target"
    target.write_bytes(CONTENT[:123_456])
    await curl("--continue-at", "-", "--output", target, url)
    assert target.read_bytes() == CONTENT


async def test_curl_saves_a_file_under_its_name_and_keeps_an_unchanged_copy(local_site: Site, tmp_path: Path) -> None:
    url = await local_site.url_of(CONTENT, name="my report.txt")
    folder = tmp_path / "saved"
    await curl("--remote-name", "--remote-header-name", "--output-dir", folder, "--create-dirs", url)
    assert (folder / "my report.txt").read_bytes() == CONTENT
    etag, unchanged = tmp_path / "etag", tmp_path / "unchanged"
    await curl("--etag-save", etag, "--output", "/dev/null", url)
    await curl("--etag-compare", etag, "--output", unchanged, url)
    assert not unchanged.exists() or unchanged.read_bytes() == b""


async def test_parallel_range_requests_add_up_to_the_file(site: Site) -> None:
    url = await site.url_of(CONTENT)
    step = 50_000

    async def part(start: int) -> bytes:
        response = await site.client.get(url, headers={"range": f"bytes={start}-{start + step - 1}"})
        assert response.status_code == 206
        return response.content

    parts = await asyncio.gather(*(part(start) for start in range(0, SIZE, step)))
    assert b"".join(parts) == CONTENT


async def test_http_1_0_gets_the_file_too(local_site: Site) -> None:
    url = httpx.URL(await local_site.url_of(CONTENT))
    reader, writer = await asyncio.open_connection(*local_site.address)
    writer.write(b"GET " + url.raw_path + b" HTTP/1.0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    assert answer.partition(b"\r\n\r\n")[2] == CONTENT
