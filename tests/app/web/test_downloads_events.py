"""What a download tells the log: ids and sizes, once per reading, and never a secret or a name."""

import random

import pytest

from tests.app.web.live import Site, eventually
from tests.fixtures.logs import LogLines

CONTENT = random.Random(47).randbytes(400_000)


def downloads(lines: LogLines) -> int:
    return sum(line["event"] == "file.downloaded" for line in lines())


@pytest.mark.parametrize(
    "method, headers, count",
    [
        ("GET", {}, 1),
        ("GET", {"range": "bytes=0-0"}, 1),
        ("GET", {"range": "bytes=300000-,0-5"}, 1),
        ("GET", {"range": "bytes=-400000"}, 1),
        ("GET", {"range": "bytes=1-"}, 0),
        ("GET", {"range": "bytes=1-1,300000-"}, 0),
        ("GET", {"range": "bytes=400000-"}, 0),
        ("GET", {"if-none-match": "*"}, 0),
        ("GET", {"if-match": '"other"'}, 0),
        ("HEAD", {}, 0),
        ("POST", {}, 0),
    ],
)
async def test_a_download_counts_when_it_has_the_first_byte(
    local_site: Site, log_lines: LogLines, method: str, headers: dict[str, str], count: int
) -> None:
    await local_site.client.request(method, await local_site.url_of(CONTENT), headers=headers)
    await eventually(lambda: any(line["event"] == "http.request" for line in log_lines()))
    assert downloads(log_lines) == count


async def test_an_empty_file_counts_too(local_site: Site, log_lines: LogLines) -> None:
    url = await local_site.url_of(b"")
    await local_site.client.head(url)
    assert downloads(log_lines) == 0
    await local_site.client.get(url)
    assert downloads(log_lines) == 1


async def test_the_log_has_ids_and_sizes_but_no_name_and_no_token(local_site: Site, log_lines: LogLines) -> None:
    file = await local_site.add_file(CONTENT, name="my diary.txt")
    url = await local_site.sign(file, name="my other diary.txt")
    response = await local_site.client.get(url, headers={"x-request-id": "given-by-the-client"})
    assert response.content == CONTENT
    await eventually(lambda: len(log_lines()) == 2)
    event, access = log_lines()
    assert event["event"] == "file.downloaded"
    assert (event["file_id"], event["owner_id"]) == (str(file.id), str(file.owner_id))
    assert (event["size_bytes"], event["location"]) == (len(CONTENT), "local")
    assert access["event"] == "http.request"
    assert (access["method"], access["route"], access["status"]) == ("GET", "/files/{token}", 200)
    assert access["bytes_sent"] == len(CONTENT)
    assert 0 < access["seconds"] < 10
    assert {event["request_id"], access["request_id"]} == {"given-by-the-client"}
    text = str(log_lines())
    assert "diary" not in text
    assert url.rpartition("/")[2] not in text
    assert file.storage_key not in text
