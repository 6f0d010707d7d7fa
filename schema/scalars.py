"""The scalars of the contract: what goes in is checked here, and a wrong value is BAD_USER_INPUT."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NewType

import strawberry
from graphql import GraphQLError, IntValueNode, StringValueNode, ValueNode
from graphql.language import print_ast
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from app.settings import MAX_SAFE_INTEGER
from app.web.multipart import UploadStream

__all__ = ["JSON", "SCALARS", "BigInt", "Upload"]

if TYPE_CHECKING:
    # To the type checker a byte count is an int and an upload a stream: rows go into the types as they are.
    BigInt = int
    Upload = UploadStream
else:
    BigInt = NewType("BigInt", int)
    Upload = NewType("Upload", object)


def _refusal(expected: str, node: ValueNode | None = None) -> GraphQLError:
    return GraphQLError(expected, node, extensions={"code": "BAD_USER_INPUT"})


def parse_big_int(value: Any) -> int:
    """A whole JSON number that every JSON implementation carries exactly (RFC 8259, section 6)."""
    if type(value) is not int:  # a bool is an int to Python, and none to JSON
        raise _refusal("BigInt expects a whole number that is not in quotes.")
    if abs(value) > MAX_SAFE_INTEGER:
        raise _refusal(f"BigInt holds whole numbers from -{MAX_SAFE_INTEGER} to {MAX_SAFE_INTEGER}.")
    return value


def parse_date_time(value: Any) -> datetime:
    """An ISO 8601 moment, in UTC; without an offset it is read as UTC."""
    if not isinstance(value, str):
        raise _refusal("DateTime expects an ISO 8601 moment such as 2026-01-31T12:00:00Z.")
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: an offset that leads out of the calendar
        raise _refusal("DateTime expects an ISO 8601 moment such as 2026-01-31T12:00:00Z.") from None


def serialize_date_time(value: datetime) -> str:
    """ISO 8601 in UTC, with microseconds and a Z, so that moments compare as text too."""
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    # As isoformat writes it, in half of its time: a list has a hundred of them.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (  # noqa: UP031 - the others take as long as isoformat
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond,
    )


def parse_upload(value: Any) -> UploadStream:
    """A file of the multipart request, which only its reader can have put among the variables."""
    if not isinstance(value, UploadStream):
        raise _refusal("Upload expects a file of a GraphQL multipart request, mapped to this variable.")
    return value


def _literal(parse: Callable[[Any], Any], read: Callable[[ValueNode], Any]) -> Callable[..., Any]:
    def parse_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> Any:
        try:
            return parse(read(node))
        except GraphQLError as error:
            raise _refusal(error.message, node) from None

    return parse_literal


def _int_of(node: ValueNode) -> Any:
    # Twenty digits are out of the range already; int() itself refuses thousands of them with another error.
    return int(node.value[:20]) if isinstance(node, IntValueNode) else print_ast(node)


def _text_of(node: ValueNode) -> Any:
    return node.value if isinstance(node, StringValueNode) else None


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number as a JSON number, from -(2^53 - 1) to 2^53 - 1. Byte counts are given in it.",
        specified_by_url="https://scalars.graphql.org/chillicream/long.html",
        parse_value=parse_big_int,
        parse_literal=_literal(parse_big_int, _int_of),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as ISO 8601 text. Answers are in UTC; input without an offset is read as UTC.",
        serialize=serialize_date_time,
        parse_value=parse_date_time,
        parse_literal=_literal(parse_date_time, _text_of),
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        parse_value=lambda value: value,
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file of a GraphQL multipart request: send null as the variable and map the file to it.",
        parse_value=parse_upload,
        parse_literal=_literal(parse_upload, lambda _node: None),
    ),
}
