"""What can be watched. Each method is one subscription: it ends when its reader closes it, or with an error that says why.

Events of files and alerts are passed on as they come, and can be replayed. Of everything else the present state is sent, and
then what it has become: what comes too fast is left out, and nothing old is sent after something newer.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Protocol
from uuid import UUID

from app.auth import Session
from app.auth.session import RENEW_SECONDS
from app.clock import Clock
from app.db import Database
from app.errors import BadUserInput, CursorExpired, Forbidden, NotFound, SlowConsumer
from app.events import bus
from app.events.bus import Bus, Message
from app.models import Alert, AlertSeverity, JobName, JobRun
from app.services.directory import Directory
from app.services.job_runs import UNFINISHED
from app.services.limits import Limits, Quota
from app.services.news import FILE_EVENTS, AlertNews, FileEventFilter, FileNews, JobNews, QuotaNews
from app.services.rights import STANDING_CHANGED, Rights
from app.services.standing import load_standing
from app.telemetry.totals import Snapshot

_LIMITS = "limits.changed"
_USAGE = "usage.changed"
_JOBS = "job.progressed"
_ALERTS = "alert.raised"

_BUFFER = 256  # messages that wait for a slow subscriber
_LONGEST_INTERVAL = 3600  # seconds

Concerns = Callable[[Message], bool]


class Totals(Protocol):
    """Where the totals over all processes come from."""

    async def snapshot(self) -> Snapshot | None:
        """The totals now; None while nothing true can be said."""
        ...


class Watching:
    """Every subscription there is. Rights are those of the session's caller, and are kept up: see `Rights`."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        directory: Directory,
        limits: Limits,
        totals: Totals,
        clock: Clock,
        *,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._directory = directory
        self._limits = limits
        self._totals = totals
        self._clock = clock
        self._renew_seconds = renew_seconds

    async def file_events(
        self, session: Session, wanted: FileEventFilter, after: str | None
    ) -> AsyncGenerator[FileNews, None]:
        """Own files; group admins: those of their groups; system admins: all. A filter shows no more than that.

        Raises Unauthenticated, BadUserInput for what is no cursor, CursorExpired, SlowConsumer.
        """
        rights = Rights(self._database, session, renew_seconds=self._renew_seconds)
        group_id = wanted.group_id and str(wanted.group_id)
        user_id = wanted.user_id and str(wanted.user_id)
        async with self._messages({*wanted.names, STANDING_CHANGED}, after, replays=True) as messages:
            await rights.read()
            began = self._clock.now()
            async for message in messages:
                data = message.data
                if await rights.heed(message):
                    continue
                if user_id is not None and data["owner_id"] != user_id:
                    continue
                if group_id is not None and group_id not in (data["group_id"], *data["ancestor_ids"]):
                    continue
                reason = await rights.reason(data)
                if reason is not None:
                    yield FileNews(message, reason, live=after is None or message.at >= began)

    async def quota_changes(self, session: Session, user_id: UUID | None) -> AsyncGenerator[QuotaNews, None]:
        """The quota of a user that the caller may read, the caller's own by default: now, and whenever it is another one.

        Raises Unauthenticated, NotFound, Forbidden.
        """
        rights = Rights(self._database, session, renew_seconds=self._renew_seconds)
        viewer_id = (await rights.read()).user_id
        watched = user_id or viewer_id
        people = {str(watched), str(viewer_id)}

        def concerns(message: Message) -> bool:
            data = message.data
            if message.name == STANDING_CHANGED:
                return data["user_id"] is None or data["user_id"] in people
            if message.name == _LIMITS:
                return data["user_id"] is None or data["user_id"] == str(watched)
            return bool(data["owner_id"] == str(watched))

        known: Quota | None = None
        async with aclosing(self._changes({*FILE_EVENTS, STANDING_CHANGED, _LIMITS, _USAGE}, concerns)) as changes:
            async for _ in changes:
                await self._check_readable(rights, watched)
                quota = (await self._limits.quota_many([watched]))[watched]
                if quota != known:
                    known = quota
                    yield QuotaNews(watched, quota, self._clock.now())

    async def job_progress(
        self, session: Session, job: JobName | None, run_id: UUID | None
    ) -> AsyncGenerator[JobNews, None]:
        """The runs that have not ended, and then every change of one; of one run alone, until it has ended.

        Raises Unauthenticated, Forbidden, NotFound for a run that is not there.
        """
        rights = Rights(self._database, session, renew_seconds=self._renew_seconds)
        await rights.operator()
        sent: dict[UUID, tuple[object, ...]] = {}
        async with self._messages({_JOBS, STANDING_CHANGED}) as messages:
            for run in await _runs_now(job, run_id):
                sent[run.id] = _state(run)
                yield JobNews(run, None, self._clock.now())
                if run_id is not None and run.finished_at is not None:
                    return
            async for message in messages:
                heeded = await rights.heed(message)
                await rights.operator()
                if heeded:
                    continue
                changed = await _run_of(message, job, run_id)
                if changed is None or sent.get(changed.id) == _state(changed):
                    continue
                sent[changed.id] = _state(changed)
                yield JobNews(changed, message.data["message"], message.at)
                if changed.finished_at is not None:
                    del sent[changed.id]
                    if run_id is not None:
                        return

    async def alerts(
        self, session: Session, least: AlertSeverity, after: str | None
    ) -> AsyncGenerator[AlertNews, None]:
        """Alerts of this severity and above, as they are raised.

        Raises Unauthenticated, Forbidden, BadUserInput for what is no cursor, CursorExpired, SlowConsumer.
        """
        rights = Rights(self._database, session, renew_seconds=self._renew_seconds)
        await rights.operator()
        wanted = list(AlertSeverity)[list(AlertSeverity).index(least) :]
        async with self._messages({_ALERTS, STANDING_CHANGED}, after, replays=True) as messages:
            await rights.read()
            await rights.operator()
            began = self._clock.now()
            async for message in messages:
                heeded = await rights.heed(message)
                await rights.operator()
                if heeded:
                    continue
                if message.data["severity"] in wanted:
                    alert = await Alert.get_or_none(id=UUID(message.data["alert_id"]))
                    if alert is not None:
                        yield AlertNews(message.cursor, alert, live=after is None or message.at >= began)

    async def totals(self, session: Session, interval_seconds: int) -> AsyncGenerator[Snapshot, None]:
        """The totals over all processes, now and every so many seconds; nothing while nothing true can be said.

        Raises Unauthenticated, Forbidden, BadUserInput.
        """
        rights = Rights(self._database, session, renew_seconds=self._renew_seconds)
        await rights.operator()
        if not 1 <= interval_seconds <= _LONGEST_INTERVAL:
            raise BadUserInput(f"intervalSeconds must be from 1 to {_LONGEST_INTERVAL}.", field="intervalSeconds")

        def concerns(message: Message) -> bool:
            return rights.concerned_by(message)

        async with aclosing(self._changes({STANDING_CHANGED}, concerns, seconds=interval_seconds)) as changes:
            async for changed in changes:
                if changed:
                    await rights.read()
                await rights.operator()
                snapshot = await self._totals.snapshot()
                if snapshot is not None:
                    yield snapshot

    # ---------------------------------------------------------------- the bus

    @asynccontextmanager
    async def _messages(
        self, names: Collection[str], after: str | None = None, *, replays: bool = False
    ) -> AsyncIterator[bus.Subscription]:
        """A subscription to the bus, with its errors as clients are told them: with a cursor, where it `replays`."""
        try:
            async with self._bus.subscribe(names, after=after, buffer=_BUFFER) as messages:
                yield messages
        except bus.BadCursor as error:
            raise BadUserInput("This cursor was not given out here.", field="after") from error
        except bus.CursorExpired as error:
            raise CursorExpired from error
        except bus.SlowConsumer as error:
            raise SlowConsumer((error.cursor or after) if replays else None) from error

    async def _changes(
        self, names: Collection[str], concerns: Concerns, *, seconds: float | None = None
    ) -> AsyncGenerator[bool, None]:
        """Something to look at: at once, after messages that concern it (however many came meanwhile, once), and every so
        many seconds, as often as rights are read again by default. Whether there were messages, or may have been. Messages that are lost are no matter here.
        """
        while True:
            with suppress(CursorExpired):
                async with self._messages(names) as messages, _listening(messages, concerns) as (changed, listener):
                    yield True
                    while not listener.done():
                        came = True
                        try:
                            async with asyncio.timeout(self._renew_seconds if seconds is None else seconds):
                                await changed.wait()
                        except TimeoutError:
                            came = False
                        changed.clear()
                        if not listener.done():
                            yield came
                    await listener
                    return

    async def _check_readable(self, rights: Rights, user_id: UUID) -> None:
        """Raises Unauthenticated; NotFound and Forbidden as the quota of a user does in a query."""
        principal = await rights.read()
        if user_id == principal.user_id:
            return
        await self._directory.user(principal, user_id)
        standing = await load_standing(self._database, principal)
        if user_id not in await self._directory.readable(principal, standing, [user_id]):
            raise Forbidden


