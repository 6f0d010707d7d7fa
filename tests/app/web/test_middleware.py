"""What surrounds every route: ids, the log line, headers, errors, bodies, browsers of other origins."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.errors import NotFound, RateLimited, StorageUnavailable, Unauthenticated
from app.models import User
from app.web.middleware import BODY_LIMIT_BYTES
from tests.app.web.live import Site, eventually, site_on
from tests.app.web.test_downloads import error_of
from tests.factories import make_user
from tests.fixtures.logs import LogLines

ORIGIN = "https://school.example"


async def _fail(request: Request) -> Response:
    raise {
        "unforeseen": ZeroDivisionError("secret of /var/lib"),
        "missing": NotFound("File"),
        "unavailable": StorageUnavailable("local"),
        "limited": RateLimited(17),
        "unauthenticated": Unauthenticated(),
    }[request.path_params["kind"]]


async def _fail_late(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError("too late")

    return StreamingResponse(chunks())


async def _count_users(_: Request) -> Response:
    return PlainTextResponse(str(await User.all().count()))


async def _page(request: Request) -> Response:
    headers = {"content-security-policy": "script-src 'self'"} if "own" in request.query_params else {}
    return HTMLResponse("<p>", headers=headers)


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


ROUTES = [
    Route("/fail/{kind}", _fail),
    Route("/fail-late", _fail_late),
    Route("/users", _count_users),
    Route("/page", _page),
    Route("/echo", _echo, methods=["POST"]),
    Route("/graphql", _echo, methods=["POST"]),
]


@pytest.fixture
async def site(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Site]:
    async with site_on(tmp_path, sqlite_url, routes=ROUTES, cors_origins=(ORIGIN,)) as opened:
        yield opened


# ------------------------------------------------------------------------------------------------ ids and log lines


@pytest.mark.parametrize("given", ["a", "Ab.9_-", "x" * 128])
async def test_a_harmless_request_id_is_kept(site: Site, given: str) -> None:
    response = await site.client.get("/healthz", headers={"x-request-id": given})
    assert response.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a;b", "ä", "a,b", "{}", "../x"])
async def test_any_other_is_replaced(site: Site, given: str) -> None:
    response = await site.client.get("/healthz", headers=[(b"x-request-id", given.encode())])
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_two_request_ids_are_none(site: Site) -> None:
    response = await site.client.get("/healthz", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_each_request_has_its_own_id_also_on_one_connection(site: Site, log_lines: LogLines) -> None:
    responses = [await site.client.get("/users") for _ in range(5)]
    await eventually(lambda: len(log_lines()) == 5)
    ids = [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == 5
    assert [line["request_id"] for line in log_lines()] == ids


async def test_one_line_tells_of_a_request(site: Site, log_lines: LogLines) -> None:
    response = await site.client.get("/users?token=secret", headers={"x-request-id": "id-1"})
    await eventually(lambda: bool(log_lines()))
    (line,) = log_lines()
    assert 0 < line.pop("seconds") < 10
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "http.request",
        "level": "info",
        "logger": "satchel.http",
        "request_id": "id-1",
        "method": "GET",
        "route": "/users",
        "status": 200,
        "bytes_sent": len(response.content),
    }


async def test_a_path_that_is_no_route_is_not_logged(site: Site, log_lines: LogLines) -> None:
    await site.client.get("/filez/secret-token")
    await eventually(lambda: bool(log_lines()))
    (line,) = log_lines()
    assert (line["route"], line["status"], line["code"]) == (None, 404, "NOT_FOUND")
    assert "secret" not in str(line)


async def test_probes_leave_no_line_when_all_is_well(site: Site, log_lines: LogLines) -> None:
    await site.client.get("/healthz")
    await site.client.get("/readyz")
    await site.client.get("/users")
    await eventually(lambda: bool(log_lines()))
    assert [line["route"] for line in log_lines()] == ["/users"]


# ------------------------------------------------------------------------------------------------ errors


async def test_an_unforeseen_error_is_answered_and_logged_once(site: Site, log_lines: LogLines) -> None:
    response = await site.client.get("/fail/unforeseen")
    assert (response.status_code, error_of(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "secret" not in response.text
    await eventually(lambda: len(log_lines()) >= 2)
    error, access = log_lines()
    assert (error["level"], error["event"]) == ("error", "http.request_failed")
    assert "ZeroDivisionError: secret of /var/lib" in error["exception"]
    assert "_fail" in error["exception"]
    assert (access["status"], access["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert error["request_id"] == access["request_id"] == response.headers["x-request-id"]
    assert (await site.client.get("/users")).status_code == 200


@pytest.mark.parametrize(
    "kind, status, code, header",
    [
        ("missing", 404, "NOT_FOUND", None),
        ("unavailable", 503, "STORAGE_UNAVAILABLE", ("retry-after", "5")),
        ("limited", 429, "RATE_LIMITED", ("retry-after", "17")),
        ("unauthenticated", 401, "UNAUTHENTICATED", None),
    ],
)
async def test_errors_of_the_domain_have_their_statuses(
    site: Site, log_lines: LogLines, kind: str, status: int, code: str, header: tuple[str, str] | None
) -> None:
    response = await site.client.get(f"/fail/{kind}")
    assert (response.status_code, error_of(response)) == (status, code)
    if header is not None:
        assert response.headers[header[0]] == header[1]
    await eventually(lambda: any(line["event"] == "http.request" for line in log_lines()))
    assert [line["level"] for line in log_lines()] == (["error", "info"] if kind == "unavailable" else ["info"])


async def test_an_error_after_the_beginning_cuts_the_response_short(site: Site, log_lines: LogLines) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await site.client.get("/fail-late")
    await eventually(lambda: len(log_lines()) >= 2)
    error, access = log_lines()
    assert error["event"] == "http.response_cut_short"
    assert (access["cut_short"], access["bytes_sent"]) == (True, 5)


@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz/", "/files/", "/files/a/b", "//"])
async def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    response = await site.client.get(path)
    assert (response.status_code, error_of(response)) == (404, "NOT_FOUND")


# ------------------------------------------------------------------------------------------------ headers


async def test_every_response_restrains_the_browser(site: Site) -> None:
    for path in ("/users", "/healthz", "/nothing", "/fail/unforeseen", "/page"):
        response = await site.client.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert (await site.client.get("/users")).headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_policy_of_a_routes_own_is_left_alone(site: Site) -> None:
    response = await site.client.get("/page?own")
    assert response.headers.get_list("content-security-policy") == ["script-src 'self'"]


async def test_the_database_is_bound_for_every_request(site: Site) -> None:
    await make_user()
    answers = await asyncio.gather(*(site.client.get("/users") for _ in range(10)))
    assert {answer.text for answer in answers} == {"1"}


# ------------------------------------------------------------------------------------------------ other origins


async def test_a_configured_origin_may_read_files_and_their_headers(site: Site) -> None:
    url = await site.url_of(b"0123456789")
    response = await site.client.get(url, headers={"origin": ORIGIN, "range": "bytes=0-3"})
    assert (response.status_code, response.content) == (206, b"0123")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in response.headers
    exposed = response.headers["access-control-expose-headers"].lower()
    for header in ("content-disposition", "content-range", "etag", "x-request-id"):
        assert header in exposed
    assert response.headers["vary"] == "Origin"


async def test_a_configured_origin_may_read_errors_too(site: Site) -> None:
    for path in ("/fail/unforeseen", "/nothing", "/files/x"):
        response = await site.client.get(path, headers={"origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == ORIGIN


async def test_another_origin_may_read_nothing(site: Site) -> None:
    response = await site.client.get(await site.url_of(b"x"), headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


async def test_a_preflight_is_answered_for_a_configured_origin_only(site: Site) -> None:
    headers = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}
    allowed = await site.client.options("/graphql", headers={"origin": ORIGIN, **headers})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    refused = await site.client.options("/graphql", headers={"origin": "https://evil.example", **headers})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


async def test_without_configured_origins_nobody_else_is_let_in(local_site: Site) -> None:
    response = await local_site.client.get(await local_site.url_of(b"x"), headers={"origin": ORIGIN})
    assert not [name for name in response.headers if name.startswith("access-control-")]


# ------------------------------------------------------------------------------------------------ bodies


async def test_a_small_body_is_taken_away(site: Site) -> None:
    url = await site.url_of(b"text")
    response = await site.client.request("GET", url, content=b"{}")
    assert (response.status_code, response.content) == (200, b"text")
    assert (await site.client.post("/echo", content=b"x" * BODY_LIMIT_BYTES)).text == "0"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/echo", "/files/x", "/nothing"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused_everywhere_but_at_graphql(site: Site, path: str, *, chunked: bool) -> None:
    body = b"x" * (BODY_LIMIT_BYTES + 1)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    response = await site.client.post(path, content=chunks() if chunked else body)
    assert (response.status_code, error_of(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert (await site.client.post("/graphql", content=body)).text == str(len(body))


async def test_curl_reads_the_refusal_of_a_body_that_it_is_still_sending(site: Site) -> None:
    with tempfile.TemporaryFile() as body:
        body.truncate(40 * 1024 * 1024)
        arguments = ["--silent", "--show-error", "--header", "Expect:", "--upload-file", "-", f"{site.url}/healthz"]
        process = await asyncio.create_subprocess_exec("curl", *arguments, stdin=body, stdout=asyncio.subprocess.PIPE)
        answer, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert b"PAYLOAD_TOO_LARGE" in answer


async def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(site: Site, log_lines: LogLines) -> None:
    _, writer = await asyncio.open_connection(*site.address)
    writer.write(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    await writer.drain()
    writer.close()
    await eventually(lambda: bool(log_lines()))
    assert [line["level"] for line in log_lines()] == ["info"]
    assert (await site.client.get("/healthz")).status_code == 200
