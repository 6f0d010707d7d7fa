"""What is found when everything has settled: rows, notes, runs, objects, and what the processes hold."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from tests.faults.driver.journal import Journal
from tests.faults.driver.watch import UNTRUE_LEDGER, Sampler
from tests.faults.driver.world import World
from tests.fixtures.site import LocalStore, S3Store

Row = Mapping[str, Any]

_LOOKS, _LOOK_SECONDS = 10, 0.3  # at transactions, until those that come and go have gone


@dataclass(frozen=True)
class Object:
    """What the store holds under a key; bytes."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Traces:
    """What a process that lives holds when nothing is asked of it."""

    name: str
    descriptors: int
    files: Sequence[str]


@dataclass(frozen=True)
class Evidence:
    """Everything that the invariants are judged by."""

    journal: Journal
    sampler: Sampler
    files: Mapping[UUID, Row]
    notes: Sequence[Row]
    runs: Mapping[UUID, Row]
    untrue: Sequence[Row]
    objects: Mapping[str, Object]
    processes: Sequence[Traces]
    connections: Sequence[Row]
    temporary: Sequence[str]
    missing: Sequence[str]  # processes that ought to run, and do not
    swept: bool  # whether retention jobs may have taken files from the trash
    furthest_seconds: float  # that the processes' clocks were ever ahead


async def gather(world: World, journal: Journal, sampler: Sampler, *, swept: bool) -> Evidence:
    """Look at everything."""
    files = await world.fetch(
        "SELECT id, owner_id, name, status, size_bytes, charged_bytes, sha256, storage_key FROM files"
    )
    runs = await world.fetch("SELECT * FROM job_runs")
    return Evidence(
        journal=journal,
        sampler=sampler,
        files={row["id"]: row for row in files},
        notes=await world.fetch("SELECT *, clock_timestamp() AS looked_at FROM faults_notes ORDER BY number"),
        runs={row["id"]: {**row, "summary": json.loads(row["summary"] or "{}")} for row in runs},
        untrue=await world.fetch(UNTRUE_LEDGER),
        objects=await asyncio.to_thread(_objects, world),
        processes=await asyncio.to_thread(_traces, world),
        connections=await _busy_connections(world),
        temporary=[str(path.relative_to(world.temporary)) for path in world.temporary.rglob("*") if path.is_file()],
        missing=[member.kind for member in world.fleet.members if member.pid is None],
        swept=swept,
        furthest_seconds=world.furthest_seconds,
    )


async def _busy_connections(world: World) -> Sequence[Row]:
    """The transactions that stay open. Every process looks for work now and then, which is over at the next look."""
    lasting: dict[tuple[Any, ...], Row] | None = None
    for _ in range(_LOOKS):
        rows = await world.fetch(
            "SELECT pid, state, xact_start FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"
        )
        seen = {(row["pid"], row["xact_start"]): row for row in rows}
        lasting = seen if lasting is None else {key: row for key, row in lasting.items() if key in seen}
        if not lasting:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return list((lasting or {}).values())


def _objects(world: World) -> dict[str, Object]:
    """As the store tells them, unfinished ones included; their bytes are read where the store keeps them."""
    store = world.store
    if isinstance(store, LocalStore):
        root = store.root
    else:
        assert isinstance(store, S3Store)
        assert store.server.files is not None
        root = store.server.files / store.bucket
    return {key: Object(size, _hash(root / key)) for key, size in store.objects().items()}


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # an unfinished upload is no file
        return ""


def _traces(world: World) -> list[Traces]:
    found = []
    for member in world.fleet.members:
        if (pid := member.pid) is not None:
            process = psutil.Process(pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                files = [file.path for file in process.open_files() if not _is_kept_open(file.path)]
                found.append(Traces(f"{member.kind} {pid}", process.num_fds(), files))
    return found


def _is_kept_open(path: str) -> bool:
    """A log, or the clock that libuuid keeps open for good on machines that have it (the locks of redis-py draw UUIDs of version 1)."""
    return path.endswith(".log") or path == "/var/lib/libuuid/clock.txt"