@asynccontextmanager
async def _listening(
    messages: bus.Subscription, concerns: Concerns
) -> AsyncIterator[tuple[asyncio.Event, asyncio.Task[None]]]:
    """A task that reads as fast as messages come, and an event that is set after those that matter, and at the end."""
    changed = asyncio.Event()

    async def listen() -> None:
        try:
            async for message in messages:
                if concerns(message):
                    changed.set()
        finally:
            changed.set()

    task = asyncio.create_task(listen())
    try:
        yield changed, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _runs_now(job: JobName | None, run_id: UUID | None) -> list[JobRun]:
    if run_id is not None:
        run = await JobRun.get_or_none(id=run_id)
        if run is None or (job is not None and run.job is not job):
            raise NotFound("job run")
        return [run]
    runs = (
        JobRun.filter(status__in=list(UNFINISHED))
        if job is None
        else JobRun.filter(job=job, status__in=list(UNFINISHED))
    )
    return await runs.order_by("created_at", "id")


async def _run_of(message: Message, job: JobName | None, run_id: UUID | None) -> JobRun | None:
    """The run that a message is about, as it is now; None for one that is not wanted."""
    data = message.data
    if (job is not None and data["job"] != job) or (run_id is not None and data["run_id"] != str(run_id)):
        return None
    return await JobRun.get_or_none(id=UUID(data["run_id"]))


def _state(run: JobRun) -> tuple[object, ...]:
    return run.status, run.processed, run.total
