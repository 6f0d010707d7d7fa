"""What was asked of the service and what came of it, as the clients know it."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from uuid import UUID


class Kind(StrEnum):
    """What a client can do."""

    UPLOAD = "upload"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"
    EMPTY = "empty"
    RENAME = "rename"
    READ = "read"


class Outcome(StrEnum):
    """OK: the service said yes. FAILED: it said no, or never heard of it. UNKNOWN: the answer was lost, or says that nobody knows."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(eq=False, slots=True)
class Operation:
    """One of them. `started` and `ended` are seconds on one clock; `code` tells why it was not OK. `size` in bytes."""

    kind: Kind
    owner: UUID
    started: float
    name: str = ""
    file_id: str | None = None
    size: int = 0
    sha256: str = ""
    ended: float = inf
    outcome: Outcome = Outcome.UNKNOWN
    code: str | None = None

    def end(self, outcome: Outcome, code: str | None = None) -> None:
        """It is over, as far as the client can tell."""
        self.ended, self.outcome, self.code = time.monotonic(), outcome, code


@dataclass
class Journal:
    """Operations in the order in which they began, and what clients found wrong with their own eyes."""

    operations: list[Operation] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def begin(self, kind: Kind, owner: UUID, *, file_id: str | None = None, name: str = "") -> Operation:
        """A client sets out."""
        operation = Operation(kind, owner, time.monotonic(), name=name, file_id=file_id)
        self.operations.append(operation)
        return operation

    @property
    def uploads(self) -> list[Operation]:
        """All uploads."""
        return [operation for operation in self.operations if operation.kind is Kind.UPLOAD]

    def by_file(self) -> dict[str, list[Operation]]:
        """What happened to each file that clients know of, its upload first. Emptying a trash happens to all of its owner's."""
        files = {upload.file_id: [upload] for upload in self.uploads if upload.outcome is Outcome.OK and upload.file_id}
        emptied: defaultdict[UUID, list[Operation]] = defaultdict(list)
        for operation in self.operations:
            if operation.kind is Kind.EMPTY:
                emptied[operation.owner].append(operation)
            elif operation.kind is not Kind.UPLOAD and operation.file_id in files:
                files[operation.file_id].append(operation)
        for history in files.values():
            history.extend(emptied[history[0].owner])
        return files

    def tally(self) -> Counter[Outcome]:
        """How many came to what."""
        return Counter(operation.outcome for operation in self.operations)

    def codes(self) -> Counter[str]:
        """Why operations were not OK."""
        return Counter(f"{one.kind} {one.outcome} {one.code}" for one in self.operations if one.outcome != Outcome.OK)

    def save(self, path: Path) -> None:
        """Write it down, a line for each operation."""
        path.write_text("".join(f"{json.dumps(line)}\n" for line in _lines(self.operations)))


def _lines(operations: Iterable[Operation]) -> Iterable[dict[str, object]]:
    for operation in operations:
        yield {**asdict(operation), "owner": str(operation.owner), "ended": min(operation.ended, 1e12)}
