"""`quota_reconciliation`: every user's ledger is compared with the sum over their files, and put right (R33-R39). Bytes.

Users are taken in chunks. In each, one statement locks the ledger rows, in order, and the next one sums: whoever changes what
a user holds changes the ledger row too, so under its lock the files say what it has to say. In one statement both would be
read as they were before it waited for the lock, and an upload that committed meanwhile would be lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from app.db import Database
from app.db.sql import uuid_of
from app.events import Events, UsageChanged
from app.models import Alert, AlertSeverity, JobName, JobRun
from app.services.alerts import MAX_ITEMS, AlertKind, Alerts
from app.services.job_runs import JobRuns, Shift, add
from app.services.ledger import Balance, Ledger

NOTHING: Mapping[str, int] = {"usersChecked": 0, "usersUpdated": 0, "discrepancies": 0}

CHUNK = 25_000  # users: their uploads may wait for a few tenths of a second
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)

_CREATE = """
INSERT INTO user_storage (user_id, used_bytes, trash_bytes)
SELECT id, 0, 0 FROM users WHERE id > $1 AND id <= $2
    AND NOT EXISTS (SELECT 1 FROM user_storage WHERE user_storage.user_id = users.id)
ORDER BY id
ON CONFLICT (user_id) DO NOTHING
"""

# SQLite's units hold the lock of the whole database.
_LOCK = """
SELECT COUNT(*) AS locked FROM (
    SELECT user_id FROM user_storage WHERE user_id > $1 AND user_id <= $2 ORDER BY user_id FOR UPDATE
) AS locked
"""

# A statement sees one state of the database, in which ledger and files agree or do not: it is right without locks too.
_COMPARE = """
WITH sums AS (
    SELECT owner_id, CAST(SUM(charged_bytes) AS BIGINT) AS used,
        CAST(SUM(CASE WHEN status = 'SOFT_DELETED' THEN size_bytes ELSE 0 END) AS BIGINT) AS trash
    FROM files WHERE owner_id > $1 AND owner_id <= $2 GROUP BY owner_id
), balances AS (
    SELECT users.id, COALESCE(user_storage.used_bytes, 0) AS actual_used, COALESCE(user_storage.trash_bytes, 0) AS actual_trash,
        COALESCE(sums.used, 0) AS expected_used, COALESCE(sums.trash, 0) AS expected_trash
    FROM users LEFT JOIN user_storage ON user_storage.user_id = users.id LEFT JOIN sums ON sums.owner_id = users.id
    WHERE users.id > $1 AND users.id <= $2
)
SELECT * FROM balances WHERE actual_used <> expected_used OR actual_trash <> expected_trash ORDER BY id
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A user whose ledger (`actual`) is not what the files say (`expected`)."""

    user_id: UUID
    expected: Balance
    actual: Balance

    @property
    def diff(self) -> int:
        """How far use is off."""
        return abs(self.expected.used_bytes - self.actual.used_bytes)

    @property
    def size(self) -> int:
        """How far either counter is off at most."""
        return max(self.diff, abs(self.expected.trash_bytes - self.actual.trash_bytes))

    def facts(self) -> dict[str, Any]:
        """For logs and alerts; the trash only when it is off."""
        facts = {
            "user_id": str(self.user_id),
            "expected": self.expected.used_bytes,
            "actual": self.actual.used_bytes,
            "diff": self.diff,
        }
        if self.expected.trash_bytes != self.actual.trash_bytes:
            facts |= {"expected_trash": self.expected.trash_bytes, "actual_trash": self.actual.trash_bytes}
        return facts


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Users from after one id up to another, and how many."""

    after: UUID
    until: UUID
    users: int


