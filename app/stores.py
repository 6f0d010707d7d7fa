"""From the settings to the storage: a backend for the default location and for each further one."""

from typing import TYPE_CHECKING

from app.clock import Clock
from app.settings import Settings, SettingsError
from app.storage.backend import Backend
from app.storage.local import LocalBackend
from app.storage.locations import LocalLocation, S3Location
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from app.telemetry.metrics import Metrics
from app.telemetry.storage_watch import StorageWatch

if TYPE_CHECKING:
    from app.storage.s3 import S3Config

_S3_VARIABLES = "S3_*"


def make_storage(settings: Settings, urls: UrlSigner, clock: Clock, metrics: Metrics) -> Storage:
    """The storage, not opened yet. The default location is called what its backend is called.

    Raises SettingsError for a store that cannot be meant.
    """
    check_stores(settings)
    name = settings.storage_backend
    backends: dict[str, Backend] = {name: _default(settings, urls, clock)}
    for extra in settings.storage_extra_locations:
        backends[extra.name] = _extra(extra, settings, urls, clock)
    watch = StorageWatch(metrics)
    return Storage(backends, default=name, timeout_seconds=settings.storage_timeout_seconds, watch=watch)


def check_stores(settings: Settings) -> None:
    """Raise SettingsError, as `make_storage` would, without making anything: for a start that is to fail with one line."""
    names: set[str] = {settings.storage_backend}
    for extra in settings.storage_extra_locations:
        if extra.name in names:
            raise SettingsError(f"STORAGE_EXTRA_LOCATIONS: there are two locations called {extra.name!r}")
        names.add(extra.name)
        if isinstance(extra, S3Location):
            _s3_config(extra, settings, _variable(extra))
    if settings.storage_backend == "s3":
        _s3_config(_s3_default(settings), settings, _S3_VARIABLES)


def _default(settings: Settings, urls: UrlSigner, clock: Clock) -> Backend:
    name = settings.storage_backend
    if name == "memory":
        return MemoryBackend(location=name, signer=urls)
    if name == "local":
        return LocalBackend(settings.resolved_local_storage_path, location=name, signer=urls)
    return _s3(_s3_default(settings), settings, clock, variable=_S3_VARIABLES)


def _s3_default(settings: Settings) -> S3Location:
    return S3Location(
        name="s3",
        backend="s3",
        bucket=settings.s3_bucket,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        region=settings.s3_region,
        force_path_style=settings.s3_force_path_style,
    )


def _extra(extra: LocalLocation | S3Location, settings: Settings, urls: UrlSigner, clock: Clock) -> Backend:
    if isinstance(extra, LocalLocation):
        return LocalBackend(extra.path, location=extra.name, signer=urls)
    return _s3(extra, settings, clock, variable=_variable(extra))


def _variable(extra: S3Location) -> str:
    return f"STORAGE_EXTRA_LOCATIONS: {extra.name}"


def _s3(location: S3Location, settings: Settings, clock: Clock, *, variable: str) -> Backend:
    from app.storage.s3 import S3Backend

    return S3Backend(_s3_config(location, settings, variable), location=location.name, clock=clock)


def _s3_config(location: S3Location, settings: Settings, variable: str) -> "S3Config":
    # Imported late: the vendor's libraries take a second and 40 MB that a local store need not pay.
    from app.storage.s3 import S3Config

    try:
        return S3Config(
            bucket=location.bucket,
            access_key_id=location.access_key_id,
            secret_access_key=location.secret_access_key.get_secret_value(),
            endpoint=location.endpoint,
            public_endpoint=location.public_endpoint,
            region=location.region,
            force_path_style=location.force_path_style,
            timeout_seconds=settings.storage_timeout_seconds,
        )
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from error
