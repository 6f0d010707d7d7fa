"""Whatever arrives, the answer is GraphQL's: chance against the whole view, without a network in between."""

import json
from collections.abc import Sequence
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope

from app.auth import Principal, Session
from app.errors import Unauthenticated
from schema.view import GraphQLView
from tests.app.web.multipart_bodies import BOUNDARY, CONTENT_TYPE, Wire, body_of
from tests.schema.view_server import Context, authenticate, make_schema

_STATUSES = {200, 400, 413}


@cache
def _view() -> GraphQLView[Context]:
    def make_context(
        *,
        connection: HTTPConnection,
        principal: Principal | None,
        refusal: Unauthenticated | None,
        request_id: str,
        session: Session | None,
    ) -> Context:
        return Context(principal, refusal, request_id, [])

    return GraphQLView(make_schema(), authenticate=authenticate, make_context=make_context)


async def ask(chunks: Sequence[bytes], content_type: str) -> tuple[int, object]:
    """The status and the JSON of the reply to a POST of a caller who is known."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    length = str(sum(map(len, chunks))).encode()
    fields = [("authorization", "Bearer good"), ("content-type", content_type)]
    headers = [(name.encode(), value.encode()) for name, value in fields] + [(b"content-length", length)]
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": headers,
    }
    await _view()(scope, Wire(chunks).receive, send)
    assert [message["type"] for message in sent[:2]] == ["http.response.start", "http.response.body"]
    assert not sent[-1].get("more_body", False)
    return sent[0]["status"], json.loads(sent[1]["body"])


def check(status: int, answer: object) -> None:
    """A good answer, or errors with a code that are no fault of ours."""
    assert status in _STATUSES
    assert isinstance(answer, dict)
    assert ("errors" in answer) or status == 200
    for error in answer.get("errors", ()):
        assert error["message"]
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"


@settings(deadline=None, max_examples=150)
@given(st.data())
async def test_damaged_uploads_never_fail_on_our_side(data: st.DataObject) -> None:
    body = bytearray(body_of(data.draw(st.binary(max_size=100))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        delimiter = f"\r\n--{BOUNDARY}".encode()
        body[at : at + data.draw(st.integers(0, 20))] = data.draw(
            st.binary(max_size=10) | st.sampled_from([b"", delimiter])
        )
    cut = data.draw(st.integers(0, len(body)))
    check(*await ask([bytes(body[:cut]), bytes(body[cut:])], CONTENT_TYPE))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_QUERIES = st.sampled_from(
    ['{ echo(text: "x") }', "query($text: String!) { echo(text: $text) }", "{", "mutation { note(text: 5) }"]
)


@settings(deadline=None, max_examples=150)
@given(
    st.fixed_dictionaries(
        {},
        optional={"query": _QUERIES | _VALUES, "variables": _VALUES, "operationName": _VALUES, "extensions": _VALUES},
    )
    | _VALUES
)
async def test_any_json_never_fails_on_our_side(request: object) -> None:
    check(*await ask([json.dumps(request).encode()], "application/json"))
