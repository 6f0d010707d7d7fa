"""One client of the service: it asks, and writes down what came of it."""

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.driver.journal import Journal, Kind, Operation, Outcome
from tests.fixtures.site import Person
from tests.fixtures.wire import Reply, connected, framing, upload

# Answers that say that nothing was changed. Any other error may have come after a commit.
_REFUSALS = {
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "BAD_USER_INPUT",
    "CONFLICT",
    "QUOTA_EXCEEDED",
    "FILE_TOO_LARGE",
    "CHECKSUM_MISMATCH",
    "STORAGE_UNAVAILABLE",
    "RATE_LIMITED",
}
_PATIENCE_SECONDS = 45.0
_ATTEMPTS = 3  # with one idempotency key

_MUTATIONS = {
    Kind.DELETE: "mutation ($id: ID!) { deleteFile(input: {id: $id}) { file { id } } }",
    Kind.RESTORE: "mutation ($id: ID!) { restoreFile(input: {id: $id}) { file { id } } }",
    Kind.PURGE: "mutation ($id: ID!) { purgeFile(input: {id: $id}) { fileId } }",
    Kind.RENAME: "mutation ($id: ID!, $name: String!) { renameFile(input: {id: $id, name: $name}) { file { id } } }",
    Kind.EMPTY: "mutation { emptyTrash { filesPurged } }",
}
_READ = "query ($id: ID!) { file(id: $id) { sha256 sizeBytes signedUrl { url } } }"
_RUN_JOB = "mutation ($job: JobName!) { runJob(input: {job: $job}) { jobRun { id uuid } } }"

# Bytes to take files from: making new ones for each would be most of a client's work. They begin like no executable.
_BLOB = b"satchel" + random.Random(8).randbytes(12 * 1024 * 1024)


def content_of(size: int, chance: random.Random) -> bytes:
    """That many bytes, and others than before."""
    mark = b"%016x" % chance.getrandbits(64)
    return (mark + _BLOB)[:size]


