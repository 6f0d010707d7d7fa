"""Requests as bytes, the same way for all sides, and the files that are sent."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.client import Exchange

_BOUNDARY = "------------------------satchel-bench-4f1d7a2b9c"
_PIECE = 1024 * 1024
_HOST = "127.0.0.1"

UPLOAD = """mutation ($input: UploadFileInput!) {
  uploadFile(input: $input) { file { id name sizeBytes sha256 } }
}"""
UPLOADS = """mutation ($input: UploadFilesInput!) {
  uploadFiles(input: $input) { results { file { id } errorCode errorMessage } }
}"""
USER_HEADER = "x-user"  # who uploads, at the stock side with rows
STOCK_UPLOAD = "mutation ($file: Upload!) { upload(file: $file) { name size } }"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to send."""

    path: Path
    size: int
    sha256: str


def make_sample(folder: Path, size: int) -> Sample:
    """A file of that many bytes that nothing can compress and no type is known by."""
    path = folder / f"sample-{size}.bin"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        left = size
        while left:
            piece = (b"\0" * 16 + os.urandom(_PIECE - 16))[:left]
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
    return Sample(path, size, digest.hexdigest())


def make_hole(folder: Path, size: int) -> Sample:
    """A file of that many zeros that takes no room, for what nobody reads to its end."""
    path = folder / f"hole-{size}.bin"
    path.touch()
    os.truncate(path, size)
    return Sample(path, size, sha256="")


def sha256_of(path: Path) -> str:
    """The hash of a stored file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bearer(token: str) -> dict[str, str]:
    """The header that says who is calling."""
    return {"Authorization": f"Bearer {token}"}


def graphql_upload(sample: Sample, token: str) -> Exchange:
    """The product's mutation."""
    operations = {"query": UPLOAD, "variables": {"input": {"file": None}}}
    return _multipart(sample, operations, ["variables.input.file"], bearer(token))


def graphql_uploads(samples: Sequence[Sample], token: str) -> Exchange:
    """The product's mutation for several files, all but the first one small. Nothing tells the size of the first one."""
    operations = {"query": UPLOADS, "variables": {"input": {"files": [None] * len(samples)}}}
    places = [f"variables.input.files.{number}" for number in range(len(samples))]
    return _multipart(samples[0], operations, places, bearer(token), samples[1:])


def stock_upload(sample: Sample, headers: dict[str, str] | None = None) -> Exchange:
    """The stock sides' mutation."""
    return _multipart(sample, {"query": STOCK_UPLOAD, "variables": {"file": None}}, ["variables.file"], headers or {})


def put(sample: Sample, target: str = "/", host: str = _HOST) -> Exchange:
    """Nothing but the file."""
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(sample.size)}
    return Exchange(head=_head("PUT", target, headers, host), file=str(sample.path), size=sample.size, tail="")


def graphql(query: str, variables: dict[str, Any], headers: dict[str, str]) -> Exchange:
    """An operation without files."""
    body = json.dumps({"query": query, "variables": variables})
    headers = headers | {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
    return Exchange(head=_head("POST", "/graphql", headers) + body, file=None, size=0, tail="")


def get(path: str) -> Exchange:
    """A download."""
    return Exchange(head=_head("GET", path, {}), file=None, size=0, tail="")


def _multipart(
    sample: Sample,
    operations: dict[str, Any],
    places: Sequence[str],
    headers: dict[str, str],
    after: Sequence[Sample] = (),
) -> Exchange:
    """A file for each place: the sample for the first one, those of `after`, which are small, for the others."""
    fields = {
        "operations": json.dumps(operations),
        "map": json.dumps({str(number): [place] for number, place in enumerate(places)}),
    }
    parts = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    parts += _file_head(0)
    tail = "".join(
        f"\r\n{_file_head(number)}{other.path.read_bytes().decode('latin-1')}"
        for number, other in enumerate(after, start=1)
    )
    tail += f"\r\n--{_BOUNDARY}--\r\n"
    headers = headers | {
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "Content-Length": str(len(parts) + sample.size + len(tail)),
    }
    return Exchange(head=_head("POST", "/graphql", headers) + parts, file=str(sample.path), size=sample.size, tail=tail)


def _file_head(number: int) -> str:
    return (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{number}"; filename="sample.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )


def _head(method: str, path: str, headers: dict[str, str], host: str = _HOST) -> str:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines) + "\r\n\r\n"
