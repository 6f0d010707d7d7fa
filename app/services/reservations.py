"""The life of an upload's row, from the reservation to its end: each step one short transaction (design.md, rules 1, 2, 5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from app.clock import Clock
from app.db import Database
from app.errors import Conflict
from app.models import EntityType, File, FileStatus
from app.services.ledger import Ledger, Request
from app.services.limits import EffectiveLimits
from app.services.names import fold_name
from app.services.sniffing import UNKNOWN

_INSERT = """
INSERT INTO files (id, owner_id, group_id, name, name_folded, mime_type, size_bytes, charged_bytes, status, location_id,
    storage_key, entity_type, entity_id, idempotency_key, created_at, updated_at, purge_attempts, lease_expires_at)
"""

LEASE_SECONDS = 120  # an upload renews its lease well within this, and at least every 60 s while bytes stream

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a file before its first byte."""

    id: UUID
    owner_id: UUID
    group_id: UUID | None
    name: str
    location: str
    storage_key: str
    entity_type: EntityType | None
    entity_id: UUID | None
    idempotency_key: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of a file after its last byte; bytes."""

    size_bytes: int
    sha256: str
    mime_type: str


class Reservations:
    """Opens, grows, settles and ends PENDING rows together with what they hold in the ledger."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, *, upload_expires_seconds: int) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        # A failed upload's bytes are deleted only when no request that could still write them can be running.
        self._grace_seconds = upload_expires_seconds
        # The values are those of `_values`, with their types spelled out: a SELECT list does not take them from the columns.
        self._pending_row = (
            "CAST($1 AS {uuid}), CAST($2 AS {uuid}), CAST($3 AS {uuid}), CAST($4 AS TEXT), CAST($5 AS TEXT),"
            " CAST($6 AS TEXT), 0, CAST($7 AS BIGINT), 'PENDING', CAST($8 AS TEXT), CAST($9 AS TEXT), CAST($10 AS TEXT),"
            " CAST($11 AS {uuid}), CAST($12 AS TEXT), CAST($13 AS {moment}), CAST($13 AS {moment}), 0, {lease}"
        ).format(**database.types, lease=database.now_plus("$14"))

    async def open(self, draft: Draft, amount: int, limits: EffectiveLimits, *, needed: int) -> int:
        """Commit the PENDING row and its reservation together; the bytes that were reserved.

        Raises QuotaExceeded, and tortoise's IntegrityError when the owner has used the idempotency key before.
        """
        if self._database.dialect == "postgres" and await self._open_at_once(draft, amount, limits):
            return amount

        async def unit() -> int:
            granted = await self._ledger.charge_up_to(
                draft.owner_id, amount, limits, needed=needed, request=Request(amount)
            )
            await self._database.execute(f"{_INSERT} VALUES ({self._pending_row})", *_values(draft, granted))
            return granted

        return await self._database.transaction(unit)

    async def _open_at_once(self, draft: Draft, amount: int, limits: EffectiveLimits) -> bool:
        """The same in one statement and one round trip, for a ledger row that is there and has room for all of it.

        The row is inserted only if the ledger row was changed, and both or neither are committed. False: nothing happened.
        """
        charge, values = self._ledger.charging(draft.owner_id, amount, limits, first=15)
        rows = await self._database.statement(
            f"WITH charged AS ({charge} RETURNING user_id)"  # noqa: S608 - SQL of our own making
            f" {_INSERT} SELECT {self._pending_row} FROM charged RETURNING id",
            *_values(draft, amount),
            *values,
        )
        return bool(rows)

    async def grow(self, draft: Draft, amount: int, limits: EffectiveLimits, *, needed: int, request: Request) -> int:
        """Reserve more, up to `amount`; what was granted. Raises QuotaExceeded when not even `needed` is free."""

        async def unit() -> int:
            # The row first (lock order), for no more than it takes to learn that it is still ours.
            await self._touch(draft.id, "updated_at = updated_at")
            granted = await self._ledger.charge_up_to(draft.owner_id, amount, limits, needed=needed, request=request)
            await self._touch(draft.id, "charged_bytes = charged_bytes + CAST($2 AS BIGINT)", granted)
            return granted

        return await self._database.transaction(unit)

    async def renew(self, draft: Draft, arrived: int) -> None:
        """Prolong the lease and show how much has arrived. Raises Conflict when the upload was given up meanwhile."""

        async def unit() -> None:
            await self._touch(
                draft.id,
                f"size_bytes = CAST($2 AS BIGINT), lease_expires_at = {self._database.now_plus('$3')}",
                arrived,
                LEASE_SECONDS,
            )

        await self._database.transaction(unit)

    async def settle(self, draft: Draft, content: Content, *, reserved: int) -> File:
        """Make the file ACTIVE, charged with exactly its size. Raises Conflict when the row is not PENDING any more
        or its owner was deactivated.
        """
        now = self._clock.now()

        async def unit() -> None:
            await self._touch(
                draft.id,
                "status = 'ACTIVE', size_bytes = CAST($2 AS BIGINT), charged_bytes = CAST($2 AS BIGINT), sha256 = $3,"
                " mime_type = $4, updated_at = $5, lease_expires_at = NULL",
                content.size_bytes,
                content.sha256,
                content.mime_type,
                now,
                only_if="EXISTS (SELECT 1 FROM users WHERE users.id = owner_id AND deactivated_at IS NULL)",
            )
            await self._ledger.release(draft.owner_id, reserved - content.size_bytes)

        if reserved == content.size_bytes:
            await unit()  # one statement, and so a transaction by itself
        else:
            await self._database.transaction(unit)
        return self._database.made(File, _settled(draft, content, now))

    async def abandon(self, draft: Draft, *, bytes_may_exist: bool) -> File | None:
        """End a failed upload: nothing stays charged. The file, should it have become one after all.

        When a byte may have reached the backend the row stays as PURGING for the sweeper, due only when no request can
        still be writing; otherwise it goes at once. A row that is not PENDING any more is left alone: it became ACTIVE
        after all, or the sweeper has claimed it. Never raises: the lease would end the upload too.
        """

        async def unit() -> File | None:
            rows = await self._database.fetch(
                "SELECT charged_bytes FROM files WHERE id = $1 AND status = 'PENDING'"  # noqa: S608 - a constant clause
                f" {self._database.for_update}",
                draft.id,
            )
            if not rows:
                return await File.get_or_none(id=draft.id, status=FileStatus.ACTIVE)
            if bytes_may_exist:
                await self._touch(
                    draft.id,
                    "status = 'PURGING', charged_bytes = 0, idempotency_key = NULL, lease_expires_at = NULL,"
                    f" updated_at = $2, purge_next_attempt_at = {self._database.now_plus('$3')}",
                    self._clock.now(),
                    self._grace_seconds,
                )
            else:
                await self._database.execute("DELETE FROM files WHERE id = $1 AND status = 'PENDING'", draft.id)
            await self._ledger.release(draft.owner_id, rows[0]["charged_bytes"])
            return None

        try:
            return await self._database.transaction(unit)
        except Exception:  # noqa: BLE001 - whatever went wrong, the caller has an error of its own to tell
            _log.exception("upload.abandon_failed", file_id=str(draft.id))
            return None

    async def _touch(self, file_id: UUID, change: str, *values: object, only_if: str = "TRUE") -> None:
        rows = await self._database.statement(
            f"UPDATE files SET {change} WHERE id = $1 AND status = 'PENDING' AND {only_if} RETURNING id",  # noqa: S608 - SQL of our own making
            file_id,
            *values,
        )
        if not rows:
            raise Conflict("The upload was given up before it ended. Send the file again.")


