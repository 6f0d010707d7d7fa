"""Uploads through the view (https://github.com/jaydenseric/graphql-multipart-request-spec)."""

import hashlib
import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.app.web.malformed import CASES, Malformed
from tests.app.web.multipart_bodies import BOUNDARY, CONTENT_TYPE, body_of, closing, part
from tests.schema.view_server import AUTHORIZED, ViewServer, code_of, running_view

ONE = "mutation($file: Upload!) { upload(file: $file) { name size sha256 estimate } }"
SEVERAL = "mutation($files: [Upload!]!) { uploads(files: $files) { name size } }"
GRAPHQL = "application/graphql-response+json"


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[ViewServer]:
    with running_view() as server:
        yield server


@pytest.fixture(autouse=True)
def _diary(server: ViewServer) -> None:
    server.diary.clear()


def request_body(query: str, *files: bytes, variables: object = None, paths: object = None, **more: object) -> bytes:
    """A body for `query` with these files, by default as `$file` or `$files`."""
    if variables is None:
        variables = {"file": None} if len(files) == 1 else {"files": [None] * len(files)}
    if paths is None:
        paths = ["variables.file"] if len(files) == 1 else [f"variables.files.{index}" for index in range(len(files))]
    assert isinstance(paths, list)
    mapping = {str(index): [path] for index, path in enumerate(paths)}
    operations = json.dumps({"query": query, "variables": variables, **more})
    parts = [part(str(index), data, file_name=f"{index}.bin") for index, data in enumerate(files)]
    return part("operations", operations) + part("map", json.dumps(mapping)) + b"".join(parts) + closing()


def upload(server: ViewServer, query: str, *files: bytes, **more: object) -> httpx.Response:
    """Send these files."""
    return server.send(request_body(query, *files, **more), CONTENT_TYPE)


