"""Refusals below GraphQL: one table from errors to HTTP statuses, and one JSON form.

The form is that of a GraphQL response, `{"errors": [{"message", "extensions": {"code", "requestId"}}]}`, so that a client
needs one piece of code to read what went wrong, wherever it went wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app import errors
from app.telemetry.logs import request_id
from app.web.body import BodyError

RETRY_AFTER_SECONDS = 5

# The status and the sentence of each error that a route below GraphQL can meet. The sentence holds no name, path or key.
_REFUSALS: dict[type[errors.SatchelError], tuple[HTTPStatus, str]] = {
    errors.Unauthenticated: (HTTPStatus.UNAUTHORIZED, "This needs a valid token."),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, "You may not do this."),
    # 403 as on S3, so that clients of both backends tell "ask for a new URL" from 404, "the file is gone".
    errors.SignedUrlInvalid: (HTTPStatus.FORBIDDEN, "This URL was not issued here, or was changed. Ask for a new one."),
    errors.SignedUrlExpired: (HTTPStatus.FORBIDDEN, "This URL has expired. Ask for a new one."),
    errors.NotFound: (HTTPStatus.NOT_FOUND, "There is no such file."),
    errors.PayloadTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body of the request is too long."),
    errors.BadUserInput: (HTTPStatus.BAD_REQUEST, "The request makes no sense."),
    errors.RateLimited: (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests. Try again later."),
    errors.StorageUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "The file store cannot be used now. Try again later."),
}

_HTTP_CODES = {
    HTTPStatus.NOT_FOUND: ("NOT_FOUND", "There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("METHOD_NOT_ALLOWED", "This address does not take this method."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as it goes over the wire. `code` is a promise to clients, `message` a sentence for people."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The reply. It is never cached: the next try may fare better."""
        extensions = {"code": self.code, "requestId": request_id()}
        body = orjson.dumps({"errors": [{"message": self.message, "extensions": extensions}]})
        headers = {"cache-control": "no-store", **self.headers}
        return Response(body, self.status, headers, media_type="application/json")


def problem_of(error: Exception) -> Problem:
    """What to answer to an error; 500 to one that nobody foresaw."""
    if isinstance(error, HTTPException):
        code, message = _HTTP_CODES.get(HTTPStatus(error.status_code), ("BAD_USER_INPUT", error.detail))
        return Problem(error.status_code, code, message, {k.lower(): v for k, v in (error.headers or {}).items()})
    if isinstance(error, BodyError):
        return Problem(error.status, error.code, error.problem)
    for kind in type(error).__mro__:
        if kind in _REFUSALS and isinstance(error, errors.SatchelError):
            status, message = _REFUSALS[kind]
            return Problem(status.value, error.code, message, _headers_of(error))
    return Problem(500, errors.SatchelError.code, "Something went wrong here. It has been logged under the request id.")


def _headers_of(error: errors.SatchelError) -> dict[str, str]:
    if isinstance(error, errors.StorageUnavailable):
        return {"retry-after": str(RETRY_AFTER_SECONDS)}
    if isinstance(error, errors.RateLimited):
        return {"retry-after": str(error.retry_after_seconds)}
    return {}
