"""Alerts on their way out, beside whatever else a process does."""

import random

import structlog

from app.db import Database
from app.services.alert_deliveries import AlertDeliveries
from workers.worker import in_fresh_context

POLL_SECONDS = 5.0

_log = structlog.get_logger(__name__)


async def keep_delivering(
    deliveries: AlertDeliveries, database: Database, *, poll_seconds: float = POLL_SECONDS
) -> None:
    """Deliver what is due until cancelled: at once what this process has raised, within seconds what others have."""
    while deliveries.sinks:
        try:
            await in_fresh_context(database, deliveries.deliver_due)
        except Exception as error:  # noqa: BLE001 - the look-out must outlive whatever a driver raises
            _log.warning("alerts.delivering_failed", error=repr(error))
        await deliveries.pause(poll_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
