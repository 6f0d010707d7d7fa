"""How a process that has just asked for a run tells the workers."""

import asyncio
from uuid import UUID

import structlog
from taskiq import AsyncBroker

from app.telemetry.tracing import SpanKind, span
from workers.tasks import send_work

_log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 5.0


class BrokerWake:
    """The port of `app.jobs`, on a broker. A message that cannot be sent is not sent again: workers look for runs anyway."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._sending: set[asyncio.Task[None]] = set()

    async def wake(self, run_id: UUID) -> None:
        """Send a message. Never raises, and never waits: a Redis that is away, or silent, keeps nobody waiting."""
        task = asyncio.create_task(self._send(run_id))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Wait until the last messages have been sent or given up."""
        if self._sending:
            await asyncio.wait(self._sending)

    async def _send(self, run_id: UUID) -> None:
        try:
            with span("send job run", SpanKind.PRODUCER):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await send_work(self._broker, run_id)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the run is in the database, where workers look
            _log.warning("jobs.wake_failed", job_run_id=str(run_id), error=repr(error))
