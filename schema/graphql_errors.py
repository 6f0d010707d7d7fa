"""GraphQL's errors as they leave the service and as they are logged. What is said of each stands in `schema/errors.py`, which
does without GraphQL's library: the command line, which says the same, is to be quick.
"""

import logging
import re
from collections.abc import Awaitable
from typing import Any, TypeVar

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from app import errors
from app.telemetry.logs import causes
from schema.errors import INTERNAL, Told, tell

T = TypeVar("T")

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

_MAX_MESSAGE = 500  # characters
_INSTANCE = re.compile(r"<\w+ instance>")  # a file of a multipart request is the only object among variables
# Up to the last quotation mark that ends it; to the end of a message that was cut before that.
_OF_PYTHON = re.compile(r",? but encountered error '(?:.*'(?=[.;]|$)|.*)", re.DOTALL)

_log = structlog.get_logger("schema.errors")  # as it has always stood in the log, where filters may look for it


def plain(message: str) -> str:
    """A message of GraphQL's own without what its libraries say of Python, and of bounded length: it may quote what was sent."""
    # Cut first: the patterns take time that grows with the square of what was sent.
    message = message[: 4 * _MAX_MESSAGE]
    message = _INSTANCE.sub("a file", _OF_PYTHON.sub("", message))
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]} …"


def to_graphql_error(error: GraphQLError, request_id: str) -> GraphQLError:
    """`error` as it may leave the service: place and path kept, message and extensions from the table.

    GraphQL's own errors of parsing, validation and coercion keep their message. Idempotent.
    """
    if "code" in (error.extensions or {}):
        return error
    cause = _cause(error)
    if cause is None:
        code = _code_of_graphql(error)
        if code is not None:
            return _copy(error, plain(error.message), {"code": code})
    told = tell(cause or error, request_id)
    return _copy(error, told.message, told.extensions)


def _copy(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, error, extensions)


def _cause(error: BaseException) -> BaseException | None:
    """What a resolver raised; None when the error is GraphQL's own from end to end."""
    while isinstance(error, GraphQLError):
        if error.original_error is None:
            return None
        error = error.original_error
    return error


def _code_of_graphql(error: GraphQLError) -> str | None:
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    # Validation is coded where it runs (`schema/documents.py`). What remains without a path are variables that could
    # not be coerced, and with one, arguments that could not. Anything else is an answer that breaks our own schema.
    if error.path is None or error.message.startswith("Argument "):
        return errors.BadUserInput.code
    return None


def log_error(error: GraphQLError, told: GraphQLError, request_id: str) -> None:
    """One line per error, at the level of its class. No messages, which can quote what the client sent; what led to an error that is
    ours is told.
    """
    cause = _cause(error)
    code = (told.extensions or {}).get("code")
    level = cause.log_level if isinstance(cause, errors.SatchelError) else "error" if code == INTERNAL else "info"
    field = ".".join(str(step) for step in error.path or [] if isinstance(step, str))
    facts: dict[str, Any] = {}
    if code == INTERNAL:
        facts["exc_info"] = cause or error
    elif isinstance(cause, errors.SatchelError):
        facts["error"] = type(cause).__name__
        if level in {"warning", "error"}:
            facts["cause"] = causes(cause)
    _log.log(
        logging.getLevelNamesMapping()[level.upper()],
        "graphql.error",
        code=code,
        field=field or None,
        request_id=request_id,
        **facts,
    )


async def settled(work: Awaitable[T], request_id: str) -> T | Told:
    """The result of `work`, or what a client is told of its failure: for results that stand beside each other."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - one item of a list, answered like the error of a field of its own
        raised = GraphQLError(str(error), original_error=error)
        log_error(raised, to_graphql_error(raised, request_id), request_id)
        return tell(error, request_id)
