"""The ledger of bytes: growth is one conditional UPDATE, shrinking is unconditional, nothing is read, compared and written.

Every function here runs inside the unit that changes the file row it belongs to, after that row (lock order: file rows,
then ledger rows). All figures in bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from app.db import Database
from app.db.sql import uuid_of
from app.errors import QuotaExceeded
from app.services.limits import EffectiveLimits

_log = structlog.get_logger(__name__)

_CREATE = (
    "INSERT INTO user_storage (user_id, used_bytes, trash_bytes) VALUES ($1, 0, 0) ON CONFLICT (user_id) DO NOTHING"
)

# R2: whatever runs beside it, no committed state has used_bytes above the quota by a growth of ours.
_CHARGE = """
UPDATE user_storage SET used_bytes = used_bytes + CAST({amount} AS BIGINT)
WHERE user_id = {user} AND used_bytes + CAST({amount} AS BIGINT) <= CAST({quota} AS BIGINT)
  AND (CAST({factor} AS BIGINT) = 0
    OR used_bytes + trash_bytes + CAST({amount} AS BIGINT) <= CAST({quota} AS BIGINT) * CAST({factor} AS BIGINT))
"""

_SHRINK = """
UPDATE user_storage SET used_bytes = used_bytes - CAST($2 AS BIGINT), trash_bytes = trash_bytes - CAST($3 AS BIGINT)
WHERE user_id = $1 AND used_bytes >= CAST($2 AS BIGINT) AND trash_bytes >= CAST($3 AS BIGINT)
"""

# A file comes out of the trash. The bound on use and trash together is for uploads: their sum hardly grows here.
_TAKE_BACK = """
UPDATE user_storage SET used_bytes = used_bytes + CAST($2 AS BIGINT), trash_bytes = trash_bytes - CAST($3 AS BIGINT)
WHERE user_id = $1 AND used_bytes + CAST($2 AS BIGINT) <= CAST($4 AS BIGINT) AND trash_bytes >= CAST($3 AS BIGINT)
"""

_RECOMPUTE = """
UPDATE user_storage SET
    used_bytes = (SELECT COALESCE(SUM(charged_bytes), 0) FROM files WHERE owner_id = $1),
    trash_bytes = (SELECT COALESCE(SUM(size_bytes), 0) FROM files WHERE owner_id = $1 AND status = 'SOFT_DELETED')
