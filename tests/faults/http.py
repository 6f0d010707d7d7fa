"""As much of HTTP/1.1 as a proxy on the loopback address needs: heads, and the bodies that follow them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a message, as they came (`raw`) and taken apart; header names in lower case."""

    raw: bytes
    first: tuple[str, str, str]
    headers: dict[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> "Head":
        """Take a head apart."""
        lines = raw.decode("latin-1").split("\r\n")
        first = (*lines[0].split(" ", 2), "", "")
        fields = (line.partition(":") for line in lines[1:] if line)
        return cls(raw, (first[0], first[1], first[2]), {name.lower(): value.strip() for name, _, value in fields})


@dataclass(frozen=True)
class Request:
    """What a client asks for. `query` has the parameters of the URL."""

    head: Head

    @property
    def method(self) -> str:
        """The verb."""
        return self.head.first[0]

    @property
    def path(self) -> str:
        """The path of the URL."""
        return urlsplit(self.head.first[1]).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the URL."""
        return dict(parse_qsl(urlsplit(self.head.first[1]).query, keep_blank_values=True))

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case."""
        return self.head.headers

    @property
    def length(self) -> int:
        """The bytes of its body."""
        return int(self.headers.get("content-length", 0))


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, or None when the other side has closed."""
    try:
        return Head.parse(await reader.readuntil(b"\r\n\r\n"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def read_fixed(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    """A body of a known length. Raises IncompleteReadError when it is cut off."""
    while length:
        data = await reader.read(min(CHUNK_BYTES, length))
        if not data:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(data)
        yield data


async def read_answer_body(reader: asyncio.StreamReader, head: Head, method: str) -> AsyncIterator[bytes]:
    """The body of an answer as it goes over the wire, chunks with their sizes."""
    status = int(head.first[1])
    if method == "HEAD" or status in {204, 304} or status < 200:
        return
    if head.headers.get("transfer-encoding") == "chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
            if not size:
                return
    async for data in read_fixed(reader, int(head.headers.get("content-length", 0))):
        yield data
