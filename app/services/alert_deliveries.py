"""Delivers what is in the outbox of alerts, at least once. A sink that is down, slow or broken loses nothing and holds up
nobody: who raises an alert only writes rows, and no transaction is open while a sink is being talked to.

A delivery is claimed by moving its next attempt so far ahead that its result will be known by then. So any number of
processes may deliver at once, and what a killed one had claimed is simply due again. All on the database's clock.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.clock import Clock
from app.db import Database
from app.db.sql import placeholders, uuid_of
from app.models import Alert
from app.services.alert_sinks import NotTaken, Sink

LEASE_SECONDS = 30  # well above what a sink may take
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5, 300  # between attempts; doubled after each

_log = structlog.get_logger(__name__)

# One row: the one that has been due for the longest, of those that nobody else is just taking.
_CLAIM = """
WITH due AS (
    SELECT id FROM alert_deliveries
    WHERE delivered_at IS NULL AND next_attempt_at <= {now} AND sink IN ({sinks})
    ORDER BY next_attempt_at, (SELECT created_at FROM alerts WHERE alerts.id = alert_deliveries.alert_id), id
    LIMIT 1 {skip_locked}
)
UPDATE alert_deliveries SET attempts = attempts + 1, next_attempt_at = {later}
WHERE id IN (SELECT id FROM due)
RETURNING id, alert_id, sink, attempts
"""


@dataclass(frozen=True, slots=True)
class _Claim:
    """One attempt. `attempt` is its number, which tells it from later ones of the same delivery."""

    id: UUID
    alert_id: UUID
    sink: str
    attempt: int


class AlertDeliveries:
    """Works off the outbox, for the sinks of this process's settings. What is for others waits for whoever has them."""

    def __init__(self, database: Database, clock: Clock, sinks: Sequence[Sink]) -> None:
        self._database = database
        self._clock = clock
        self._sinks = {sink.name: sink for sink in sinks}
        self._raised = asyncio.Event()

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of the sinks; with none there is nothing to deliver."""
        return tuple(self._sinks)

    def wake(self) -> None:
        """An alert has been committed: whoever waits in `pause` goes on."""
        self._raised.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until an alert has been raised in this process since the last pause."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._raised.wait()
        self._raised.clear()

    async def deliver_due(self) -> int:
        """Deliver what is due, until nothing is or a sink fails; how many were taken.

        After a failure the rest is left to the next call: a sink that is down would otherwise cost its full time for
        each of many alerts. Those that have been due for the longest come first, so none is passed over for ever.
        """
        taken = 0
        while self._sinks and (claim := await self._claim()) is not None:
            if not await self._deliver(claim):
                break
            taken += 1
        return taken

    async def _deliver(self, claim: _Claim) -> bool:
        alert = await Alert.get(id=claim.alert_id)
        told = {"alert_id": str(alert.id), "sink": claim.sink, "attempt": claim.attempt}
        try:
            await self._sinks[claim.sink].send(alert)
        except NotTaken as error:
            wait = min(FIRST_WAIT_SECONDS * 2 ** min(claim.attempt - 1, 30), LONGEST_WAIT_SECONDS)
            await self._put_off(claim, error.reason, wait)
            _log.warning("alert.not_delivered", error=error.reason, next_attempt_seconds=wait, **told)
            return False
        await self._note_delivered(claim)
        _log.info("alert.delivered", **told)
        return True

    async def _claim(self) -> _Claim | None:
        names = list(self._sinks)
        statement = _CLAIM.format(
            now=self._database.now_plus("$1"),
            later=self._database.now_plus("$2"),
            sinks=placeholders(3, len(names)),
            skip_locked=self._database.skip_locked,
        )
        rows = await self._database.statement(statement, 0, LEASE_SECONDS, *names)
        if not rows:
            return None
        row = rows[0]
        return _Claim(uuid_of(row["id"]), uuid_of(row["alert_id"]), row["sink"], row["attempts"])

    async def _put_off(self, claim: _Claim, reason: str, seconds: int) -> None:
        """Unless a later attempt has begun: then it is that one's to say when the next one is."""

        async def unit() -> None:
            await self._database.execute(
                f"UPDATE alert_deliveries SET last_error = $1, next_attempt_at = {self._database.now_plus('$2')}"  # noqa: S608 - SQL of our own making
                " WHERE id = $3 AND attempts = $4 AND delivered_at IS NULL",
                reason,
                seconds,
                claim.id,
                claim.attempt,
            )

        await self._database.transaction(unit)

    async def _note_delivered(self, claim: _Claim) -> None:
        """Whatever has become of the claim meanwhile: what has been taken has been taken."""

        async def unit() -> None:
            await self._database.execute(
                "UPDATE alert_deliveries SET delivered_at = $1, last_error = NULL WHERE id = $2 AND delivered_at IS NULL",
                self._clock.now(),
                claim.id,
            )

        await self._database.transaction(unit)
