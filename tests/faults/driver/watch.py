"""Eyes on the database: triggers that note how every file's state changes, and a sampler that looks 50 times a second."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

SAMPLES_PER_SECOND = 50
_LEDGER_EVERY = 10  # samples
_AGAIN_SECONDS = 0.2
# The last is what asyncpg comes to when a server dies in the middle of an answer.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# Written in the transaction of the change, so that what is noted is what was committed.
NOTES = """
CREATE TABLE faults_notes (
    number BIGSERIAL PRIMARY KEY, file_id UUID NOT NULL, owner_id UUID NOT NULL, name TEXT NOT NULL, was TEXT, became TEXT,
    deleted_at TIMESTAMPTZ, run_id UUID, size_bytes BIGINT
);
CREATE FUNCTION faults_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO faults_notes (file_id, owner_id, name, became) VALUES (NEW.id, NEW.owner_id, NEW.name, NEW.status);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO faults_notes (file_id, owner_id, name, was, became, deleted_at, run_id, size_bytes)
        VALUES (NEW.id, NEW.owner_id, NEW.name, OLD.status, NEW.status, OLD.deleted_at, NEW.claim_run_id, NEW.size_bytes);
    ELSE
        INSERT INTO faults_notes (file_id, owner_id, name, was, deleted_at, run_id, size_bytes)
        VALUES (OLD.id, OLD.owner_id, OLD.name, OLD.status, OLD.deleted_at, OLD.claim_run_id, OLD.size_bytes);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER faults_made AFTER INSERT OR DELETE ON files FOR EACH ROW EXECUTE FUNCTION faults_note();
CREATE TRIGGER faults_moved AFTER UPDATE ON files FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION faults_note();
"""

_OVER_QUOTA = """
SELECT ledger.user_id, ledger.used_bytes, limits.storage_quota_bytes AS quota
FROM user_storage ledger JOIN user_limits limits ON limits.user_id = ledger.user_id
WHERE ledger.used_bytes > limits.storage_quota_bytes
"""

UNTRUE_LEDGER = """
SELECT COALESCE(ledger.user_id, sums.owner_id) AS user_id, COALESCE(ledger.used_bytes, 0) AS used,
    COALESCE(ledger.trash_bytes, 0) AS trash, COALESCE(sums.charged, 0) AS charged, COALESCE(sums.deleted, 0) AS deleted
FROM user_storage ledger FULL JOIN (
    SELECT owner_id, SUM(charged_bytes) AS charged, SUM(size_bytes) FILTER (WHERE status = 'SOFT_DELETED') AS deleted
    FROM files GROUP BY owner_id
) sums ON sums.owner_id = ledger.user_id
WHERE COALESCE(ledger.used_bytes, 0) <> COALESCE(sums.charged, 0)
    OR COALESCE(ledger.trash_bytes, 0) <> COALESCE(sums.deleted, 0)
"""

_RUNS_AT_ONCE = "SELECT job, COUNT(*) AS runs FROM job_runs WHERE status = 'RUNNING' AND NOT dry_run GROUP BY job HAVING COUNT(*) > 1"


@dataclass
class Sampler:
    """What it saw: how often it looked, and what must not be seen at any instant."""

    url: str
    samples: int = 0
    seen: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """For as long as the body takes. A database that is away is asked for again and again."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self.url)
            except _AWAY:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            try:
                while True:
                    await self._look(connection)
                    await asyncio.sleep(1 / SAMPLES_PER_SECOND)
            except _AWAY:
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                connection.terminate()

    async def _look(self, connection: Any) -> None:
        self.samples += 1
        for row in await connection.fetch(_OVER_QUOTA):
            self.seen.add(f"user {row['user_id']} had {row['used_bytes']} bytes of a quota of {row['quota']}")
        if self.samples % _LEDGER_EVERY == 0:
            for row in await connection.fetch(UNTRUE_LEDGER):
                self.seen.add(f"the ledger was not true at some instant: {dict(row)}")
            for row in await connection.fetch(_RUNS_AT_ONCE):
                self.seen.add(f"{row['runs']} runs of {row['job']} went on at once")