@dataclass
class Client:
    """Speaks to the service as one person after the other. A context; it keeps connections as browsers do."""

    journal: Journal
    http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=_PATIENCE_SECONDS, verify=False)  # noqa: S501 - loopback, without TLS
    )

    async def upload(
        self, person: Person, content: bytes, *base_urls: str, key: str | None = None, told: bool = True
    ) -> Operation:
        """A whole file. With an idempotency key it is sent again when the answer was lost, to the next server."""
        operation = self._about_to_upload(person, content)
        fields = {"idempotencyKey": key} if key else {}
        for attempt in range(_ATTEMPTS if key else 1):
            base_url = base_urls[attempt % len(base_urls)]
            outcome, code, reply = await self._send(base_url, person, content, operation.name, told=told, fields=fields)
            if reply is not None and outcome is Outcome.OK:
                operation.file_id = reply.body["data"]["uploadFile"]["file"]["id"]
            # What a repetition is refused for does not say what became of the first attempt.
            unsure = operation.outcome is Outcome.UNKNOWN and operation.code is not None
            operation.end(Outcome.UNKNOWN if unsure and outcome is Outcome.FAILED else outcome, code)
            if outcome is not Outcome.UNKNOWN:
                break
            await asyncio.sleep(0.3)
        return operation

    async def abort(self, base_url: str, person: Person, content: bytes, at: float) -> Operation:
        """A file whose sender is gone after this part of the whole request; 1 is all but its last byte."""
        operation = self._about_to_upload(person, content)
        before, after = framing(operation.name)
        body = before + content + after
        cut = min(int(len(body) * at), len(body) - 1)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), connected(base_url) as connection:
                await connection.head(person.token, length=len(body))
                await connection.send(body[:cut])
                await asyncio.sleep(0.05)
                connection.hang_up()
        except (OSError, TimeoutError):
            pass  # gone is gone
        complete = cut >= len(before) + len(content)
        operation.end(Outcome.UNKNOWN if complete else Outcome.FAILED, "ABORTED")
        return operation

    async def change(self, base_url: str, person: Person, kind: Kind, file_id: str | None = None) -> Operation:
        """Delete, restore, purge, rename or empty the trash."""
        operation = self.journal.begin(kind, person.user.id, file_id=file_id)
        variables = {} if file_id is None else {"id": file_id}
        if kind is Kind.RENAME:
            variables["name"] = f"renamed-{len(self.journal.operations)}.bin"
        outcome, code, _ = await self.ask(base_url, person, _MUTATIONS[kind], variables)
        operation.end(outcome, code)
        return operation

    async def read(self, base_url: str, person: Person, upload: Operation) -> Operation:
        """Ask for a file that was acknowledged, and fetch its bytes. Bytes that are others than those sent are a finding."""
        operation = self.journal.begin(Kind.READ, person.user.id, file_id=upload.file_id)
        outcome, code, data = await self.ask(base_url, person, _READ, {"id": upload.file_id})
        signed = data["file"]["signedUrl"] if data and data.get("file") else None
        if outcome is not Outcome.OK or signed is None:
            operation.end(Outcome.FAILED, code or "NO_URL")
            return operation
        operation.end(Outcome.OK)  # by now it has been said that the file is there; its bytes may be purged meanwhile
        if data["file"]["sha256"] != upload.sha256:
            self.journal.findings.append(f"{upload.name} ({upload.file_id}) is shown with another hash")
        try:
            reply = await self.http.get(signed["url"])
        except httpx.HTTPError:
            return operation
        if reply.status_code == 200 and hashlib.sha256(reply.content).hexdigest() != upload.sha256:
            self.journal.findings.append(f"{upload.name} ({upload.file_id}) is read as other bytes than were sent")
        return operation

    async def run_job(self, base_url: str, admin: Person, job: str) -> str | None:
        """Ask for a run; its id, or None when that failed."""
        _, _, data = await self.ask(base_url, admin, _RUN_JOB, {"job": job})
        return data["runJob"]["jobRun"]["uuid"] if data and data.get("runJob") else None

    async def ask(
        self, base_url: str, person: Person, query: str, variables: dict[str, Any]
    ) -> tuple[Outcome, str | None, Any]:
        """An operation: what came of it, the code of its error, and its data."""
        try:
            reply = await self.http.post(
                f"{base_url}/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {person.token}"},
            )
            body = reply.json()
        except httpx.ConnectError:
            return Outcome.FAILED, "REFUSED", None
        except (httpx.HTTPError, ValueError) as error:
            return Outcome.UNKNOWN, type(error).__name__, None
        outcome, code = _judged(Reply(reply.status_code, body))
        return outcome, code, body.get("data")

    def _about_to_upload(self, person: Person, content: bytes) -> Operation:
        name = f"file-{len(self.journal.operations)}.bin"
        operation = self.journal.begin(Kind.UPLOAD, person.user.id, name=name)
        operation.size, operation.sha256 = len(content), hashlib.sha256(content).hexdigest()
        return operation

    async def _send(
        self, base_url: str, person: Person, content: bytes, name: str, *, told: bool, fields: dict[str, str]
    ) -> tuple[Outcome, str | None, Reply | None]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                reply = await upload(base_url, person.token, content, told=told, name=name, **fields)
        except ConnectionRefusedError:
            return Outcome.FAILED, "REFUSED", None
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            return Outcome.UNKNOWN, type(error).__name__, None
        return *_judged(reply), reply


def _judged(reply: Reply) -> tuple[Outcome, str | None]:
    if reply.code is None:
        return (Outcome.OK, None) if reply.status == 200 else (Outcome.UNKNOWN, f"HTTP_{reply.status}")
    return (Outcome.FAILED if reply.code in _REFUSALS else Outcome.UNKNOWN), reply.code
