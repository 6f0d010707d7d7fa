"""The view under a real server: uvicorn in a thread, over a small schema that reads files and keeps a diary."""

import asyncio
import hashlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NewType
from uuid import UUID

import httpx
import strawberry
import uvicorn
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.auth import Principal, Session
from app.errors import FileTooLarge, Forbidden, Unauthenticated
from app.web.multipart import UploadStream
from schema.graphql_errors import to_graphql_error
from schema.http import bearer_token
from schema.ports import ViewLimits
from schema.upload_rules import UploadRules
from schema.view import GraphQLView
from tests.fixtures.node import find_node

if TYPE_CHECKING:
    Upload = UploadStream
else:
    Upload = NewType("Upload", object)

AUTHORIZED = {"Authorization": "Bearer good"}
ONE_GIB = 1024 * 1024 * 1024


@dataclass
class Context:
    """What the test schema's resolvers are given."""

    principal: Principal | None
    refusal: Unauthenticated | None
    request_id: str
    diary: list[str]


@strawberry.type
class Stored:
    """What arrived of a file."""

    name: str
    size: int
    sha256: str
    estimate: int | None


async def _store(context: Context, stream: UploadStream, *, at_most: int | None = None) -> Stored:
    digest, size = hashlib.sha256(), 0
    try:
        await stream.begin()
        context.diary.append(f"began {stream.file_name}")
        async for chunk in stream:
            digest.update(chunk)
            size += len(chunk)
            if at_most is not None and size > at_most:
                raise FileTooLarge(size_bytes=None, max_file_size_bytes=at_most, source="SYSTEM_DEFAULT")
    except Exception as error:
        context.diary.append(f"failed {type(error).__name__}")
        raise
    context.diary.append(f"stored {size}")
    return Stored(name=stream.file_name, size=size, sha256=digest.hexdigest(), estimate=stream.size_estimate)


@strawberry.type
class Query:
    """Reading."""

    @strawberry.field
    def echo(self, text: str) -> str | None:
        """What was said."""
        return text

    @strawberry.field
    def caller(self, info: strawberry.Info[Context, None]) -> str | None:
        """Who asks."""
        if info.context.principal is None:
            raise info.context.refusal or Unauthenticated("missing")
        return str(info.context.principal.user_id)

    @strawberry.field
    def crash(self) -> str | None:
        """A fault of ours."""
        raise ValueError("secret detail")

    @strawberry.field
    def never_null(self) -> str:
        """A fault of ours that takes all of the data with it."""
        raise ValueError("secret detail")


@strawberry.type
class Mutation:
    """Writing."""

    @strawberry.mutation
    def note(self, info: strawberry.Info[Context, None], text: str) -> str | None:
        """Write into the diary."""
        info.context.diary.append(text)
        return text

    @strawberry.mutation
    async def upload(self, info: strawberry.Info[Context, None], file: Upload) -> Stored | None:
        """Take one file."""
        return await _store(info.context, file)

    @strawberry.mutation
    async def uploads(self, info: strawberry.Info[Context, None], files: list[Upload]) -> list[Stored] | None:
        """Take several files."""
        return [await _store(info.context, file) for file in files]

    @strawberry.mutation
    async def last(self, info: strawberry.Info[Context, None], files: list[Upload]) -> Stored | None:
        """Take the last file only."""
        return await _store(info.context, files[-1])

    @strawberry.mutation
    async def backwards(self, info: strawberry.Info[Context, None], files: list[Upload]) -> list[Stored] | None:
        """Take the files in the wrong order."""
        return [await _store(info.context, file) for file in reversed(files)]

    @strawberry.mutation
    def refuse(self, file: Upload) -> str | None:
        """Refuse without reading."""
        raise Forbidden

    @strawberry.mutation
    async def small(self, info: strawberry.Info[Context, None], file: Upload, at_most: int) -> Stored | None:
        """Read until it is too much."""
        return await _store(info.context, file, at_most=at_most)

    @strawberry.mutation
    async def crash(self, info: strawberry.Info[Context, None], file: Upload) -> str | None:
        """A fault of ours in the middle of a file."""
        await anext(aiter(file))
        raise ValueError("secret detail")