WHERE user_id = $1
"""


# Two figures for each of many users, as rows of a FROM clause.
_FIGURES = {
    "sqlite": """(SELECT json_extract(value, '$[0]') AS user_id, json_extract(value, '$[1]') AS used,
        json_extract(value, '$[2]') AS trash FROM json_each($1))""",
    "postgres": "(SELECT * FROM unnest(CAST($1 AS UUID[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[])) AS f (user_id, used, trash))",
}

_MOVE_MANY = """
UPDATE user_storage SET used_bytes = used_bytes + figures.used, trash_bytes = trash_bytes + figures.trash
FROM {figures} AS figures
WHERE user_storage.user_id = figures.user_id AND used_bytes + figures.used >= 0 AND trash_bytes + figures.trash >= 0
RETURNING user_storage.user_id AS user_id
"""

_SET_MANY = """
UPDATE user_storage SET used_bytes = figures.used, trash_bytes = figures.trash
FROM {figures} AS figures WHERE user_storage.user_id = figures.user_id
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """One ledger row, or a change of one."""

    used_bytes: int
    trash_bytes: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a refusal tells: how much the file needs in all, and how much of the recorded use is its own so far."""

    requested_bytes: int
    held_bytes: int = 0


class Ledger:
    """Moves bytes between a user's free space, use and trash."""

    def __init__(self, database: Database, *, trash_quota_factor: int) -> None:
        self._database = database
        self._factor = trash_quota_factor

    async def charge_up_to(
        self, user_id: UUID, amount: int, limits: EffectiveLimits, *, needed: int, request: Request
    ) -> int:
        """Take `amount`, or all that is free when that is less but at least `needed`; what was taken.

        Raises QuotaExceeded with nothing changed when not even `needed` is free.
        """
        if await self._charge(user_id, amount, limits.storage_quota_bytes):
            return amount
        balance = await self.locked(user_id)
        granted = min(amount, self._free(balance, limits.storage_quota_bytes))
        if granted >= needed and await self._charge(user_id, granted, limits.storage_quota_bytes):
            return granted
        others = Balance(balance.used_bytes - request.held_bytes, balance.trash_bytes)
        raise _exceeded(others, request.requested_bytes, limits)

    def charging(
        self, user_id: UUID, amount: int, limits: EffectiveLimits, *, first: int
    ) -> tuple[str, tuple[Any, ...]]:
        """The conditional UPDATE that takes `amount`, with placeholders from `$first` on and their values, for a statement
        that does more in the same breath. It changes one row, or none when the amount is not free or no row is there.
        """
        return self._charge_statement(first), (user_id, amount, limits.storage_quota_bytes, self._factor)

    async def release(self, user_id: UUID, amount: int) -> None:
        """Give `amount` back."""
        await self.move(user_id, used=-amount)

    async def move(self, user_id: UUID, *, used: int = 0, trash: int = 0) -> None:
        """Change the counters unconditionally: shrink either, or grow the trash.

        A counter that would pass below zero is a drift: the row is then recomputed from the files, under its lock, in
        this transaction, and the discrepancy is reported.
        """
        if used == 0 and trash == 0:
            return
        if not await self._database.execute(_SHRINK, user_id, -used, -trash):
            await self._recompute(user_id, await self.locked(user_id), used)

    async def take_back(self, user_id: UUID, size: int, amount: int, limits: EffectiveLimits) -> None:
        """Move a file of this size out of the trash, whose row has been changed already, and take `amount` of the user's free
        space for what it did not hold. Raises QuotaExceeded, with the figures of before, when that is not free.
        """
        if amount == 0:
            await self.move(user_id, trash=-size)
            return
        quota = limits.storage_quota_bytes
        if await self._database.execute(_TAKE_BACK, user_id, amount, size, quota):
            return
        balance = await self.locked(user_id)
        if balance.used_bytes + amount <= quota:
            # There was room: the trash is said to hold less than this file. What is recomputed holds the file already.
            healed = await self._recompute(user_id, balance, amount)
            balance = Balance(healed.used_bytes - amount, healed.trash_bytes + size)
        if balance.used_bytes + amount > quota:
            raise _exceeded(balance, amount, limits)

    async def _recompute(self, user_id: UUID, before: Balance, used: int) -> Balance:
        """Make the row what the files say, and report by how much it was off; `used` is what it should have changed by."""
        await self._database.execute(_RECOMPUTE, user_id)
        after = await self.locked(user_id)
        _log.error(
            "quota.discrepancy",
            user_id=str(user_id),
            expected=after.used_bytes,
            actual=before.used_bytes + used,
            diff=abs(after.used_bytes - before.used_bytes - used),
        )
        return after

    async def move_many(self, moves: Mapping[UUID, Balance]) -> None:
        """`move` for many users in two statements. Their rows are locked in the order of their ids."""
        wanted = {user_id: moves[user_id] for user_id in sorted(moves) if moves[user_id] != Balance(0, 0)}
        if not wanted:
            return
        await self._database.fetch(
            f"SELECT user_id FROM user_storage WHERE user_id {self._database.among('$1')}"  # noqa: S608 - constant clauses
            f" ORDER BY user_id {self._database.for_update}",
            list(wanted),
        )
        statement = _MOVE_MANY.format(figures=_FIGURES[self._database.dialect])
        moved = await self._database.fetch(statement, *self._figures(wanted))
        # Whoever is left has no row, or one that would pass below zero.
        for user_id in wanted.keys() - {uuid_of(row["user_id"]) for row in moved}:
            await self.move(user_id, used=wanted[user_id].used_bytes, trash=wanted[user_id].trash_bytes)

    async def set_many(self, balances: Mapping[UUID, Balance]) -> None:
        """Put right what rows say that the unit has locked."""
        if balances:
            statement = _SET_MANY.format(figures=_FIGURES[self._database.dialect])
            await self._database.execute(statement, *self._figures(balances))

    def _figures(self, balances: Mapping[UUID, Balance]) -> tuple[list[Any], ...]:
        users, used = list(balances), [balance.used_bytes for balance in balances.values()]
        trash = [balance.trash_bytes for balance in balances.values()]
        if self._database.dialect == "sqlite":
            return ([list(row) for row in zip(users, used, trash, strict=True)],)
        return (users, used, trash)

    async def locked(self, user_id: UUID) -> Balance:
        """The ledger row, locked until the unit ends; made first when it is missing."""
        query = f"SELECT used_bytes, trash_bytes FROM user_storage WHERE user_id = $1 {self._database.for_update}"  # noqa: S608 - a constant clause
        rows = await self._database.fetch(query, user_id)
        if not rows:
            await self._database.execute(_CREATE, user_id)
            rows = await self._database.fetch(query, user_id)
        return Balance(rows[0]["used_bytes"], rows[0]["trash_bytes"])

    def _free(self, balance: Balance, quota: int) -> int:
        """What an upload may still take: under the quota, and under the bound on use and trash together."""
        free = quota - balance.used_bytes
        if self._factor:
            free = min(free, quota * self._factor - balance.used_bytes - balance.trash_bytes)
        return max(0, free)

    async def _charge(self, user_id: UUID, amount: int, quota: int) -> bool:
        statement, values = self._charge_statement(1), (user_id, amount, quota, self._factor)
        if await self._database.execute(statement, *values):
            return True
        # No row was changed: it may not have existed, and someone else may be the one who creates it meanwhile.
        await self._database.execute(_CREATE, user_id)
        return bool(await self._database.execute(statement, *values))

    @staticmethod
    def _charge_statement(first: int) -> str:
        names = ("user", "amount", "quota", "factor")
        return _CHARGE.format(**{name: f"${first + offset}" for offset, name in enumerate(names)})


def _exceeded(balance: Balance, requested_bytes: int, limits: EffectiveLimits) -> QuotaExceeded:
    return QuotaExceeded(
        used_bytes=balance.used_bytes,
        trash_bytes=balance.trash_bytes,
        quota_bytes=limits.storage_quota_bytes,
        requested_bytes=requested_bytes,
        source=limits.storage_quota_origin.tier,
    )
