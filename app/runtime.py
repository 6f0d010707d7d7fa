"""Everything long-lived of one process, built from the settings, opened and closed in order."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from app.auth import Authenticator, Tokens
from app.auth.jwks import ProviderKeys
from app.auth.provider import ProviderTokens
from app.clock import Clock, SystemClock
from app.db import Database
from app.events import Events
from app.events.bus import Bus
from app.events.memory import MemoryBus
from app.models import AlertSeverity, JobName
from app.passwords import Passwords
from app.persisted import PersistedQueries, open_persisted_queries
from app.rates import Rates, open_rates
from app.services.accounts import Accounts
from app.services.alert_deliveries import AlertDeliveries
from app.services.alert_sinks import Sink, Webhook
from app.services.alerts import AlertKind, Alerts
from app.services.assignments import Assignments
from app.services.attachments import Attachments
from app.services.avatars import Avatars
from app.services.classes import Classes
from app.services.cleanup import ExpiredUploads, OrphanedFiles, Retention
from app.services.directory import Directory
from app.services.directory_pages import DirectoryPages
from app.services.downloads import Downloads
from app.services.files import Files, UrlLifetime
from app.services.groups import Groups
from app.services.identities import Identities
from app.services.job_runs import JobRuns
from app.services.jobs import Job, JobService
from app.services.ledger import Ledger
from app.services.limit_changes import Ceilings, LimitChanges
from app.services.limit_history import LimitHistory
from app.services.limits import Limits
from app.services.locations import Locations
from app.services.memberships import Memberships
from app.services.people import People
from app.services.purge import Purge
from app.services.reconciliation import Reconciliation
from app.services.reservations import Reservations
from app.services.seats import Seats
from app.services.standing import groups_above
from app.services.uploads import Uploads
from app.services.watching import Watching
from app.settings import Settings
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from app.stores import make_storage
from app.telemetry.figures import Figures
from app.telemetry.metrics import Metrics
from app.telemetry.setup import Telemetry
from app.telemetry.totals import LocalTotals, RedisTotals, Totals


@dataclass(frozen=True, slots=True)
class Runtime:
    """The process's collaborators. Only composition roots and request contexts hold it."""

    settings: Settings
    clock: Clock
    telemetry: Telemetry
    metrics: Metrics
    figures: Figures
    totals: Totals
    database: Database
    bus: Bus
    events: Events
    storage: Storage
    locations: Locations
    urls: UrlSigner
    authenticator: Authenticator
    passwords: Passwords
    accounts: Accounts
    directory: Directory
    directory_pages: DirectoryPages
    people: People
    groups: Groups
    memberships: Memberships
    classes: Classes
    assignments: Assignments
    avatars: Avatars
    attachments: Attachments
    limits: Limits
    limit_changes: LimitChanges
    limit_history: LimitHistory
    uploads: Uploads
    files: Files
    downloads: Downloads
    alerts: Alerts
    alert_deliveries: AlertDeliveries
    jobs: JobService
    watching: Watching
    seats: Seats
    persisted_queries: PersistedQueries
    rates: Rates


class OpenRuntime(Protocol):
    """How a process comes by its runtime: `open_runtime`, or what a test puts together in its place."""

    def __call__(self, settings: Settings) -> AbstractAsyncContextManager[Runtime]: ...


@asynccontextmanager
async def open_runtime(
    settings: Settings, clock: Clock | None = None, telemetry: Telemetry | None = None
) -> AsyncIterator[Runtime]:
    """A runtime on a migrated database, closed at the end whatever happens; `telemetry` too, which is the environment's if None.

    A storage location that is not ready does not stop the start: the service stays up and `/readyz` says what is wrong.
    """
    clock = clock or SystemClock()
    secret = settings.signing_key()
    async with AsyncExitStack() as stack:
        telemetry = telemetry or Telemetry.from_environment(os.environ)
        stack.push_async_callback(telemetry.close)
        database = Database(
            settings.resolved_database_url,
            pool_min=settings.database_pool_min,
            pool_max=settings.database_pool_max,
        )
        stack.push_async_callback(database.close)
        await database.open()
        figures = Figures(database, telemetry.metrics)
        stack.push_async_callback(figures.close)
        totals = _totals(settings, clock, telemetry.metrics, figures)
        stack.push_async_callback(totals.close)
        await totals.open()
        bus, events = await _open_events(settings, clock, telemetry.metrics, database, stack)
        urls = UrlSigner(secret, settings.resolved_public_url, clock)
        storage = make_storage(settings, urls, clock, telemetry.metrics)
        stack.push_async_callback(storage.close)
        locations = Locations(database, storage, clock)
        await locations.open()
        telemetry.metrics.expect_jobs(
            [job.value for job in JobName],
            [(kind.value, severity.value.lower()) for kind in AlertKind for severity in AlertSeverity],
        )
        persisted = open_persisted_queries(
            settings.persisted_queries, settings.persisted_queries_file, settings.redis_url
        )
        stack.push_async_callback(persisted.close)
        rates = await stack.enter_async_context(open_rates(settings))
        passwords = Passwords()
        stack.callback(passwords.close)
        platform = _platform(settings, clock, database, stack)
        yield _compose(
            settings,
            clock,
            telemetry,
            figures,
            totals,
            database,
            bus,
            events,
            storage,
            locations,
            urls,
            passwords,
            platform,
            secret,
            persisted,
            rates,
        )


def _totals(settings: Settings, clock: Clock, metrics: Metrics, figures: Figures) -> Totals:
    if settings.redis_url:
        return RedisTotals(settings.redis_url, metrics, figures, clock)
    return LocalTotals(metrics, figures, clock)


