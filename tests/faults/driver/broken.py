"""The product with one of its rules taken out, to see that the driver notices. Put together from its own parts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db import Database
from app.errors import QuotaExceeded
from app.models import JobName, JobRun
from app.runtime import Runtime
from app.services.alerts import Alerts
from app.services.cleanup import NOTHING
from app.services.job_runs import JobRuns, Shift
from app.services.jobs import JobService
from app.services.ledger import Ledger, Request
from app.services.limits import EffectiveLimits
from app.services.reservations import Reservations
from app.services.uploads import Uploads


class RacyLedger(Ledger):
    """A quota as everyone writes it first: read, compare, write."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, trash_quota_factor=0)
        self._store = database

    def charging(
        self, user_id: UUID, amount: int, limits: EffectiveLimits, *, first: int
    ) -> tuple[str, tuple[Any, ...]]:
        """Nothing at once: uploads go the way that has the gap."""
        return f"UPDATE user_storage SET used_bytes = used_bytes WHERE user_id = ${first} AND FALSE", (user_id,)

    async def charge_up_to(
        self, user_id: UUID, amount: int, limits: EffectiveLimits, *, needed: int, request: Request
    ) -> int:
        """Whatever others do between the look and the change is overlooked."""
        rows = await self._store.fetch("SELECT used_bytes FROM user_storage WHERE user_id = $1", user_id)
        used = rows[0]["used_bytes"] if rows else 0
        if used + amount > limits.storage_quota_bytes:
            raise QuotaExceeded(
                used_bytes=used,
                trash_bytes=0,
                quota_bytes=limits.storage_quota_bytes,
                requested_bytes=amount,
                source=limits.storage_quota_origin.tier,
            )
        await self._store.execute(
            "INSERT INTO user_storage (user_id, used_bytes, trash_bytes) VALUES ($1, $2, 0)"
            " ON CONFLICT (user_id) DO UPDATE SET used_bytes = user_storage.used_bytes + EXCLUDED.used_bytes",
            user_id,
            amount,
        )
        return amount


class _IdleJob:
    """An expiry job that finds nothing to do."""

    name = JobName.EXPIRED_UPLOAD_CLEANUP
    nothing = NOTHING

    def __init__(self, database: Database, runs: JobRuns) -> None:
        self._database = database
        self._runs = runs

    async def begin(self, run: JobRun) -> int:
        return 0

    async def work(self, shift: Shift) -> None:
        async def unit() -> None:
            run = await self._runs.held(shift)
            if run is not None:
                await self._runs.succeed(run)

        await self._database.transaction(unit)

    async def renew(self, shift: Shift) -> None:
        return

    async def release(self, shift: Shift) -> None:
        return

    async def rehearse(self, started_at: datetime) -> tuple[int, Mapping[str, Any]]:
        return 0, NOTHING


def _racy_quota(runtime: Runtime) -> Runtime:
    settings = runtime.settings
    reservations = Reservations(
        runtime.database,
        RacyLedger(runtime.database),
        runtime.clock,
        upload_expires_seconds=settings.upload_expires_seconds,
    )
    uploads = Uploads(
        runtime.database,
        runtime.storage,
        runtime.limits,
        reservations,
        runtime.clock,
        allowed_mime_types=settings.allowed_mime_types,
        metrics=runtime.metrics,
        events=runtime.events,
    )
    return replace(runtime, uploads=uploads)


def _no_expiry(runtime: Runtime) -> Runtime:
    alerts: Alerts = runtime.alerts
    runs = JobRuns(
        runtime.database,
        alerts,
        runtime.clock,
        lease_seconds=runtime.settings.job_lease_seconds,
        events=runtime.events,
    )
    job = _IdleJob(runtime.database, runs)
    return replace(runtime, jobs=JobService(runtime.database, runs, alerts, [job], runtime.clock))


BREAKS: Mapping[str, Callable[[Runtime], Runtime]] = {"racy-quota": _racy_quota, "no-expiry": _no_expiry}
