"""What a hostile case is: what is sent, and the exact answer that it must get."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Stand for what the test run knows: tokens, and the student's file with its signed URL.
STUDENT, ADMIN, FILE, SIGNED = "%STUDENT%", "%ADMIN%", "%FILE%", "%SIGNED%"

BAD = "BAD_USER_INPUT"
INVALID = "GRAPHQL_VALIDATION_FAILED"
SYNTAX = "GRAPHQL_PARSE_FAILED"
COSTLY = "QUERY_TOO_COMPLEX"
NOT_FOUND = "NOT_FOUND"
FORBIDDEN = "FORBIDDEN"
NOBODY = "UNAUTHENTICATED"


@dataclass(frozen=True)
class Case:
    """One request. `code` is that of every error of the answer; None stands for an answer without any."""

    what: str
    status: int
    code: str | None
    method: str = "POST"
    path: str = "/graphql"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # the whole request as it is, for what no client would send


def gql(
    what: str,
    query: str,
    code: str | None,
    variables: Mapping[str, Any] | None = None,
    *,
    by: str | None = STUDENT,
    status: int = 200,
    **more: Any,
) -> Case:
    """An operation as JSON."""
    body = json.dumps({"query": query, "variables": variables or {}, **more}).encode()
    return Case(what, status, code, body=body, headers=json_headers(by))


def json_headers(by: str | None = STUDENT) -> dict[str, str]:
    """The headers of a JSON request."""
    token = {} if by is None else {"Authorization": f"Bearer {by}"}
    return {"Content-Type": "application/json", **token}
