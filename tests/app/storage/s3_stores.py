"""Backends on buckets for the tests of S3 alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.storage.s3 import S3Backend, S3Config
from tests.contract.harness import data_of


@asynccontextmanager
async def opened(config: S3Config, **options: Any) -> AsyncIterator[S3Backend]:
    """An open backend."""
    backend = S3Backend(config, location="main", **options)
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()


async def quickly(size: int, chunk: int = 64 * 1024) -> AsyncIterator[bytes]:
    """The bytes of `data_of(size)`, all there at once."""
    data = data_of(size)
    for start in range(0, size, chunk):
        yield data[start : start + chunk]
