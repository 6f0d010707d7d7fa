"""`/files/{token}`: files by signed URL, with ranges and conditional requests (R4; RFC 9110, sections 13 to 15)."""

from dataclasses import dataclass, field
from typing import Protocol

from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.services.downloads import Download, Downloads
from app.web import headers as fields
from app.web.connection import ClientStalled, send_bytes, while_connected
from app.web.preconditions import Outcome, Validators
from app.web.problems import Problem
from app.web.ranges import ByteRange, MultipartRanges, select
from app.web.routing import GetOnly

# Headers that describe bytes which a 304 does not carry.
_OF_CONTENT = {"content-type", "content-disposition", "accept-ranges"}


class HasDownloads(Protocol):
    """What this route needs of the runtime."""

    @property
    def downloads(self) -> Downloads: ...


def download_routes(runtime: HasDownloads) -> list[Route]:
    """The route of signed URLs."""
    return [Route("/files/{token}", endpoint=GetOnly(_FileEndpoint(runtime)), name="download")]


@dataclass(frozen=True, slots=True)
class _Reply:
    """What will be sent: the file's bytes in `parts`, each after its head (in a multipart body), and a closing line.

    `length` is the body's whole length in bytes.
    """

    status: int
    headers: dict[str, str]
    length: int = 0
    parts: tuple[ByteRange, ...] = ()
    heads: list[bytes] = field(default_factory=list)
    closing: bytes = b""

    @property
    def has_first_byte(self) -> bool:
        """Whether the file's first byte is in it; of an empty file, that is all of it."""
        return self.status in {200, 206} and (not self.parts or any(part.start == 0 for part in self.parts))


class _FileEndpoint:
    def __init__(self, runtime: HasDownloads) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        downloads = self._runtime.downloads
        download = await downloads.open(scope["path_params"]["token"])
        method = scope["method"]
        reply = _decide(method, Headers(scope=scope), download)
        if isinstance(reply, Problem):
            await reply.response()(scope, receive, send)
        elif method == "HEAD" or not reply.parts:
            if reply.status != 304:
                await downloads.check(download)
            await _start(send, reply)
            if method == "GET" and reply.has_first_byte:
                downloads.count(download)
            await send({"type": "http.response.body", "body": b""})
        else:
            try:
                await while_connected(receive, _stream(send, downloads, download, reply))
            except ClientStalled:
                return  # without the end of the response, the server closes the connection


def _decide(method: str, headers: Headers, download: Download) -> _Reply | Problem:
    validators = Validators.of(download.sha256, download.created_at)
    described = _describe(download, validators)
    match validators.evaluate(headers):
        case Outcome.FAILED:
            return Problem(412, "PRECONDITION_FAILED", "The file is not the version that was asked for.")
        case Outcome.NOT_MODIFIED:
            # What a 200 would have said (15.4.5), the policy included: caches put it in the place of the one they have.
            return _Reply(304, {name: described[name] for name in described.keys() - _OF_CONTENT})
    size = download.size_bytes
    ranges = None
    if method == "GET" and validators.allow_range(headers):  # a Range means nothing to other methods (14.2)
        ranges = select(headers.getlist("range"), size)
    if ranges is None:
        parts = (ByteRange(0, size),) if size else ()
        return _Reply(200, described, size, parts, [b""] * len(parts))
    if not ranges:
        message = "The file has none of the bytes that were asked for."
        unsatisfied = {"content-range": f"bytes */{size}", "accept-ranges": "bytes"}
        return Problem(416, "RANGE_NOT_SATISFIABLE", message, unsatisfied)
    if len(ranges) == 1:
        content_range = ranges[0].content_range(size)
        return _Reply(206, {**described, "content-range": content_range}, len(ranges[0]), ranges, [b""])
    frame = MultipartRanges(ranges, described["content-type"], size)
    described["content-type"] = frame.content_type
    return _Reply(206, described, frame.length, ranges, frame.heads, frame.closing)


def _describe(download: Download, validators: Validators) -> dict[str, str]:
    """The headers that every answer about this file has in common."""
    inline = fields.shown_inline(download.mime_type, asked=download.inline)
    return {
        "content-type": fields.content_type(download.mime_type),
        "content-disposition": fields.content_disposition(download.name, inline=inline),
        "etag": validators.etag,
        "last-modified": validators.last_modified,
        "accept-ranges": "bytes",
        # Only the client's own cache, and no longer than it could ask again.
        "cache-control": f"private, max-age={download.seconds_left}",
        **fields.security_headers(download.mime_type, inline=inline),
    }


async def _start(send: Send, reply: _Reply) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
    if reply.status != 304:  # there, a length could only be that of the body of a 200, and nobody needs it
        raw.append((b"content-length", str(reply.length).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})


async def _stream(send: Send, downloads: Downloads, download: Download, reply: _Reply) -> None:
    """Send the reply. The first read is entered before the first header goes out, so that a store that is down is a 503."""
    started = False
    for head, part in zip(reply.heads, reply.parts, strict=True):
        async with downloads.read(download, part.start, part.end) as chunks:
            if not started:
                await _start(send, reply)
                started = True
                if reply.has_first_byte:
                    downloads.count(download)
            if head:
                await send_bytes(send, head)
            async for chunk in chunks:
                await send_bytes(send, chunk)
    await send({"type": "http.response.body", "body": reply.closing})