@pytest.mark.parametrize("size", [0, 1, 10_000, 3_000_000])
def test_a_file_arrives_as_it_was_sent(server: ViewServer, size: int) -> None:
    data = (b"0123456789abcdef\r\n" * (size // 18 + 1))[:size]
    response = upload(server, ONE, data)
    assert response.status_code == 200
    stored = response.json()["data"]["upload"]
    assert (stored["name"], stored["size"]) == ("0.bin", size)
    assert stored["sha256"] == hashlib.sha256(data).hexdigest()
    assert size <= stored["estimate"] <= size + 80
    assert "connection" not in response.headers


def test_a_file_of_unknown_length_arrives_too(server: ViewServer) -> None:
    body = request_body(ONE, b"x" * 100_000)
    chunks = (body[start : start + 7000] for start in range(0, len(body), 7000))
    response = httpx.post(server.url, content=chunks, headers={"Content-Type": CONTENT_TYPE, **AUTHORIZED})
    assert response.json()["data"]["upload"]["size"] == 100_000
    assert response.json()["data"]["upload"]["estimate"] is None


def test_several_files_arrive_in_their_order(server: ViewServer) -> None:
    response = upload(server, SEVERAL, b"a" * 5, b"", b"c" * 200_000)
    assert [stored["size"] for stored in response.json()["data"]["uploads"]] == [5, 0, 200_000]
    assert [stored["name"] for stored in response.json()["data"]["uploads"]] == ["0.bin", "1.bin", "2.bin"]


def test_files_that_nobody_wants_are_passed_over(server: ViewServer) -> None:
    query = "mutation($files: [Upload!]!) { last(files: $files) { name size } }"
    response = upload(server, query, b"a" * 500_000, b"b" * 10)
    assert response.json() == {"data": {"last": {"name": "1.bin", "size": 10}}}
    assert "connection" not in response.headers


def test_files_in_the_wrong_order_are_refused(server: ViewServer) -> None:
    query = "mutation($files: [Upload!]!) { backwards(files: $files) { name size } }"
    response = upload(server, query, b"a" * 100, b"b" * 10)
    assert code_of(response) == "BAD_USER_INPUT"
    assert response.status_code == 200
    assert "a later one has begun" in response.text
    assert server.diary == ["began 1.bin", "stored 10", "failed BadUserInput"]


def test_two_requests_follow_each_other_on_one_connection(server: ViewServer) -> None:
    with httpx.Client(headers=AUTHORIZED | {"Content-Type": CONTENT_TYPE}) as client:
        for size in (10, 100_000, 0):
            response = client.post(server.url, content=request_body(ONE, b"x" * size))
            assert response.json()["data"]["upload"]["size"] == size


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_malformed_request_gets_a_status_and_a_code(server: ViewServer, case: Malformed) -> None:
    for accept in ("application/json", GRAPHQL):
        server.diary.clear()
        response = server.send(case.body, case.content_type, AUTHORIZED | {"Accept": accept})
        assert response.status_code == case.status
        assert code_of(response) == ("PAYLOAD_TOO_LARGE" if case.status == 413 else "BAD_USER_INPUT")
        assert "data" not in response.json()
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        assert not any(entry.startswith("stored") for entry in server.diary)


def test_a_body_that_breaks_off_after_a_good_file_keeps_the_good_one(server: ViewServer) -> None:
    query = 'mutation($files: [Upload!]!) { note(text: "kept") uploads(files: $files) { size } }'
    response = server.send(request_body(query, b"a" * 10, b"b" * 10)[:-30], CONTENT_TYPE)
    assert response.status_code == 200
    assert response.json()["data"] == {"note": "kept", "uploads": None}
    assert code_of(response) == "BAD_USER_INPUT"
    assert server.diary == ["kept", "began 0.bin", "stored 10", "began 1.bin", "failed MultipartError"]


class TestOneUploadField:
    @pytest.mark.parametrize(
        "query",
        [
            "mutation($file: Upload!) { a: upload(file: $file) { size } b: upload(file: $file) { size } }",
            "mutation($file: Upload!) { upload(file: $file) { size } ...F } fragment F on Mutation { b: upload(file: $file) { size } }",
            "mutation($file: Upload!) { uploads(files: [$file, $file]) { size } }",
            "mutation($file: Upload!) { ...F ...G } fragment F on Mutation { ...H } fragment G on Mutation { ...H } fragment H on Mutation { upload(file: $file) { size } }",
            "mutation($file: Upload!) { ... on Mutation { upload(file: $file) { size } } b: refuse(file: $file) }",
        ],
    )  # fmt: skip
    def test_a_file_that_is_used_twice_is_refused(self, server: ViewServer, query: str) -> None:
        response = upload(server, query, b"data")
        assert code_of(response) == "BAD_USER_INPUT"
        assert "used twice" in response.text
        assert server.diary == []

    def test_two_fields_are_refused(self, server: ViewServer) -> None:
        query = "mutation($a: Upload!, $b: Upload!) { a: upload(file: $a) { size } b: upload(file: $b) { size } }"
        variables, paths = {"a": None, "b": None}, ["variables.a", "variables.b"]
        for accept, status in [("application/json", 200), (GRAPHQL, 400)]:
            body = request_body(query, b"a", b"b", variables=variables, paths=paths)
            response = server.send(body, CONTENT_TYPE, AUTHORIZED | {"Accept": accept})
            assert response.status_code == status
            assert code_of(response) == "BAD_USER_INPUT"
            assert "one upload field only" in response.text
        assert server.diary == []

    def test_a_file_that_is_not_used_is_refused(self, server: ViewServer) -> None:
        response = upload(server, 'mutation { note(text: "unused") }', b"data")
        assert code_of(response) == "BAD_USER_INPUT"
        assert server.diary == []

    def test_two_variables_in_one_field_are_fine(self, server: ViewServer) -> None:
        query = "mutation($a: Upload!, $b: Upload!) { uploads(files: [$a, $b]) { size } }"
        variables, paths = {"a": None, "b": None}, ["variables.a", "variables.b"]
        response = upload(server, query, b"a", b"bb", variables=variables, paths=paths)
        assert response.json() == {"data": {"uploads": [{"size": 1}, {"size": 2}]}}

    def test_fields_without_files_may_stand_beside_it(self, server: ViewServer) -> None:
        query = 'mutation($file: Upload!) { note(text: "x") upload(file: $file) { size } }'
        assert upload(server, query, b"abc").json() == {"data": {"note": "x", "upload": {"size": 3}}}

    def test_only_the_operation_that_runs_counts(self, server: ViewServer) -> None:
        query = "mutation A($file: Upload!) { upload(file: $file) { size } } mutation B($file: Upload!) { refuse(file: $file) }"
        assert upload(server, query, b"abc", operationName="A").json() == {"data": {"upload": {"size": 3}}}
        assert code_of(upload(server, query, b"abc", operationName="C")) == "BAD_USER_INPUT"

    def test_nested_fragments_do_not_cost_more_than_the_document(self, server: ViewServer) -> None:
        fragments = " ".join(f"fragment F{n} on Mutation {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
        query = f"mutation($file: Upload!) {{ upload(file: $file) {{ size }} ...F0 }} {fragments} fragment F60 on Mutation {{ __typename }}"
        assert upload(server, query, b"abc").status_code == 200


class TestSender:
    def test_nobody_is_refused_before_the_body_is_read(self, server: ViewServer) -> None:
        response = server.send(request_body(ONE, b"data"), CONTENT_TYPE, {})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert code_of(response) == "UNAUTHENTICATED"
        assert server.diary == []

    def test_a_bad_token_is_refused_before_the_body_is_read(self, server: ViewServer) -> None:
        response = server.send(b"not even multipart", CONTENT_TYPE, {"Authorization": "Bearer old"})
        assert response.status_code == 401
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "invalid"}

    def test_a_form_on_a_foreign_page_is_refused(self, server: ViewServer) -> None:
        response = server.send(request_body(ONE, b"data"), CONTENT_TYPE, {"Cookie": "session=good"})
        assert response.status_code == 403
        assert code_of(response) == "FORBIDDEN"
        assert server.diary == []

    @pytest.mark.parametrize("header", ["GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Requested-With"])
    def test_a_header_that_browsers_ask_about_lets_a_page_in(self, server: ViewServer, header: str) -> None:
        response = server.send(request_body(ONE, b"data"), CONTENT_TYPE, {"Cookie": "session=good", header: "1"})
        assert response.json()["data"]["upload"]["size"] == 4

    def test_files_come_by_post(self, server: ViewServer) -> None:
        for method in ("GET", "PUT"):
            headers = AUTHORIZED | {"Content-Type": CONTENT_TYPE}
            response = httpx.request(method, server.url, content=request_body(ONE, b"x"), headers=headers)
            assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_an_unread_body_closes_the_connection_after_the_reply(server: ViewServer) -> None:
    response = upload(server, "mutation($file: Upload!) { refuse(file: $file) }", b"x" * 5_000_000)
    assert response.status_code == 200
    assert code_of(response) == "FORBIDDEN"
    assert response.headers["connection"] == "close"


def test_a_fault_of_ours_in_the_middle_of_a_file_is_masked(server: ViewServer) -> None:
    response = upload(server, "mutation($file: Upload!) { crash(file: $file) }", b"x" * 2_000_000)
    assert response.status_code == 200
    assert code_of(response) == "INTERNAL_SERVER_ERROR"
    assert "secret" not in response.text


class TestBrokenConnections:
    def test_a_resolver_learns_that_the_client_hung_up(self, server: ViewServer) -> None:
        body = request_body(ONE, b"x" * 1_000_000)
        with server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, len(body)) + body[:300_000])
            server.wait_for("began 0.bin")
        server.wait_for("failed ClientDisconnected")
        assert server.diary == ["began 0.bin", "failed ClientDisconnected"]

    def test_a_reset_in_the_middle_is_the_same(self, server: ViewServer) -> None:
        body = request_body(ONE, b"x" * 1_000_000)
        with server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, None) + b"%x\r\n" % 300_000 + body[:300_000] + b"\r\n")
            server.wait_for("began 0.bin")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.wait_for("failed ClientDisconnected")

    def test_a_client_that_closes_its_half_before_the_end_has_not_finished(self, server: ViewServer) -> None:
        body = request_body(ONE, b"x" * 10)
        with server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, len(body) + 1) + body)
            client.shutdown(socket.SHUT_WR)
            server.wait_for("failed ClientDisconnected")
        assert "stored 10" not in server.diary

    def test_a_length_that_is_too_short_cuts_the_body(self, server: ViewServer) -> None:
        body = request_body(ONE, b"x" * 1000)
        with server.connect() as client:
            client.sendall(server.head(CONTENT_TYPE, len(body) - 500, "Connection: close") + body)
            reply = b""
            while chunk := client.recv(65536):
                reply += chunk
        assert reply.startswith(b"HTTP/1.1 400 ")
        # The rest of the body is no HTTP request either: whichever the server sees first ends the connection.
        assert b"closing boundary" in reply or b"Invalid HTTP request" in reply
        assert not any(entry.startswith("stored") for entry in server.diary)

    def test_the_server_goes_on_after_all_of_it(self, server: ViewServer) -> None:
        for _ in range(20):
            body = request_body(ONE, b"x" * 100_000)
            with server.connect() as client:
                client.sendall(server.head(CONTENT_TYPE, len(body)) + body[:50_000])
        assert upload(server, ONE, b"data").json()["data"]["upload"]["size"] == 4


def test_names_arrive_as_the_client_wrote_them(server: ViewServer) -> None:
    body = body_of(b"x", names=["%22a%22 100% Zürich 🍓.txt"]).replace(b"{ size }", b"{ name }")
    response = server.send(body, f'multipart/form-data; boundary="{BOUNDARY}"')
    assert response.json() == {"data": {"upload": {"name": '"a" 100% Zürich 🍓.txt'}}}
