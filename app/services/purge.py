"""Getting rid of files for good: the row is claimed as PURGING, then the bytes go, then the row (design.md, rules 1 and 5).

Files are claimed in batches, each under a token of its own. Only who still has the token deletes rows, so whatever was taken
over meanwhile is deleted, released and counted once. Bytes may be deleted twice: that does no harm.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog

from app.db import Database
from app.db.sql import uuid_of
from app.models import File, FileStatus
from app.services.ledger import Balance, Ledger
from app.storage.errors import StorageError
from app.storage.storage import Storage

_CLAIM_SECONDS = 300  # how long a batch that a person purges is left alone before a sweeper may take it

# Twice as long after every failure, from one minute up to one day.
_DELAY = "(CASE WHEN purge_attempts >= 11 THEN 86400 ELSE 60 * (1 << purge_attempts) END)"

# PURGING rows that are due and that the run `$1` may take: not those that it has put off itself, and what another run that goes
# on has claimed or put off is that run's. `{now}` is on the database's clock.
DUE = """
status = 'PURGING' AND purge_next_attempt_at <= {now} AND (claim_run_id IS NULL OR CASE
    WHEN claim_run_id = $1 THEN claim_token IS NOT NULL
    ELSE NOT EXISTS (SELECT 1 FROM job_runs WHERE job_runs.id = files.claim_run_id AND job_runs.status = 'RUNNING')
END)
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Doomed:
    """What has to be known of a file to be rid of it; bytes."""

    id: UUID
    owner_id: UUID
    location_id: str
    storage_key: str
    size_bytes: int
    charged_bytes: int
    group_id: UUID | None
    name: str

    COLUMNS = "id, owner_id, location_id, storage_key, size_bytes, charged_bytes, group_id, name"

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Doomed":
        """From a raw row."""
        return cls(
            uuid_of(row["id"]),
            uuid_of(row["owner_id"]),
            row["location_id"],
            row["storage_key"],
            row["size_bytes"],
            row["charged_bytes"],
            uuid_of(row["group_id"]) if row["group_id"] else None,
            row["name"],
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed files, and the token that they are claimed with."""

    token: UUID
    files: Sequence[Doomed]

    @property
    def ids(self) -> list[UUID]:
        """Of all files."""
        return [file.id for file in self.files]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch: the files whose rows went, their bytes, and how many files were put off. `relieved` are the owners
    of files that held something until their rows went.
    """

    files: int
    size_bytes: int
    failed: int
    relieved: Sequence[UUID]


class Purge:
    """Claims rows, deletes their bytes and then the rows; used by people's purges and by the sweepers alike."""

    def __init__(self, database: Database, storage: Storage, ledger: Ledger, *, batch_files: int) -> None:
        self._database = database
        self._storage = storage
        self._ledger = ledger
        self.batch_files = batch_files  # files in a batch at most

    # ---------------------------------------------------------------- people's purges

    async def claim(self, owner_id: UUID, files: Sequence[File]) -> Batch:
        """Inside a unit that has locked these SOFT_DELETED files of one owner: make them PURGING and give back what
        they hold. The rows stay ours for a while, so that no sweeper works on them beside us.
        """
        batch = Batch(uuid4(), [Doomed.of(_row(file)) for file in files])
        await self._database.execute(
            "UPDATE files SET status = 'PURGING', charged_bytes = 0, idempotency_key = NULL, claim_token = $1,"  # noqa: S608 - SQL of our own making
            f" purge_next_attempt_at = {self._database.now_plus('$2')}"
            f" WHERE status = 'SOFT_DELETED' AND id {self._database.among('$3')}",
            batch.token,
            _CLAIM_SECONDS,
            batch.ids,
        )
        await self._ledger.move(
            owner_id,
            used=-sum(file.charged_bytes for file in files),
            trash=-sum(file.size_bytes for file in files),
        )
        return batch

    async def claim_trash(self, owner_id: UUID) -> tuple[list[File], Batch] | None:
        """Claim up to a batch of one owner's trash; None when it is empty."""

        async def unit() -> tuple[list[File], Batch] | None:
            files = (
                await File.filter(owner_id=owner_id, status=FileStatus.SOFT_DELETED)
                .order_by("id")
                .limit(self.batch_files)
                .select_for_update()
            )
            return (files, await self.claim(owner_id, files)) if files else None

        return await self._database.transaction(unit)

    async def finish(self, batch: Batch) -> None:
        """Delete the bytes of a claimed batch, then its rows. What cannot be deleted now is put off: a sweep gets to it."""
        failures = await self.delete_bytes(batch)

        async def unit() -> None:
            await self.settle(batch, failures)

        await self._database.transaction(unit)

    # ---------------------------------------------------------------- batches of runs

    async def take_due(self, run_id: UUID, token: UUID, *, seconds: int) -> list[Doomed]:
        """Inside a unit: claim up to a batch of PURGING rows that are due, for a run and for so many seconds."""
        due = DUE.format(now=self._database.now_plus("$2"))
        rows = await self._database.fetch(
            f"SELECT {Doomed.COLUMNS} FROM files WHERE {due}"  # noqa: S608 - SQL of our own making
            f" ORDER BY purge_next_attempt_at LIMIT {self.batch_files} {self._database.skip_locked}",
            run_id,
            0,
        )
        files = [Doomed.of(row) for row in rows]
        if files:
            await self.claim_for(run_id, Batch(token, files), seconds=seconds)
        return files

    async def claim_for(
        self, run_id: UUID, batch: Batch, *, seconds: int, change: str = "", values: Sequence[Any] = ()
    ) -> None:
        """Inside a unit that has locked the batch's rows: claim them for a run and for so many seconds. Their idempotency keys
        can be used anew.

        `change` is what else is to be set, with placeholders for `values` from `$5` on; ends in a comma.
        """
        await self._database.execute(
            f"UPDATE files SET {change} status = 'PURGING', idempotency_key = NULL, claim_token = $1,"  # noqa: S608 - SQL of our own making
            f" claim_run_id = $2, purge_next_attempt_at = {self._database.now_plus('$3')} WHERE id {self._database.among('$4')}",
            batch.token,
            run_id,
            seconds,
            batch.ids,
            *values,
        )

    async def renew(self, batch: Batch, *, seconds: int) -> None:
        """Keep a claimed batch for so many seconds from now; with 0, let others have it at once."""
        await self._database.execute(
            f"UPDATE files SET purge_next_attempt_at = {self._database.now_plus('$1')}"  # noqa: S608 - SQL of our own making
            f" WHERE status = 'PURGING' AND claim_token = $2 AND id {self._database.among('$3')}",
            seconds,
            batch.token,
            batch.ids,
        )

    async def delete_bytes(self, batch: Batch) -> dict[UUID, StorageError]:
        """Delete the bytes of all files, each in its location; the failures by file. Raises nothing for a store."""
        by_location: defaultdict[str, dict[str, UUID]] = defaultdict(dict)
        for file in batch.files:
            by_location[file.location_id][file.storage_key] = file.id
        failures: dict[UUID, StorageError] = {}
        for location, keys in by_location.items():
            try:
                failed = await self._storage.delete_many(location, list(keys))
            except StorageError as error:  # the location is not ready: all of its files wait
                failed = dict.fromkeys(keys, error)
            failures |= {keys[key]: error for key, error in failed.items()}
        return failures

    async def settle(self, batch: Batch, failures: Mapping[UUID, StorageError]) -> Settled:
        """Inside a unit: delete the rows of a batch whose bytes are gone, give back what they still hold, and put the others
        off. What was taken over meanwhile is neither.
        """
        rows = await self._database.fetch(
            f"DELETE FROM files WHERE status = 'PURGING' AND claim_token = $1 AND id {self._database.among('$2')}"  # noqa: S608 - SQL of our own making
            " RETURNING owner_id, size_bytes, charged_bytes",
            batch.token,
            [file_id for file_id in batch.ids if file_id not in failures],
        )
        held = totals((uuid_of(row["owner_id"]), row["charged_bytes"]) for row in rows)
        await self._ledger.move_many({owner_id: Balance(-amount, 0) for owner_id, amount in held.items()})
        kinds: defaultdict[str, list[UUID]] = defaultdict(list)
        for file_id, error in failures.items():
            kinds[type(error).__name__].append(file_id)
        put_off = [await self._put_off(batch.token, kind, kinds[kind]) for kind in sorted(kinds)]
        return Settled(
            files=len(rows),
            size_bytes=sum(row["size_bytes"] for row in rows),
            failed=sum(put_off),
            relieved=[owner_id for owner_id, amount in held.items() if amount],
        )

    async def _put_off(self, token: UUID, error: str, ids: list[UUID]) -> int:
        count = await self._database.execute(
            "UPDATE files SET purge_attempts = purge_attempts + 1, purge_last_error = $1, claim_token = NULL,"  # noqa: S608 - SQL of our own making
            f" purge_next_attempt_at = {self._database.now_plus(_DELAY)}"
            f" WHERE status = 'PURGING' AND claim_token = $2 AND id {self._database.among('$3')}",
            error,
            token,
            ids,
        )
        self._database.after_commit(lambda: _log.warning("purge.postponed", files=count, error=error))
        return count


def totals(amounts: Iterable[tuple[UUID, int]]) -> dict[UUID, int]:
    """The sum of each user's amounts."""
    sums: defaultdict[UUID, int] = defaultdict(int)
    for user_id, amount in amounts:
        sums[user_id] += amount
    return dict(sums)


def _row(file: File) -> dict[str, Any]:
    return {name.strip(): getattr(file, name.strip()) for name in Doomed.COLUMNS.split(",")}
