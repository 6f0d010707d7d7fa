"""A PUT that is streamed to a file and synced: what an ASGI server can do at best, without GraphQL, rows, checks or hashes.

The allocator is set as in the product, and while a thread writes one batch, the next one is received. A file that ends within the
first batch takes one hop to a thread. It is synced once, at its end: the product, which has large files synced on the way, too, can
therefore be quicker. With HASHED in its environment it also takes the SHA-256.
"""

import asyncio
import hashlib
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

from starlette.types import Receive, Scope, Send

from app.allocator import keep_receive_buffers
from tests.bench.sides.serving import serve, target

_BATCH = 256 * 1024


class RawPut:
    """The application."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._threads = ThreadPoolExecutor(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store the body of any request under a new name, and tell the name and the size."""
        path = self._target / uuid4().hex
        writer = _Writer(path)
        pending: Future[None] | None = None
        batch: list[bytes] = []
        held = size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            more = message.get("more_body", False)
            chunk = message.get("body", b"")
            batch.append(chunk)
            held += len(chunk)
            size += len(chunk)
            if held >= _BATCH and more:
                if pending is not None:
                    await asyncio.wrap_future(pending)
                pending = self._threads.submit(partial(writer.put, batch))
                batch, held = [], 0
        if pending is not None:
            await asyncio.wrap_future(pending)
        await asyncio.wrap_future(self._threads.submit(partial(writer.finish, batch)))
        body = json.dumps({"name": path.name, "size": size}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._digest = hashlib.sha256() if "HASHED" in os.environ else None

    def put(self, parts: list[bytes]) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        if self._digest is not None:
            for part in parts:
                self._digest.update(part)
        left: list[bytes | memoryview] = [part for part in parts if part]
        while left:
            written = os.writev(self._file, left[:1024])
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if written:
                left[0] = memoryview(left[0])[written:]

    def finish(self, parts: list[bytes]) -> None:
        self.put(parts)
        os.fsync(self._file)
        os.close(self._file)


if __name__ == "__main__":
    keep_receive_buffers()
    serve(RawPut(target()))