@strawberry.type
class Subscription:
    """Watching."""

    @strawberry.subscription
    async def ticks(self) -> AsyncGenerator[int, None]:
        """One tick."""
        yield 1

    @strawberry.subscription
    async def silence(self) -> AsyncGenerator[int, None]:
        """Nothing, for ever."""
        await asyncio.Event().wait()
        yield 0


class DiarySchema(strawberry.Schema):
    """Tells errors as the product does."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Tell them in place."""
        errors[:] = [to_graphql_error(error, "request-1") for error in errors]


def _parse_upload(value: object) -> UploadStream:
    if not isinstance(value, UploadStream):
        raise GraphQLError("Upload expects a file.", extensions={"code": "BAD_USER_INPUT"})
    return value


def make_schema() -> DiarySchema:
    """The schema."""
    upload = strawberry.scalar(name="Upload", parse_value=_parse_upload)
    config = StrawberryConfig(scalar_map={Upload: upload})
    return DiarySchema(Query, Mutation, Subscription, config=config, extensions=[UploadRules])


async def authenticate(connection: HTTPConnection) -> Principal | None:
    """Tokens: good, and all others. A cookie works too, for the sake of the rule about foreign pages."""
    token = bearer_token(connection) or connection.cookies.get("session")
    if token is None:
        return None
    if token == "crash":
        raise ValueError("secret detail")
    if token != "good":
        raise Unauthenticated("invalid")
    return Principal(UUID(int=1), is_system_admin=False)


@dataclass
class ViewServer:
    """A running view and its diary."""

    diary: list[str]
    port: int = 0

    @property
    def url(self) -> str:
        """Where the view is."""
        return f"http://127.0.0.1:{self.port}/graphql"

    def wait_for(self, entry: str, seconds: float = 10.0) -> None:
        """Block until the diary holds the entry."""
        deadline = time.monotonic() + seconds
        while entry not in self.diary:
            assert time.monotonic() < deadline, self.diary
            time.sleep(0.005)

    def post(self, query: str, variables: object = None, **more: object) -> httpx.Response:
        """A JSON request of a caller who is known."""
        return httpx.post(self.url, json={"query": query, "variables": variables, **more}, headers=AUTHORIZED)

    def send(self, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """A request with this body, of a caller who is known unless the headers say otherwise."""
        known = AUTHORIZED if headers is None else headers
        return httpx.post(self.url, content=body, headers={"Content-Type": content_type, **known}, timeout=30)

    def connect(self) -> "closing[socket.socket]":
        """A connection for a client that does not keep to the rules."""
        return closing(socket.create_connection(("127.0.0.1", self.port), timeout=20))

    def head(self, content_type: str, length: int | None, *headers: str) -> bytes:
        """The head of a raw request of a caller who is known."""
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = ["POST /graphql HTTP/1.1", "Host: x", "Authorization: Bearer good", f"Content-Type: {content_type}"]
        return "\r\n".join([*lines, framing, *headers, "", ""]).encode()


@contextmanager
def running_view(*, graphiql: bool = True, limits: ViewLimits | None = None) -> Iterator[ViewServer]:
    """A server for the time of a test module."""
    site = ViewServer(diary=[])

    def make_context(
        *,
        connection: HTTPConnection,
        principal: Principal | None,
        refusal: Unauthenticated | None,
        request_id: str,
        session: Session | None,
    ) -> Context:
        return Context(principal, refusal, request_id, site.diary)

    view = GraphQLView(
        make_schema(), authenticate=authenticate, make_context=make_context, graphiql=graphiql, limits=limits
    )
    config = uvicorn.Config(
        view,
        host="127.0.0.1",
        port=0,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        log_level="error",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="view-server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        site.port = server.servers[0].sockets[0].getsockname()[1]
        yield site
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def code_of(response: httpx.Response | bytes | str) -> str:
    """The code of a response's only error."""
    text = response.content if isinstance(response, httpx.Response) else response
    [error] = json.loads(text)["errors"]
    return str(error["extensions"]["code"])


def sparse_file(folder: Path, size: int) -> Path:
    """A file of zeros that takes no room on the disk."""
    path = folder / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)
    return path


def run_node(script: str, *arguments: str) -> str:
    """What a script of ECMAScript modules prints."""
    command = [str(find_node().node), "--no-warnings", "--input-type=module", "-e", script, "--", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