class Reconciliation:
    """The job. Any number of workers may be at it: they take turns, for each chunk holds the run's row."""

    name = JobName.QUOTA_RECONCILIATION
    nothing = NOTHING

    def __init__(
        self,
        database: Database,
        runs: JobRuns,
        ledger: Ledger,
        alerts: Alerts,
        *,
        alert_bytes: int,
        events: Events,
        chunk: int = CHUNK,
    ) -> None:
        self._database = database
        self._runs = runs
        self._ledger = ledger
        self._alerts = alerts
        self._alert_bytes = alert_bytes
        self._events = events
        self._chunk = chunk

    async def begin(self, run: JobRun) -> int:
        """Inside the unit that begins the run: how many users there are."""
        return int((await self._database.fetch("SELECT COUNT(*) AS users FROM users"))[0]["users"])

    async def work(self, shift: Shift) -> None:
        """Chunk by chunk to the end. A chunk is one transaction: killed within it, it has not happened."""

        async def unit() -> bool:
            run = await self._runs.held(shift)
            return run is not None and await self._reconcile(run)

        while await self._database.transaction(unit):
            pass

    async def rehearse(self, started_at: datetime) -> tuple[int, Mapping[str, Any]]:
        """How many users would be checked, and the summary of that. Nothing is locked."""
        users = found = 0
        after = _FIRST
        while after != _LAST:
            chunk = await self._next(after)
            found += len(await self._compare(chunk))
            users, after = users + chunk.users, chunk.until
        return users, {"usersChecked": users, "usersUpdated": found, "discrepancies": found}

    async def release(self, shift: Shift) -> None:
        """Nothing is held between two chunks."""

    async def renew(self, shift: Shift) -> None:
        """As release."""

    async def _reconcile(self, run: JobRun) -> bool:
        """One chunk; False after the last one."""
        chunk = await self._next(UUID(run.cursor) if run.cursor else _FIRST)
        await self._database.execute(_CREATE, chunk.after, chunk.until)
        if self._database.dialect == "postgres":
            await self._database.fetch(_LOCK, chunk.after, chunk.until)
        found = await self._compare(chunk)
        await self._ledger.set_many({each.user_id: each.expected for each in found})
        await self._report(run, found)
        add(run, chunk.users, usersChecked=chunk.users, usersUpdated=len(found), discrepancies=len(found))
        if chunk.until == _LAST:
            await self._runs.succeed(run)
            return False
        run.cursor = str(chunk.until)
        await run.save(update_fields=["cursor", "processed", "summary"])
        self._runs.moved(run)
        return True

    async def _next(self, after: UUID) -> _Chunk:
        last = await self._database.fetch(
            f"SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET {self._chunk - 1}",  # noqa: S608 - a number of our own
            after,
        )
        if last:
            return _Chunk(after, uuid_of(last[0]["id"]), self._chunk)
        rest = await self._database.fetch("SELECT COUNT(*) AS users FROM users WHERE id > $1", after)
        return _Chunk(after, _LAST, rest[0]["users"])

    async def _compare(self, chunk: _Chunk) -> list[Discrepancy]:
        return [
            Discrepancy(
                uuid_of(row["id"]),
                expected=Balance(row["expected_used"], row["expected_trash"]),
                actual=Balance(row["actual_used"], row["actual_trash"]),
            )
            for row in await self._database.fetch(_COMPARE, chunk.after, chunk.until)
        ]

    async def _report(self, run: JobRun, found: list[Discrepancy]) -> None:
        """Each discrepancy is a line of the log, once its correction is committed; the large ones are an alert (R37, R38)."""

        def tell() -> None:
            for each in found:
                _log.error("quota.discrepancy", run_id=str(run.id), **each.facts())
            self._events.emit(UsageChanged(user_ids=[each.user_id for each in found]))

        if found:
            self._database.after_commit(tell)
        large = [each for each in found if each.size > self._alert_bytes]
        if not large:
            return
        # Chunks before this one may have raised it already.
        raised = await Alert.get_or_none(job_run_id=run.id, kind=AlertKind.QUOTA_DISCREPANCY)
        before: Mapping[str, Any] = raised.details if raised else {"users": [], "discrepancies": 0, "largestBytes": 0}
        count = before["discrepancies"] + len(large)
        details = {
            "discrepancies": count,
            "largestBytes": max(before["largestBytes"], *(each.size for each in large)),
            "thresholdBytes": self._alert_bytes,
            "users": [*before["users"], *(each.facts() for each in large)][:MAX_ITEMS],
        }
        message = f"The recorded use of {count} users was off by more than {self._alert_bytes} bytes. It was put right."
        await self._alerts.raise_in_unit(AlertKind.QUOTA_DISCREPANCY, AlertSeverity.WARNING, message, details, run.id)
