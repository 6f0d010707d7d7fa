"""GraphQL over HTTP: media types, statuses and error bodies (https://graphql.github.io/graphql-over-http/draft/)."""

import json
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from starlette.requests import HTTPConnection
from starlette.responses import Response
from strawberry.http import process_result
from strawberry.types import ExecutionResult

from app.errors import Unauthenticated
from app.telemetry import logs
from app.web.body import BodyError
from app.web.multipart import media_type
from app.web.problems import problem_of
from schema.errors import Told

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")


class Refused(BodyError):
    """The request is refused for the way in which it was sent. `status` is the HTTP status, `headers` go into the reply."""

    def __init__(self, status: int, problem: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.headers = headers or {}


class Reply(Response):
    """A reply in JSON."""

    def render(self, content: object) -> bytes:
        """See `encode_json`."""
        return encode_json(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """The headers that every reply has, as they are sent."""
        self.raw_headers = [
            # No cache may keep what depends on the caller, and on Accept.
            (b"vary", b"Accept"),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", str(self.media_type).encode("latin-1")),
        ]


def headers_of(error: Exception) -> Mapping[str, str]:
    """The headers that belong to the status of a refusal."""
    if isinstance(error, Refused):
        return error.headers
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110, section 15.5.2
    return problem_of(error).headers


def error_body(told: Told) -> dict[str, object]:
    """A well-formed GraphQL response without `data`, for an operation that did not run."""
    return {"errors": [{"message": told.message, "extensions": told.extensions}]}


@lru_cache(maxsize=256)
def response_type(accept: str) -> str:
    """Which of the two media types a client asked for with its Accept field; application/json when it did not care.

    A client that accepts neither gets application/json all the same: it can do more with it than with a 406.
    """
    weights = dict.fromkeys((GRAPHQL_RESPONSE, JSON), 0.0)
    for item in accept.split(","):
        kind = media_type(item)
        if kind in weights:
            weights[kind] = max(weights[kind], weight_of(item))
    preferred = weights[GRAPHQL_RESPONSE] > 0 and weights[GRAPHQL_RESPONSE] >= weights[JSON]
    return GRAPHQL_RESPONSE if preferred else JSON


def weight_of(item: str) -> float:
    """The `q` of one item of an Accept field; 0 for one that is none."""
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def encode_json(value: object) -> bytes:
    """JSON in UTF-8."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson knows no integers beyond 64 bits and no lone surrogates; an error message must not fail for quoting them.
        return json.dumps(value, separators=(",", ":")).encode()


def result_text(result: ExecutionResult) -> str:
    """A result as clients get it, in JSON on one line."""
    return encode_json(process_result(result)).decode()


def is_utf8(content_type: str) -> bool:
    """Whether a JSON media type leaves the charset open or names UTF-8, the only one there is (RFC 8259, section 8.1)."""
    parameters = [parameter.strip().lower() for parameter in content_type.split(";")[1:]]
    charsets = [value.partition("=")[2].strip('"') for value in parameters if value.startswith("charset=")]
    return all(charset in {"utf-8", "utf8"} for charset in charsets)


def has_no_result(data: Mapping[str, Any] | None) -> bool:
    """No root field came to a result."""
    return data is None or all(value is None for value in data.values())


def is_request_error(result: ExecutionResult) -> bool:
    """The operation did not begin: no data, and no error belongs to a place in it (GraphQL, section 7.1.2)."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token in the Authorization field (RFC 6750, section 2.1); None when there is none of that kind."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def request_id() -> str:
    """The id under which the lines about this request are logged; a new one when nothing in front has given it one."""
    bound = logs.request_id()
    if bound is None:
        bound = secrets.token_hex(16)
        logs.bind_request(bound)
    return bound
