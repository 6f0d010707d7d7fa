"""Objects in an S3 store: `backend` is what `Storage` holds; the vendor's libraries are imported in this package only."""

from app.storage.s3.backend import S3Backend
from app.storage.s3.config import S3Config

__all__ = ["S3Backend", "S3Config"]
