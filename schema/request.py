"""One request for the GraphQL endpoint: what is known of it before its body is read, and the operation that it carries."""

from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope
from strawberry.http import GraphQLRequestData

from app.auth import Principal, Session
from app.errors import BadUserInput, Unauthenticated
from app.web.body import RequestBody
from app.web.multipart import MultipartForm, media_type
from app.web.strict_json import loads
from schema import http
from schema.streaming import preferred_format

T = TypeVar("T")

MULTIPART = "multipart/form-data"
_ACCEPT_CHARACTERS = 500  # what is read of a field that is used as the key of a cache


class GraphQLRequest(Request):
    """One request on its way through the view."""

    def __init__(self, scope: Scope, receive: Receive, content: RequestBody) -> None:
        super().__init__(scope, receive)
        self.content = content
        # Of fields that come twice the first counts, as everywhere.
        fields: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self.reads = scope["method"] == "GET"
        self.content_type = fields.get(b"content-type", b"").decode("latin-1")
        self.content_encoding = fields.get(b"content-encoding", b"identity").decode("latin-1").lower()
        self.is_multipart = media_type(self.content_type) == MULTIPART
        self.request_id = http.request_id()
        self.principal: Principal | None = None
        self.refusal: Unauthenticated | None = None
        self.multipart: MultipartForm | None = None
        self.watcher: Session | None = None
        accept = fields.get(b"accept", b"").decode("latin-1")[:_ACCEPT_CHARACTERS]
        self.media_type = http.response_type(accept)
        # Files come with one answer: a body that is still being read, and a stream, would wait for each other.
        self.format = None if self.is_multipart else preferred_format(accept)

    @property
    def wants_page(self) -> bool:
        """A browser that was pointed at the endpoint."""
        return (
            self.reads
            and "text/html" in self.headers.get("accept", "")
            and not {"query", "extensions"} & self.query_params.keys()
        )


def query_parameters(request: GraphQLRequest) -> dict[str, object]:
    """What a GET request carries. Raises BadUserInput."""
    parameters = request.query_params
    data: dict[str, object] = {name: parameters.get(name) for name in ("query", "operationName")}
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            data[name] = loads(text.encode(), name)
    return data


def request_data(data: object) -> GraphQLRequestData:
    """The operation that a JSON value stands for. Raises BadUserInput."""
    if isinstance(data, list):
        raise BadUserInput("A request holds one operation: batches are not supported.")
    if not isinstance(data, dict):
        raise BadUserInput("A GraphQL request is a JSON object.")
    return GraphQLRequestData(
        query=_member(data, "query", str, "a string"),
        variables=_member(data, "variables", dict, "an object"),
        operation_name=_member(data, "operationName", str, "a string"),
        extensions=_member(data, "extensions", dict, "an object"),
    )


def _member(data: dict[str, object], name: str, kind: type[T], described: str) -> T | None:
    value = data.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise BadUserInput(f"{name} must be {described} or null.", field=name)
