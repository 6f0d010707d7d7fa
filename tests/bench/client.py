"""The client of the benchmarks: a program of its own, the same and equally cheap for every side.

Run by path with `python -I -S`. It reads one plan as JSON from its standard input, does it over plain blocking sockets (a file
goes from the page cache to the socket by sendfile, where there is one), and writes what came of it as JSON.
"""

import hashlib
import json
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

_HOST = "127.0.0.1"
_SECONDS = 300.0  # without progress: something is broken
_PIECE = 256 * 1024
_SLOW_PIECE = 64 * 1024


class Exchange(TypedDict):
    """One request: `head` with all headers and whatever stands before the file, the file's path if any, `tail`. Latin-1."""

    head: str
    file: str | None
    size: int
    tail: str


class Plan(TypedDict):
    """What to do: a name of `_WAYS`, with the requests and a number that means what the way says."""

    do: str
    port: int
    exchanges: list[Exchange]
    number: float


class Outcome(TypedDict):
    """What came of one request: seconds from connecting to the reply's last byte; bytes sent of it, headers included."""

    seconds: float
    status: int
    headers: str
    body: str
    sent: int


class _Reply:
    """A reply as it arrives."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._end = -1

    def feed(self, data: bytes) -> bool:
        """Whether the reply is complete now."""
        if not data:
            raise ConnectionError(f"the server hung up after {bytes(self._received[:500])!r}")
        self._received += data
        if self._end < 0:
            at = self._received.find(b"\r\n\r\n")
            if at < 0:
                return False
            self._end = at + 4 + int(_header(bytes(self._received[:at]), b"content-length") or 0)
        return len(self._received) >= self._end

    def outcome(self, seconds: float, sent: int) -> Outcome:
        """Of the complete reply."""
        head, _, body = bytes(self._received[: self._end]).partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        return Outcome(seconds=seconds, status=status, headers=head.decode("latin-1"), body=body.decode(), sent=sent)


def _header(head: bytes, name: bytes) -> bytes | None:
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return None
    return head[at + len(name) + 3 :].partition(b"\r\n")[0].strip()


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection((_HOST, port), timeout=_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read_reply(connection: socket.socket) -> _Reply:
    reply = _Reply()
    while not reply.feed(connection.recv(_PIECE)):
        pass
    return reply


def each(plan: Plan) -> list[Outcome]:
    """The requests one after the other, each on a connection of its own."""
    return [_one(plan["port"], exchange) for exchange in plan["exchanges"]]


def _one(port: int, exchange: Exchange) -> Outcome:
    began = time.perf_counter()
    with _connected(port) as connection:
        head, tail = exchange["head"].encode("latin-1"), exchange["tail"].encode("latin-1")
        connection.sendall(head)
        if exchange["file"] is not None:
            with Path(exchange["file"]).open("rb") as file:
                connection.sendfile(file)
        if tail:
            connection.sendall(tail)
        reply = _read_reply(connection)
        seconds = time.perf_counter() - began
    return reply.outcome(seconds, len(head) + exchange["size"] + len(tail))


def load(plan: Plan) -> dict[str, Any]:
    """Each request again and again on a connection of its own that is kept alive, `number` times in all. The files are small:
    a request fits into the socket's buffer. While the clock runs, replies are only received: what they say is looked at afterwards.
    """
    left = int(plan["number"])
    selector = selectors.DefaultSelector()
    lines = [_Line(_connected(plan["port"]), exchange) for exchange in plan["exchanges"]]
    replies: list[tuple[_Reply, float, int]] = []
    began = time.perf_counter()
    for line in lines:
        selector.register(line.connection, selectors.EVENT_READ, line)
    for line in lines[:left]:
        line.send()
    left -= min(left, len(lines))
    wanted = int(plan["number"])
    while len(replies) < wanted:
        for key, _ in selector.select(_SECONDS):
            line = key.data
            if line.has_reply():
                replies.append(line.take())
                if left:
                    left -= 1
                    line.send()
    seconds = time.perf_counter() - began
    for line in lines:
        line.connection.close()
    outcomes = [reply.outcome(taken, sent) for reply, taken, sent in replies]
    times = sorted(outcome["seconds"] for outcome in outcomes)
    failed = [outcome for outcome in outcomes if outcome["status"] >= 300 or '"errors"' in outcome["body"]]
    return {
        "seconds": seconds,
        "done": len(outcomes),
        "failed": failed[:3],
        "median_seconds": times[len(times) // 2],
        "slow_seconds": times[len(times) * 99 // 100],
    }


class _Line:
    """One connection that repeats its request."""

    def __init__(self, connection: socket.socket, exchange: Exchange) -> None:
        self.connection = connection
        connection.settimeout(None)  # the selector has looked already, and would look again for the sake of a timeout
        content = Path(exchange["file"]).read_bytes() if exchange["file"] is not None else b""
        self._request = exchange["head"].encode("latin-1") + content + exchange["tail"].encode("latin-1")
        self._reply = _Reply()
        self._began = 0.0

    def send(self) -> None:
        self._reply = _Reply()
        self._began = time.perf_counter()
        self.connection.sendall(self._request)

    def has_reply(self) -> bool:
        return self._reply.feed(self.connection.recv(_PIECE))

    def take(self) -> tuple[_Reply, float, int]:
        """The complete reply, how many seconds it took, and the size of the request."""
        return self._reply, time.perf_counter() - self._began, len(self._request)


def slow(plan: Plan) -> list[Outcome]:
    """The requests at the same time, each at `number` bytes a second: all of them are under way together."""
    outcomes: list[Outcome] = []
    errors: list[BaseException] = []

    def run(exchange: Exchange) -> None:
        try:
            outcomes.append(_slowly(plan["port"], exchange, plan["number"]))
        except BaseException as error:  # noqa: BLE001 - it is raised in the main thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(exchange,)) for exchange in plan["exchanges"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return outcomes


def _slowly(port: int, exchange: Exchange, bytes_per_second: float) -> Outcome:
    began = time.perf_counter()
    sent = 0
    with _connected(port) as connection, Path(exchange["file"] or os.devnull).open("rb") as file:
        connection.sendall(exchange["head"].encode("latin-1"))
        while piece := file.read(_SLOW_PIECE):
            connection.sendall(piece)
            sent += len(piece)
            time.sleep(max(0.0, began + sent / bytes_per_second - time.perf_counter()))
        connection.sendall(exchange["tail"].encode("latin-1"))
        return _read_reply(connection).outcome(time.perf_counter() - began, sent)


def refused(plan: Plan) -> list[Outcome]:
    """The requests one after the other; sending goes on as fast as it can until the reply is there, which ends it."""
    return [_until_refused(plan["port"], exchange) for exchange in plan["exchanges"]]


def _until_refused(port: int, exchange: Exchange) -> Outcome:
    reply = _Reply()
    began = time.perf_counter()
    with _connected(port) as connection, Path(exchange["file"] or os.devnull).open("rb") as file:
        waiting = memoryview(exchange["head"].encode("latin-1") + file.read(_PIECE))
        sent = 0
        connection.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while True:
                [(_, events)] = selector.select(_SECONDS)
                if events & selectors.EVENT_READ and reply.feed(connection.recv(_PIECE)):
                    return reply.outcome(time.perf_counter() - began, sent)
                if events & selectors.EVENT_WRITE:
                    count = connection.send(waiting)
                    sent += count
                    waiting = waiting[count:] or memoryview(file.read(_PIECE))
                    if not waiting:
                        selector.modify(connection, selectors.EVENT_READ)


def download(plan: Plan) -> list[Outcome]:
    """The requests one after the other; instead of the body, its length and its SHA-256."""
    return [_fetched(plan["port"], exchange) for exchange in plan["exchanges"]]


def _fetched(port: int, exchange: Exchange) -> Outcome:
    began = time.perf_counter()
    with _connected(port) as connection:
        connection.sendall(exchange["head"].encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(_PIECE)
        head, _, body = received.partition(b"\r\n\r\n")
        digest, size = hashlib.sha256(body), len(body)
        wanted = int(_header(head, b"content-length") or 0)
        buffer = memoryview(bytearray(_PIECE))
        while size < wanted:
            count = connection.recv_into(buffer)
            if not count:
                raise ConnectionError(f"the server hung up after {size} of {wanted} bytes")
            digest.update(buffer[:count])
            size += count
        seconds = time.perf_counter() - began
    told = json.dumps({"size": size, "sha256": digest.hexdigest()})
    status = int(head.split(b" ", 2)[1])
    return Outcome(seconds=seconds, status=status, headers=head.decode("latin-1"), body=told, sent=0)


_WAYS: dict[str, Callable[[Plan], object]] = {
    "each": each,
    "load": load,
    "slow": slow,
    "refused": refused,
    "download": download,
}


if __name__ == "__main__":
    _plan: Plan = json.load(sys.stdin)
    json.dump(_WAYS[_plan["do"]](_plan), sys.stdout)