def _values(draft: Draft, charged: int) -> tuple[object, ...]:
    return (
        draft.id,
        draft.owner_id,
        draft.group_id,
        draft.name,
        fold_name(draft.name),
        UNKNOWN,
        charged,
        draft.location,
        draft.storage_key,
        draft.entity_type,
        draft.entity_id,
        draft.idempotency_key,
        draft.created_at,
        LEASE_SECONDS,
    )


def _settled(draft: Draft, content: Content, now: datetime) -> dict[str, Any]:
    """The row as it has just been committed, without asking for it."""
    return {
        "id": draft.id,
        "owner_id": draft.owner_id,
        "group_id": draft.group_id,
        "name": draft.name,
        "name_folded": fold_name(draft.name),
        "mime_type": content.mime_type,
        "size_bytes": content.size_bytes,
        "charged_bytes": content.size_bytes,
        "sha256": content.sha256,
        "status": FileStatus.ACTIVE,
        "location_id": draft.location,
        "storage_key": draft.storage_key,
        "entity_type": draft.entity_type,
        "entity_id": draft.entity_id,
        "idempotency_key": draft.idempotency_key,
        "created_at": draft.created_at,
        "updated_at": now,
        "deleted_at": None,
        "lease_expires_at": None,
        "claim_token": None,
        "claim_run_id": None,
        "purge_attempts": 0,
        "purge_last_error": None,
        "purge_next_attempt_at": None,
    }
