"""Replies that come before the end of the request's body, as real clients read them."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.web.replies import DiscardBounds
from schema.ports import ViewLimits
from tests.app.web.multipart_bodies import CONTENT_TYPE, mapping, part
from tests.schema.view_server import AUTHORIZED, ONE_GIB, ViewServer, code_of, run_node, running_view, sparse_file

REFUSE = "mutation($file: Upload!) { refuse(file: $file) }"
SMALL = "mutation($file: Upload!) { small(file: $file, atMost: 1000000) { size } }"
TAKE = "mutation($file: Upload!) { upload(file: $file) { size } }"

# (the query, whether the caller is known, the status, the code): refused before the body, before the file, within the file.
REFUSALS = [
    pytest.param(TAKE, False, 401, "UNAUTHENTICATED", id="before-the-body"),
    pytest.param(REFUSE, True, 200, "FORBIDDEN", id="before-the-file"),
    pytest.param(SMALL, True, 200, "FILE_TOO_LARGE", id="within-the-file"),
]

Reply = tuple[int, str]
Client = Callable[[str, str, bool, Path], Reply]

_NODE = """
import { openAsBlob } from 'node:fs';
const [url, query, known, path] = process.argv.slice(1);
const form = new FormData();
form.append('operations', JSON.stringify({ query, variables: { file: null } }));
form.append('map', JSON.stringify({ 0: ['variables.file'] }));
form.append('0', await openAsBlob(path), 'large.bin');
const headers = known === 'true' ? { Authorization: 'Bearer good' } : {};
const response = await fetch(url, { method: 'POST', body: form, headers });
console.log(JSON.stringify([response.status, await response.text()]));
"""


def _operations(query: str) -> str:
    return json.dumps({"query": query, "variables": {"file": None}})


def by_curl(url: str, query: str, known: bool, path: Path, *options: str) -> Reply:
    """As in the README. It asks for leave before a large body."""
    fields = [f"operations={_operations(query)}", f"map={mapping().decode()}", f"0=@{path}"]
    command = ["curl", "-sS", "-w", "\n%{http_code}", "-m", "60", *options, url]
    command += [word for field in fields for word in ("-F", field)]
    command += ["-H", "Authorization: Bearer good"] if known else []
    text, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(status), text


def by_curl_without_asking(url: str, query: str, known: bool, path: Path) -> Reply:
    """It sends at once."""
    return by_curl(url, query, known, path, "-H", "Expect:")


def by_httpx(url: str, query: str, known: bool, path: Path) -> Reply:
    """Httpx reads nothing before it has sent everything, or cannot go on."""
    with path.open("rb") as file:
        fields = {"operations": _operations(query), "map": mapping().decode()}
        headers = AUTHORIZED if known else {}
        response = httpx.post(url, data=fields, files={"0": ("large.bin", file)}, headers=headers, timeout=60)
    return response.status_code, response.text


def by_node(url: str, query: str, known: bool, path: Path) -> Reply:
    """Node's fetch with a file that is read from the disk while it is sent."""
    status, text = json.loads(run_node(_NODE, url, query, str(known).lower(), str(path)))
    return int(status), str(text)


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[ViewServer]:
    with running_view() as server:
        yield server


@pytest.mark.parametrize("client", [by_curl, by_curl_without_asking, by_httpx, by_node])
@pytest.mark.parametrize("query, known, status, code", REFUSALS)
def test_a_client_with_a_gigabyte_reads_its_refusal(
    server: ViewServer, tmp_path: Path, client: Client, query: str, known: bool, status: int, code: str
) -> None:
    reply = client(server.url, query, known, sparse_file(tmp_path, ONE_GIB))
    assert reply[0] == status
    assert code_of(reply[1]) == code


async def test_a_client_that_never_looks_up_reads_its_refusal_within_the_bound(
    server: ViewServer, tmp_path: Path
) -> None:
    # httpx's asynchronous client loses a reply that is followed by a reset; up to 64 MiB it is given the time to finish.
    path = sparse_file(tmp_path, 50 * 1024 * 1024)
    fields = {"operations": _operations(REFUSE), "map": mapping().decode()}
    async with httpx.AsyncClient(headers=AUTHORIZED, timeout=60) as client:
        with path.open("rb") as file:
            response = await client.post(server.url, data=fields, files={"0": ("large.bin", file)})
    assert code_of(response) == "FORBIDDEN"


def test_a_refusal_is_on_its_way_before_the_file(server: ViewServer) -> None:
    head = part("operations", _operations(REFUSE)) + part("map", mapping()) + part("0", "", file_name="a")[:-2]
    with server.connect() as client:
        client.sendall(server.head(CONTENT_TYPE, ONE_GIB) + head)
        reply = client.recv(65536)
        while b"\r\n\r\n" not in reply or not reply.endswith(b"}"):
            reply += client.recv(65536)
        assert b"connection: close\r\n" in reply
        assert code_of(reply.partition(b"\r\n\r\n")[2]) == "FORBIDDEN"


def test_a_client_that_asks_for_leave_is_refused_without_it() -> None:
    # A server that waited for the body all the same would do so for longer than the client waits for the reply.
    with running_view(limits=ViewLimits(discard=DiscardBounds(seconds=3600))) as server, server.connect() as client:
        client.sendall(server.head("text/plain", ONE_GIB, "Expect: 100-continue"))
        reply = b""
        while chunk := client.recv(65536):
            reply += chunk
    assert reply.startswith(b"HTTP/1.1 415 ")


def _send_until_broken(client: socket.socket) -> int:
    sent = 0
    while sent < ONE_GIB:
        try:
            sent += client.send(bytes(65536))
        except OSError:
            break
    return sent


class TestBounds:
    def test_the_server_stops_listening_after_so_many_bytes(self) -> None:
        bounds = ViewLimits(discard=DiscardBounds(limit_bytes=1024 * 1024, seconds=20))
        with running_view(limits=bounds) as server, server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, ONE_GIB).replace(b"Bearer good", b"Bearer old"))
            assert _send_until_broken(client) < 64 * 1024 * 1024

    def test_the_server_stops_listening_after_so_long(self) -> None:
        bounds = ViewLimits(discard=DiscardBounds(seconds=0.2))
        with running_view(limits=bounds) as server, server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, ONE_GIB).replace(b"Bearer good", b"Bearer old"))
            reply = b""
            while chunk := client.recv(65536):
                reply += chunk
        assert reply.startswith(b"HTTP/1.1 401 ")

    def test_a_client_that_falls_silent_is_given_up(self) -> None:
        bounds = ViewLimits(idle_seconds=0.2)
        with running_view(limits=bounds) as server, server.connect() as client:
            head = part("operations", _operations(TAKE)) + part("map", mapping()) + part("0", "", file_name="a")[:-2]
            client.sendall(server.head(CONTENT_TYPE, 10_000) + head + b"x" * 100)
            reply = b""
            while chunk := client.recv(65536):
                reply += chunk
            assert server.diary == ["began a", "failed BodyTimedOut"]
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert code_of(reply.partition(b"\r\n\r\n")[2]) == "BAD_USER_INPUT"
