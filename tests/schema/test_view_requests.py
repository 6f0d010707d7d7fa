"""GraphQL over HTTP without files (https://graphql.github.io/graphql-over-http/draft/)."""

from collections.abc import Iterator

import httpx
import pytest

from schema.view import GraphQLView
from tests.schema.view_server import AUTHORIZED, ViewServer, code_of, make_schema, running_view

JSON = "application/json; charset=utf-8"
GRAPHQL = "application/graphql-response+json; charset=utf-8"
SAY = '{ echo(text: "x") }'


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[ViewServer]:
    with running_view() as server:
        yield server


def test_a_query_is_answered(server: ViewServer) -> None:
    response = server.post("query($t: String!) { echo(text: $t) }", {"t": "é🍓"})
    assert response.status_code == 200
    assert response.json() == {"data": {"echo": "é🍓"}}
    assert response.headers["content-type"] == JSON
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-store"


def test_of_a_field_that_comes_twice_the_first_counts(server: ViewServer) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    content = b'{"query": "{ echo(text: \\"x\\") }"}'
    assert httpx.post(server.url, content=content, headers=headers).json() == {"data": {"echo": "x"}}
    assert httpx.post(server.url, content=content, headers=headers[::-1]).status_code == 415


def test_a_query_may_come_in_the_url(server: ViewServer) -> None:
    parameters = {"query": "query A($t: String!) { echo(text: $t) }", "variables": '{"t": "x"}', "operationName": "A"}
    assert httpx.get(server.url, params=parameters).json() == {"data": {"echo": "x"}}
    assert httpx.get(server.url, params=parameters | {"variables": ""}).json()["errors"]


@pytest.mark.parametrize(
    "accept, content_type",
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/json, application/graphql-response+json;q=0.5", JSON),
        ("application/graphql-response+json;q=0", JSON),
        ("APPLICATION/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
        ("text/plain", JSON),
        ("application/graphql-response+json;q=x", JSON),
    ],
)
def test_the_media_type_is_negotiated(server: ViewServer, accept: str | None, content_type: str) -> None:
    headers = {"Accept": accept} if accept else {}
    response = httpx.post(server.url, json={"query": SAY}, headers=headers)
    assert response.headers["content-type"] == content_type
    assert response.status_code == 200


@pytest.mark.parametrize(
    "request_, code",
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "query($t: String!) { echo(text: $t) }"}, "BAD_USER_INPUT"),
        ({"query": "query($t: String!) { echo(text: $t) }", "variables": {"t": 5}}, "BAD_USER_INPUT"),
        ({"query": "query A { __typename }", "operationName": "B"}, "BAD_USER_INPUT"),
        ({"query": "fragment F on Query { __typename }"}, "BAD_USER_INPUT"),
    ],
)
def test_an_operation_that_did_not_begin_has_no_data(server: ViewServer, request_: object, code: str) -> None:
    for accept, status in [("application/json", 200), ("application/graphql-response+json", 400)]:
        response = httpx.post(server.url, json=request_, headers={"Accept": accept})
        assert response.status_code == status
        assert code_of(response) == code
        assert "data" not in response.json()


def test_an_error_in_a_field_leaves_the_status_alone(server: ViewServer) -> None:
    response = httpx.post(
        server.url, json={"query": "{ caller }"}, headers={"Accept": "application/graphql-response+json"}
    )
    assert response.status_code == 200
    assert response.json()["data"] == {"caller": None}
    assert code_of(response) == "UNAUTHENTICATED"


def test_our_own_faults_are_masked(server: ViewServer) -> None:
    for query, data in [("{ crash }", {"crash": None}), ("{ neverNull }", None)]:
        response = server.post(query)
        assert response.status_code == 200
        assert response.json()["data"] == data
        assert code_of(response) == "INTERNAL_SERVER_ERROR"
        assert "secret" not in response.text
        assert response.json()["errors"][0]["extensions"]["requestId"]


def test_a_fault_outside_the_operation_is_masked_too(server: ViewServer) -> None:
    response = httpx.post(server.url, json={"query": SAY}, headers={"Authorization": "Bearer crash"})
    assert response.status_code == 500
    assert code_of(response) == "INTERNAL_SERVER_ERROR"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"x"',
        b"5",
        b"true",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b"{",
        b'{"query": 5}',
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "\xff"}',
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
        b'{"query": "{ __typename }", "variables": {"a": ' + b"1" * 10_000 + b"}}",
        b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"[" * 500_000,
        b'{"query": "{ __typename }", "query": "{ __typename }"}',
        '{"query": "{ __typename }"}'.encode("utf-16"),
    ],
)
def test_a_body_that_is_no_request_is_refused(server: ViewServer, body: bytes) -> None:
    response = server.send(body, "application/json")
    assert response.status_code == 400
    assert code_of(response) == "BAD_USER_INPUT"
    assert response.headers["content-type"] == JSON


