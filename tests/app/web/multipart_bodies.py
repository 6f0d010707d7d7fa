"""Multipart bodies for tests: well-formed ones, and every step of their way under the test's control."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from starlette.types import Message, Scope

from app.web.body import RequestBody
from app.web.multipart import FormLimits, MultipartForm, UploadStream

BOUNDARY = "----satchel-7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
QUERY = "mutation($file: Upload!) { upload(file: $file) { size } }"


def part(name: str, data: bytes | str, *headers: str, file_name: str | None = None) -> bytes:
    """One part with its delimiter in front, as browsers write it."""
    disposition = f'form-data; name="{name}"' + ("" if file_name is None else f'; filename="{file_name}"')
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + (data.encode() if isinstance(data, str) else data) + b"\r\n"


def closing(tail: bytes = b"\r\n") -> bytes:
    """The closing delimiter."""
    return f"--{BOUNDARY}--".encode() + tail


def operations(count: int = 1, **more: object) -> bytes:
    """The `operations` of a request for one file (`$file`) or several (`$files`)."""
    variables: dict[str, object] = {"file": None} if count == 1 else {"files": [None] * count}
    return json.dumps({"query": QUERY, "variables": variables, **more}).encode()


def mapping(count: int = 1) -> bytes:
    """The `map` that belongs to `operations(count)`."""
    paths = ["variables.file"] if count == 1 else [f"variables.files.{index}" for index in range(count)]
    return json.dumps({str(index): [path] for index, path in enumerate(paths)}).encode()


def body_of(*files: bytes, tail: bytes = b"\r\n", names: Sequence[str] | None = None) -> bytes:
    """A well-formed body that carries these files under the names 0, 1, 2 and so on."""
    parts = [part("operations", operations(len(files))), part("map", mapping(len(files)))]
    for index, data in enumerate(files):
        file_name = names[index] if names else f"{index}.bin"
        parts.append(part(str(index), data, "Content-Type: text/plain", file_name=file_name))
    return b"".join(parts) + closing(tail)


@dataclass
class Wire:
    """The server's side of one request: hands out chunks on demand, and counts how often it was asked."""

    chunks: Sequence[bytes]
    hang_up: bool = False  # the client is gone after the last chunk
    asked: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def receive(self) -> Message:
        """ASGI's receive."""
        self.asked += 1
        index = self.asked - 1
        if index < len(self.chunks):
            last = index == len(self.chunks) - 1 and not self.hang_up
            return {"type": "http.request", "body": self.chunks[index], "more_body": not last}
        if self.hang_up or index > len(self.chunks):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    def body(self, *, length: int | None = -1) -> RequestBody:
        """The body as the product sees it. `length` is its Content-Length; None is a chunked request, -1 the truth."""
        if length == -1:
            length = sum(map(len, self.chunks))
        framing = (b"transfer-encoding", b"chunked") if length is None else (b"content-length", str(length).encode())
        scope: Scope = {"type": "http", "http_version": "1.1", "headers": [*self.headers, framing]}
        return RequestBody(scope, self.receive, idle_seconds=5)


def split(body: bytes, size: int) -> list[bytes]:
    """The body in chunks of `size` bytes."""
    return [body[start : start + size] for start in range(0, len(body), size)]


async def open_form(
    chunks: Iterable[bytes] | bytes,
    *,
    content_type: str = CONTENT_TYPE,
    length: int | None = -1,
    limits: FormLimits | None = None,
) -> MultipartForm:
    """The form of a request whose body comes in these chunks."""
    wire = Wire([chunks] if isinstance(chunks, bytes) else list(chunks))
    return await MultipartForm.open(wire.body(length=length), content_type, limits)


async def read(stream: UploadStream) -> bytes:
    """All bytes of a stream."""
    return b"".join([chunk async for chunk in stream])


async def read_all(form: MultipartForm) -> list[tuple[str, bytes]]:
    """The name and the bytes of every file, in the order of the body."""
    files = []
    for stream in form.files.values():
        await stream.begin()
        files.append((stream.file_name, await read(stream)))
    return files
