"""A deployment that delivers its alerts to a webhook, on every database, with a clock that is set by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from app.clock import FixedClock
from app.models import AlertSeverity
from app.runtime import Runtime, open_runtime
from app.services.alerts import AlertKind
from app.settings import Settings
from tests.fixtures.alert_sink import AlertSink

# A message in, the alert's id out.
Raise = Callable[[str], Awaitable[UUID]]


@pytest.fixture
def settings(database_url: str, sink: AlertSink, tmp_path: Path) -> Settings:
    """With generic JSON."""
    return Settings.load(
        database_url=database_url,
        secret_key="s" * 32,
        storage_backend="memory",
        data_dir=tmp_path / "data",
        alert_webhook_url=sink.url,
        alert_orphan_threshold=0,
    )


@pytest.fixture
async def runtime(settings: Settings, clock: FixedClock) -> AsyncIterator[Runtime]:
    """One process."""
    async with open_runtime(settings, clock) as opened:
        opened.database.bind()
        yield opened


@pytest.fixture
def alarm(runtime: Runtime, clock: FixedClock) -> Raise:
    """Raises an alert of its own, a second after the last one."""

    async def raise_alert(message: str) -> UUID:
        clock.advance(seconds=1)
        return await runtime.database.transaction(
            lambda: runtime.alerts.raise_in_unit(
                AlertKind.JOB_OVERDUE, AlertSeverity.CRITICAL, message, {"job": "knitting"}, None
            )
        )

    return raise_alert