async def _open_events(
    settings: Settings, clock: Clock, metrics: Metrics, database: Database, stack: AsyncExitStack
) -> tuple[Bus, Events]:
    bus = _bus(settings, metrics)
    await bus.open()
    stack.push_async_callback(bus.close)
    events = Events(bus, metrics, clock, partial(groups_above, database))
    await events.open()
    stack.push_async_callback(events.close)
    return bus, events


def _bus(settings: Settings, metrics: Metrics) -> Bus:
    if not settings.redis_url:
        return MemoryBus(history=settings.event_stream_max_length)
    from app.events.redis_bus import RedisBus  # the client takes a tenth of a second that others need not wait for

    return RedisBus(settings.redis_url, metrics, max_length=settings.event_stream_max_length)


def _platform(settings: Settings, clock: Clock, database: Database, stack: AsyncExitStack) -> Identities | None:
    if not settings.jwt_jwks_url:
        return None
    keys = ProviderKeys(settings.jwt_jwks_url, clock)
    stack.push_async_callback(keys.close)
    tokens = ProviderTokens(keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience, clock=clock)
    return Identities(database, tokens, clock, auto_provision=settings.jwt_auto_provision)


def _compose(
    settings: Settings,
    clock: Clock,
    telemetry: Telemetry,
    figures: Figures,
    totals: Totals,
    database: Database,
    bus: Bus,
    events: Events,
    storage: Storage,
    locations: Locations,
    urls: UrlSigner,
    passwords: Passwords,
    platform: Identities | None,
    secret: bytes,
    persisted: PersistedQueries,
    rates: Rates,
) -> Runtime:
    tokens = Tokens(secret, clock=clock, expires_seconds=settings.token_expires_seconds)
    limits = Limits(
        database,
        default_file_size_bytes=settings.default_max_file_size_bytes,
        default_quota_bytes=settings.default_storage_quota_bytes,
    )
    directory = Directory(database)
    ledger = Ledger(database, trash_quota_factor=settings.trash_quota_factor)
    purge = Purge(database, storage, ledger, batch_files=settings.job_batch_files)
    deliveries = AlertDeliveries(database, clock, _sinks(settings))
    alerts = Alerts(database, clock, sinks=deliveries.sinks, wake=deliveries.wake, events=events)
    expires = settings.upload_expires_seconds
    reservations = Reservations(database, ledger, clock, upload_expires_seconds=expires)
    return Runtime(
        settings=settings,
        clock=clock,
        telemetry=telemetry,
        metrics=telemetry.metrics,
        figures=figures,
        totals=totals,
        database=database,
        bus=bus,
        events=events,
        storage=storage,
        locations=locations,
        urls=urls,
        authenticator=Authenticator(database, tokens, platform),
        passwords=passwords,
        accounts=Accounts(database, passwords, tokens, clock, events=events),
        directory=directory,
        directory_pages=DirectoryPages(database, directory),
        people=People(database, passwords, clock, events=events),
        groups=Groups(database, directory, clock, events=events),
        memberships=Memberships(database, directory, clock, events=events),
        classes=Classes(database, directory, clock, events=events),
        assignments=Assignments(database, directory, clock),
        avatars=Avatars(database, directory, clock),
        attachments=Attachments(database, directory, clock, max_per_assignment=settings.max_attachments_per_assignment),
        limits=limits,
        limit_changes=LimitChanges(
            database,
            directory,
            clock,
            ceilings=Ceilings(settings.group_admin_max_file_size_bytes, settings.group_admin_max_quota_bytes),
            events=events,
        ),
        limit_history=LimitHistory(database),
        uploads=Uploads(
            database,
            storage,
            limits,
            reservations,
            clock,
            allowed_mime_types=settings.allowed_mime_types,
            events=events,
            metrics=telemetry.metrics,
        ),
        files=Files(
            database,
            storage,
            limits,
            ledger,
            purge,
            clock,
            url_lifetime=UrlLifetime(settings.signed_url_expires_seconds, settings.signed_url_max_seconds),
            trash_counts_toward_quota=settings.trash_counts_toward_quota,
            events=events,
        ),
        downloads=Downloads(database, storage, urls, clock, events=events),
        alerts=alerts,
        alert_deliveries=deliveries,
        jobs=_jobs(settings, clock, database, ledger, purge, alerts, events),
        watching=Watching(database, bus, directory, limits, totals, clock),
        seats=Seats(
            subscriptions_per_user=settings.max_subscriptions_per_user, sockets_per_user=settings.max_sockets_per_user
        ),
        persisted_queries=persisted,
        rates=rates,
    )


def _sinks(settings: Settings) -> list[Sink]:
    url = settings.alert_webhook_url.get_secret_value()
    return [Webhook(url, settings.alert_webhook_format)] if url else []


def _jobs(
    settings: Settings, clock: Clock, database: Database, ledger: Ledger, purge: Purge, alerts: Alerts, events: Events
) -> JobService:
    runs = JobRuns(database, alerts, clock, lease_seconds=settings.job_lease_seconds, events=events)
    trash = Retention(settings.trash_retention_days, settings.alert_orphan_threshold)
    expires = settings.upload_expires_seconds
    jobs: list[Job] = [
        OrphanedFiles(database, runs, ledger, purge, alerts, retention=trash, events=events),
        Reconciliation(database, runs, ledger, alerts, alert_bytes=settings.alert_discrepancy_bytes, events=events),
        ExpiredUploads(database, runs, ledger, purge, clock, upload_expires_seconds=expires, events=events),
    ]
    return JobService(database, runs, alerts, jobs, clock)
