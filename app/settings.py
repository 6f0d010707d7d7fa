"""Every setting, from the environment: name, type, default and one line of meaning. A wrong value stops the start."""

import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from app.guard_settings import GuardSettings, List, Seconds
from app.origins import as_origin, is_web_address, origin_of
from app.storage.locations import ExtraLocation

MAX_SAFE_INTEGER = 2**53 - 1  # what a JSON number carries exactly, and so what a byte count may reach
_MIB = 1024 * 1024

Bytes = Annotated[int, Field(gt=0, le=MAX_SAFE_INTEGER)]


class SettingsError(Exception):
    """One line for the operator: the variable's name and what is wrong with it."""


class Settings(GuardSettings):
    """Frozen; made once per process by `Settings.load()`. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field("", description="Where clients reach this service; empty: `http://HOST:PORT`.")
    data_dir: Path = Field(Path("data"), description="Folder of the embedded database, files and secret key.")

    database_url: str = Field("", description="`postgres://…` or `sqlite:///…`; empty: SQLite in `DATA_DIR`.")
    database_pool_min: int = Field(1, ge=0, le=1000, description="Database connections kept open per process.")
    database_pool_max: int = Field(10, ge=1, le=1000, description="Database connections per process at most.")

    redis_url: str = Field(
        "", description="`redis://HOST:PORT/NUMBER`, `rediss://…` or `unix://…`; empty: jobs run in the web process."
    )
    event_stream_max_length: int = Field(
        10_000, ge=100, le=10_000_000, description="Events kept for subscribers who come back, in Redis or in memory."
    )
    schedule_timezone: str = Field("UTC", description="Zone of the jobs' schedules, such as `Europe/Berlin`.")

    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs tokens and URLs, 32 bytes or more; embedded: made once in `DATA_DIR`."
    )
    token_expires_seconds: Seconds = Field(86_400, description="How long a login token is valid.")

    jwt_jwks_url: str = Field(
        "", description="Key set of the platform's identity provider, whose tokens then count; empty: own tokens only."
    )
    jwt_issuer: Annotated[str, Field(max_length=255)] = Field("", description="`iss` of the provider's tokens.")
    jwt_audience: str = Field("", description="What `aud` of the provider's tokens must name.")
    jwt_auto_provision: bool = Field(
        False, description="Whether the provider's users become users here at their first request."
    )

    storage_backend: Literal["local", "s3", "memory"] = Field(
        "local", description="Where new uploads go: `local` or `s3` (`memory` forgets everything at the end)."
    )
    local_storage_path: Path | None = Field(None, description="Folder of the local files; empty: `DATA_DIR/files`.")
    storage_extra_locations: tuple[ExtraLocation, ...] = Field(
        (), description="Further stores that older files live in, as a JSON list: see *Moving to another store*."
    )
    s3_endpoint: str = Field("", description="`https://HOST[:PORT]` of the object store; empty: Amazon's own.")
    s3_public_endpoint: str = Field("", description="The same as clients reach it, where that is another name.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_bucket: str = Field("", description="The bucket, which must exist.")
    s3_access_key_id: str = Field("", description="Access key.")
    s3_secret_access_key: SecretStr = Field(SecretStr(""), description="Its secret.")
    s3_force_path_style: bool = Field(
        False, description="`HOST/BUCKET/KEY` instead of `BUCKET.HOST/KEY`, as MinIO and most others want it."
    )
    storage_timeout_seconds: Seconds = Field(30, description="Bound on one step of progress of a storage call.")

    default_max_file_size_bytes: Bytes = Field(10 * _MIB, description="Limit of one file unless a tier says otherwise.")
    default_storage_quota_bytes: Bytes = Field(
        1024 * _MIB, description="Quota of one user unless a tier says otherwise."
    )
    group_admin_max_file_size_bytes: Bytes = Field(
        100 * _MIB, description="Highest limit of one file that a group admin may set, where no group above sets one."
    )
    group_admin_max_quota_bytes: Bytes = Field(
        10 * 1024 * _MIB, description="Highest quota that a group admin may set, where no group above sets one."
    )
    trash_counts_toward_quota: bool = Field(
        False, description="Whether files in the trash stay charged until they are purged."
    )
    trash_quota_factor: int = Field(
        2, ge=0, le=1000, description="Uploads are refused while used + trash would pass quota × this; 0: no bound."
    )
    trash_retention_days: int = Field(
        30, ge=0, le=36_500, description="Days that a file stays in the trash before the cleanup takes it."
    )
    upload_expires_seconds: Seconds = Field(
        900, description="How long after its lease an abandoned upload is cleared, and the grace of a failed one."
    )
    allowed_mime_types: List = Field(
        (), description="Accepted types, comma-separated, `image/*` allowed; empty: all but executables."
    )
    max_attachments_per_assignment: int = Field(
        10, ge=1, le=1000, description="Attachments per assignment at most, those in the trash included."
    )

    job_lease_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        60, description="How long a job's worker may be silent before others take over what it held."
    )
    job_batch_files: int = Field(1000, ge=1, le=1000, description="Files that are deleted in one go at most.")
    alert_orphan_threshold: int = Field(
        1000, ge=0, description="More files than this waiting for the cleanup are an alert."
    )
    alert_discrepancy_bytes: int = Field(
        100 * _MIB, ge=0, le=MAX_SAFE_INTEGER, description="A ledger that is off by more than this is an alert."
    )
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), description="Where alerts are delivered to, `https://HOST/PATH`; empty: nowhere."
    )
    alert_webhook_format: Literal["generic", "alertmanager"] = Field(
        "generic", description="What it takes: `generic` JSON or `alertmanager` (version 2 of its API)."
    )

    signed_url_expires_seconds: Seconds = Field(900, description="Validity of a signed URL unless asked otherwise.")
    signed_url_max_seconds: Annotated[int, Field(ge=1, le=604_800)] = Field(
        3600, description="Longest validity a client may ask for."
    )

    max_subscriptions_per_user: int = Field(
        100, ge=1, description="Subscriptions that one user may have open, in each process."
    )
    max_sockets_per_user: int = Field(50, ge=1, description="WebSockets that one user may have open, in each process.")
    max_operations_per_socket: int = Field(
        100, ge=1, description="Operations that may run on one WebSocket at one time."
    )

    cors_origins: List = Field(
        (), description="Origins of browser front ends, such as `https://school.example`, comma-separated; `*` for any."
    )
    shutdown_grace_seconds: Seconds = Field(
        30, description="How long a stopping server lets requests in flight finish."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="What `/metrics` asks for as a bearer token; empty: it is open to everyone."
    )
    metrics_host: str = Field("127.0.0.1", description="Address that a worker or scheduler shows its metrics on.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port for that; 0: none. A server has `/metrics` on its own port."
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
            raise ValueError("use sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME")
        # What nobody reads must not look as if it counted: `sslmode` least of all.
        if unknown := sorted(dict(parse_qsl(urlsplit(value).query, keep_blank_values=True)).keys() - {"pgbouncer"}):
            raise ValueError(f"{unknown[0]} does not count here; TLS has PGSSLMODE and PGSSLROOTCERT")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        try:
            known = urlsplit(value).scheme in {"", "redis", "rediss", "unix"} and urlsplit(value).port != 0
        except ValueError:  # of a port that is none
            known = False
        if value and not (known and "://" in value):
            raise ValueError("use redis://HOST:PORT/NUMBER, rediss://… or unix://…")
        return value

    @field_validator("schedule_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("use a name such as UTC or Europe/Berlin") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and not is_web_address(value):
            raise ValueError("use https://HOST")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # Written as browsers write them, since that is what they are compared with, letter by letter.
        try:
            return tuple(part if part == "*" else as_origin(part) for part in value)
        except ValueError:
            raise ValueError("use origins such as https://school.example, without a path") from None

    @field_validator("jwt_jwks_url", "alert_webhook_url")
    @classmethod
    def _reachable(cls, value: str | SecretStr) -> str | SecretStr:
        url = value.get_secret_value() if isinstance(value, SecretStr) else value
        if url and not is_web_address(url):
            raise ValueError("use https://HOST/PATH")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value().encode()) < 32:
            raise ValueError("must be 32 bytes or more")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.database_pool_min > self.database_pool_max:
            raise ValueError("DATABASE_POOL_MIN must not be above DATABASE_POOL_MAX")
        if self.signed_url_expires_seconds > self.signed_url_max_seconds:
            raise ValueError("SIGNED_URL_EXPIRES_SECONDS must not be above SIGNED_URL_MAX_SECONDS")
        if self.storage_backend == "s3":
            for name in ("s3_bucket", "s3_access_key_id", "s3_secret_access_key"):
                if not _given(getattr(self, name)):
                    raise ValueError(f"{name.upper()} is required with STORAGE_BACKEND=s3")
        self._check_identity_provider()
        if self.persisted_queries == "only" and self.persisted_queries_file is None:
            raise ValueError("PERSISTED_QUERIES_FILE is required with PERSISTED_QUERIES=only")
        if not self.embedded and not self.secret_key.get_secret_value():
            raise ValueError("SECRET_KEY is required with a database server or Redis (32 bytes or more)")
        return self

    def _check_identity_provider(self) -> None:
        given = {name: bool(getattr(self, name.lower())) for name in ("JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE")}
        missing = [name for name, is_given in given.items() if not is_given]
        if missing and (len(missing) < len(given) or self.jwt_auto_provision):
            raise ValueError(f"{missing[0]} is required: JWT_JWKS_URL, JWT_ISSUER and JWT_AUDIENCE belong together")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment; keyword arguments win. Raises SettingsError with one line that names the variable."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]).upper()
            message = str(first["msg"]).removeprefix("Value error, ")
            raise SettingsError(f"{name}: {message}" if name else message) from error
        except UnreadableSetting as error:  # JSON that is none
            raise SettingsError("STORAGE_EXTRA_LOCATIONS: must be a JSON list of locations") from error

    @property
    def embedded(self) -> bool:
        """One process on SQLite, without Redis: everything is optional."""
        return not self.redis_url and self.has_embedded_database

    @property
    def has_embedded_database(self) -> bool:
        """SQLite."""
        return not self.database_url or self.database_url.startswith("sqlite")

    @property
    def shows_ide(self) -> bool:
        """Whether GraphiQL is served."""
        return self.embedded if self.graphql_ide is None else self.graphql_ide

    @property
    def allows_introspection(self) -> bool:
        """Whether clients may ask for the schema."""
        return self.embedded if self.graphql_introspection is None else self.graphql_introspection

    @property
    def resolved_database_url(self) -> str:
        """The database's URL, the embedded one included."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'satchel.sqlite3'}"

    @property
    def resolved_public_url(self) -> str:
        """The prefix of every URL that is handed out."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The origins of pages that may open sockets, beside those of the host that a request names.

        A proxy may hand on another host than the one that clients see: then only `PUBLIC_URL` tells which pages are our own.
        """
        return (*self.cors_origins, origin_of(self.public_url)) if self.public_url else self.cors_origins

    @property
    def resolved_local_storage_path(self) -> Path:
        """The root of the local backend."""
        return self.local_storage_path or self.data_dir / "files"

    def signing_key(self) -> bytes:
        """SECRET_KEY, or the embedded one: made once in `DATA_DIR/secret_key`, readable by its owner only."""
        given = self.secret_key.get_secret_value()
        return given.encode() if given else _embedded_key(self.data_dir / "secret_key")


def _given(value: str | SecretStr) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _embedded_key(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Written whole under another name and then linked: of two processes that start at once, both read one key.
        # A process id would not tell them apart: in containers that share the folder, each may be number 1.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise SettingsError(f"SECRET_KEY: {path.name} in DATA_DIR holds less than 32 bytes")
    return key
