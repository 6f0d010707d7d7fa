"""Alerts: rows written in the transaction of their cause, so that there is no cause without its alert, nor the reverse (R50).

With each alert goes a row of the outbox for every sink that it is to be delivered to (`app.services.alert_deliveries`).
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.db.sql import uuid_of
from app.errors import Forbidden, NotFound
from app.events import AlertRaised, Events
from app.models import Alert, AlertSeverity
from app.permissions import may_operate
from app.services.keyset import MOMENT, Conditions, Listing, read_page
from app.services.paging import Page

MAX_ITEMS = 20  # of a list in an alert's details; how many there were in all stands beside it
MAX_TEXT = 1000  # characters of a message, and of a text in the details

_log = structlog.get_logger(__name__)

_WRITE = """
INSERT INTO alerts (id, kind, severity, message, details, job_run_id, created_at)
VALUES ($1, $2, $3, $4, CAST($5 AS {json}), $6, $7)
ON CONFLICT (job_run_id, kind) DO UPDATE SET message = excluded.message, details = excluded.details
RETURNING id
"""


class AlertKind(StrEnum):
    """What an alert is about."""

    JOB_FAILED = "job_failed"
    JOB_OVERDUE = "job_overdue"
    ORPHANED_FILES = "orphaned_files"
    QUOTA_DISCREPANCY = "quota_discrepancy"


class Alerts:
    """Every use case around alerts but their delivery.

    `sinks` are the names of those that every alert is delivered to; `wake` tells who delivers, after the commit, that there
    is something to do. It must return at once.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        sinks: Sequence[str] = (),
        wake: Callable[[], None] | None = None,
        events: Events,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sinks = tuple(sinks)
        self._wake = wake
        self._events = events

    async def raise_in_unit(
        self,
        kind: AlertKind,
        severity: AlertSeverity,
        message: str,
        details: Mapping[str, Any],
        job_run_id: UUID | None,
    ) -> UUID:
        """Write an alert inside the unit of its cause; its id. A run has one alert of a kind: raised again, that one says
        what is known now, and is not delivered a second time.
        """
        new_id = uuid4()
        statement = _WRITE.format(json="TEXT" if self._database.dialect == "sqlite" else "JSONB")
        text = orjson.dumps(_capped(details)).decode()
        values = (new_id, kind, severity, message[:MAX_TEXT], text, job_run_id, self._clock.now())
        alert_id = uuid_of((await self._database.fetch(statement, *values))[0]["id"])
        if alert_id == new_id:
            await self._post(alert_id)
            raised = AlertRaised(alert_id=alert_id, kind=kind.value, severity=severity.value)
            self._database.after_commit(lambda: self._events.emit(raised))
        return alert_id

    async def page(self, principal: Principal, acknowledged: bool | None, first: int, after: str | None) -> Page[Alert]:
        """A page of alerts, the newest first; None is any. Raises Forbidden, and BadUserInput for a bad cursor or size."""
        if not may_operate(principal):
            raise Forbidden
        conditions = Conditions()
        if acknowledged is not None:
            conditions.where(f"acknowledged_at IS {'NOT ' if acknowledged else ''}NULL")
        listing = Listing("alerts", "alerts", "id", "created_at", MOMENT, ascending=False, conditions=conditions)
        return await read_page(self._database, listing, Alert, first, after)

    async def get(self, principal: Principal, alert_id: UUID) -> Alert:
        """One alert. Raises NotFound, also for who may not know of it."""
        alert = await Alert.get_or_none(id=alert_id) if may_operate(principal) else None
        if alert is None:
            raise NotFound("alert")
        return alert

    async def acknowledge(self, principal: Principal, alert_id: UUID) -> Alert:
        """Note who has seen to an alert, and when. The first one stays. Raises Forbidden and NotFound."""
        if not may_operate(principal):
            raise Forbidden

        async def unit() -> Alert:
            alert = await Alert.filter(id=alert_id).select_for_update().first()
            if alert is None:
                raise NotFound("alert")
            if alert.acknowledged_at is None:
                alert.acknowledged_at, alert.acknowledged_by_id = self._clock.now(), principal.user_id
                await alert.save(update_fields=["acknowledged_at", "acknowledged_by_id"])
                told = {"alert_id": str(alert_id), "kind": alert.kind, "by": str(principal.user_id)}
                self._database.after_commit(lambda: _log.info("alert.acknowledged", **told))
            return alert

        return await self._database.transaction(unit)

    async def _post(self, alert_id: UUID) -> None:
        """Into the outbox, due at once."""
        for sink in self._sinks:
            await self._database.execute(
                "INSERT INTO alert_deliveries (id, alert_id, sink, attempts, next_attempt_at)"  # noqa: S608 - SQL of our own making
                f" VALUES ($1, $2, $3, 0, {self._database.now_plus('$4')})",
                uuid4(),
                alert_id,
                sink,
                0,
            )
        if self._sinks and self._wake is not None:
            self._database.after_commit(self._wake)


def _capped(value: Any) -> Any:
    """Details of bounded size: what they tell of may be as large as the school."""
    match value:
        case str():
            return value[:MAX_TEXT]
        case Mapping():
            return {name: _capped(each) for name, each in value.items()}
        case list() | tuple():
            return [_capped(each) for each in value[:MAX_ITEMS]]
        case _:
            return value
