"""From a database URL to Tortoise's configuration."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

APP = "satchel"


def dialect_of(url: str) -> str:
    """`sqlite` or `postgres`. Raises ValueError for any other scheme."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return "sqlite"
    if scheme in {"postgres", "postgresql"}:
        return "postgres"
    raise ValueError(
        f"unsupported database scheme {scheme!r}: use sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME"
    )


def sqlite_path(url: str) -> str:
    """The file of a SQLite URL: `sqlite:///relative` or `sqlite:////absolute`."""
    path = unquote(url.partition("://")[2].partition("?")[0])
    return path.removeprefix("/") if path.startswith("/") else path


def tortoise_config(url: str, *, pool_min: int = 1, pool_max: int = 10) -> dict[str, Any]:
    """Tortoise's configuration for `url`, with the engines of this package instead of the stock ones.

    Raises ValueError for a URL that is neither SQLite nor PostgreSQL.
    """
    # Tortoise keeps the SQL it has built by the connection's name, for the whole process: one name for each dialect.
    name = dialect_of(url)
    if name == "sqlite":
        connection = {
            "engine": "app.db.sqlite_engine",
            # FULL makes a commit survive a power cut, as PostgreSQL's default does.
            "credentials": {"file_path": sqlite_path(url), "synchronous": "FULL", "busy_timeout": 10_000},
        }
    else:
        parts = urlsplit(url)
        credentials: dict[str, Any] = {
            "host": parts.hostname or "127.0.0.1",
            "port": parts.port or 5432,
            "user": unquote(parts.username or "postgres"),
            "password": unquote(parts.password or ""),
            "database": unquote(parts.path.lstrip("/")) or "postgres",
            "minsize": pool_min,
            "maxsize": pool_max,
            # Prepared statements outlive a transaction, and PgBouncer in transaction mode does not keep them.
            "statement_cache_size": 0 if _flag(parts.query, "pgbouncer") else 100,
        }
        connection = {"engine": "app.db.postgres_engine", "credentials": credentials}
    return {
        "connections": {name: connection},
        "apps": {
            APP: {
                "models": ["app.models"],
                "migrations": "app.migrations",
                "default_connection": name,
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def _flag(query: str, name: str) -> bool:
    return dict(parse_qsl(query)).get(name, "").lower() in {"1", "true", "yes", "on"}