@pytest.mark.parametrize("variables", ["[]", "5", "{", "NaN", '{"a": "\\udfff"}'])
def test_a_url_that_is_no_request_is_refused(server: ViewServer, variables: str) -> None:
    response = httpx.get(server.url, params={"query": SAY, "variables": variables})
    assert response.status_code == 400
    assert code_of(response) == "BAD_USER_INPUT"


def test_large_numbers_reach_the_schema_and_come_back_in_its_words(server: ViewServer) -> None:
    response = server.post("query($t: String!) { echo(text: $t) }", {"t": 2**200})
    assert code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "",
        "application/json; charset=utf-16",
        "json",
    ],
)
def test_another_media_type_is_refused(server: ViewServer, content_type: str) -> None:
    response = server.send(b'{"query": "{ __typename }"}', content_type)
    assert response.status_code == 415
    assert code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"']
)
def test_json_in_utf_8_is_taken(server: ViewServer, content_type: str) -> None:
    assert server.send(b'{"query": "{ __typename }"}', content_type).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server: ViewServer, method: str) -> None:
    response = httpx.request(method, server.url)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert code_of(response) == "BAD_USER_INPUT"


def test_nothing_is_changed_by_a_get(server: ViewServer) -> None:
    response = httpx.get(server.url, params={"query": 'mutation { note(text: "by GET") }'}, headers=AUTHORIZED)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert "by GET" not in server.diary


def test_a_get_without_a_query_is_refused(server: ViewServer) -> None:
    response = httpx.get(server.url)
    assert response.status_code == 400
    assert code_of(response) == "BAD_USER_INPUT"


def test_a_subscription_by_post_is_told_where_to_go(server: ViewServer) -> None:
    response = server.post("subscription { ticks }")
    assert response.status_code == 400
    assert "graphql-transport-ws" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "chunked"])
def test_a_json_body_over_one_mebibyte_is_refused(server: ViewServer, announced: bool) -> None:
    body = b'{"query": "' + b" " * 1024 * 1024 + b'"}'
    content = body if announced else iter([body[:500_000], body[500_000:]])
    response = httpx.post(server.url, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert code_of(response) == "PAYLOAD_TOO_LARGE"


class TestCaller:
    def test_a_token_tells_who_calls(self, server: ViewServer) -> None:
        assert server.post("{ caller }").json() == {"data": {"caller": "00000000-0000-0000-0000-000000000001"}}

    def test_without_a_token_there_is_nobody(self, server: ViewServer) -> None:
        response = httpx.post(server.url, json={"query": "{ caller __typename }"})
        assert response.json()["data"] == {"caller": None, "__typename": "Query"}
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "missing"}

    def test_a_bad_token_counts_where_a_caller_is_needed(self, server: ViewServer) -> None:
        response = httpx.post(
            server.url, json={"query": "{ caller __typename }"}, headers={"Authorization": "Bearer old"}
        )
        assert response.json()["data"] == {"caller": None, "__typename": "Query"}
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "invalid"}


class TestPage:
    def test_a_browser_gets_graphiql(self, server: ViewServer) -> None:
        response = httpx.get(server.url, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        assert "graphiql" in response.text

    def test_a_browser_that_asks_a_query_gets_its_answer(self, server: ViewServer) -> None:
        response = httpx.get(server.url, params={"query": SAY}, headers={"Accept": "text/html"})
        assert response.json() == {"data": {"echo": "x"}}

    def test_it_can_be_switched_off(self) -> None:
        with running_view(graphiql=False) as server:
            response = httpx.get(server.url, headers={"Accept": "text/html"})
            assert response.status_code == 404
            assert code_of(response) == "BAD_USER_INPUT"


def test_a_connection_serves_one_request_after_the_other(server: ViewServer) -> None:
    with httpx.Client() as client:
        for _ in range(3):
            response = client.post(server.url, json={"query": SAY})
            assert response.status_code == 200
            assert "connection" not in response.headers


def test_a_schema_without_the_rule_for_uploads_is_not_served() -> None:
    schema = make_schema()
    schema.extensions = ()
    with pytest.raises(ValueError, match="UploadRules"):
        GraphQLView(schema, authenticate=None, make_context=None)  # type: ignore[arg-type]  # never called
