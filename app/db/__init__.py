"""The database: one connection pool, short transactions, portable SQL, migrations."""

from app.db.database import Database
from app.db.migrations import migrate

__all__ = ["Database", "migrate"]
