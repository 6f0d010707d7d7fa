"""One server for all hostile cases, and a look at everything that it keeps."""

import asyncio
import contextlib
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.server import ROOT, inherited_environment
from tests.fixtures.servers.ports import free_port
from tests.fixtures.servers.process import Command, ServerProcess
from tests.fixtures.wire import upload
from tests.hostile.cases import ADMIN, FILE, SIGNED, STUDENT, Case
from tests.measuring import app_command

_TOKEN = re.compile(r'(\S+@demo\.example)\n\{"Authorization": "Bearer (\S+)"\}')
_START_SECONDS = 60.0
# Jobs come and go by themselves, and so do the traces of uploads that failed until the sweeper takes them.
_RESTLESS = {"job_runs", "job_workers", "alerts", "alert_deliveries", "files", "sqlite_sequence"}
_SETTLED = "SELECT id, name, status, size_bytes, charged_bytes, storage_key FROM files WHERE status IN ('ACTIVE', 'SOFT_DELETED')"


@dataclass(frozen=True)
class Answer:
    """A response, or what came in the place of one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Target:
    """The server, and what stands for the placeholders of the cases."""

    process: ServerProcess
    port: int
    folder: Path
    known: dict[str, str]

    def send(self, case: Case) -> Answer:
        """Send a case as it is."""
        return self.exchange(case.raw if case.raw is not None else self._request(case))

    def exchange(self, request: bytes) -> Answer:
        """Send bytes and read the answer to its end."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            with contextlib.suppress(ConnectionError):  # refused before all of it was read
                connection.sendall(request)
            head, _, body = self._until(connection, b"", lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            received = self._until(connection, body, lambda data: len(data) >= length)
        return Answer(int(lines[0].split()[1]), headers, received[:length])

    @staticmethod
    def _until(connection: socket.socket, received: bytes, enough: Any) -> bytes:
        while not enough(received):
            data = connection.recv(65_536)
            if not data:
                break
            received += data
        return received

    def fill(self, text: str) -> str:
        """A case's text with what the placeholders stand for."""
        for name, value in self.known.items():
            text = text.replace(name, value)
        return text

    def _request(self, case: Case) -> bytes:
        headers = {"Host": f"127.0.0.1:{self.port}", "Connection": "close", **case.headers}
        body = self.fill(case.body.decode("latin-1")).encode("latin-1")
        if body or case.method in {"POST", "PUT", "PATCH"}:
            headers.setdefault("Content-Length", str(len(body)))
        lines = [
            f"{case.method} {case.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items() if value),
        ]
        return self.fill("\r\n".join([*lines, "", ""])).encode("latin-1") + body

    def is_alive(self) -> bool:
        """Whether the server still answers."""
        return self.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200

    def database(self) -> "contextlib.closing[sqlite3.Connection]":
        """The server's database, to be read."""
        return contextlib.closing(sqlite3.connect(f"file:{self.folder}/satchel.sqlite3?mode=ro", uri=True))

    def kept(self) -> dict[str, Any]:
        """Everything the server keeps: rows, ledger and stored bytes."""
        with self.database() as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            rows = {
                table: database.execute(f"SELECT * FROM {table}").fetchall() for table in sorted(tables - _RESTLESS)
            }
            rows["files"] = database.execute(_SETTLED).fetchall()
        stored = [path for path in self.folder.joinpath("files").rglob("*") if path.is_file()]
        return rows | {"stored": sorted(str(path) for path in stored)}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with demo people; the student has a file."""
    folder, port = tmp_path_factory.mktemp("hostile"), free_port()
    command = Command(
        serve=app_command("serve", "--demo"),
        folder=ROOT,
        log=folder / "server.log",
        environment=inherited_environment()
        | {"PORT": str(port), "DATA_DIR": str(folder), "RATE_LIMITS": "false", "PYTHONUNBUFFERED": "1"}
        | {"REQUEST_IDLE_SECONDS": "2"},
    )
    process = ServerProcess("python -m app serve --demo", command)
    try:
        process.wait_until(lambda: "server.started" in process.log(), _START_SECONDS)
        tokens = dict(_TOKEN.findall(re.sub(r"\n +", "\n", process.log())))
        student, admin = tokens["student@demo.example"], tokens["admin@demo.example"]
        url = f"http://127.0.0.1:{port}"
        stored = asyncio.run(upload(url, student, b"homework", name="homework.txt"))
        file = stored.body["data"]["uploadFile"]["file"]["id"]
        answer = httpx.post(
            f"{url}/graphql",
            json={"query": f'{{ file(id: "{file}") {{ signedUrl {{ url }} }} }}'},
            headers={"Authorization": f"Bearer {student}"},
            timeout=60,
        )
        signed = answer.json()["data"]["file"]["signedUrl"]["url"].removeprefix(url)
        yield Target(process, port, folder, {STUDENT: student, ADMIN: admin, FILE: file, SIGNED: signed})
    finally:
        process.stop()
