"""The services of one process on every pair of database and store that the suite runs on, with a clock that is set by hand."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from app.clock import FixedClock
from app.runtime import Runtime, open_runtime
from app.settings import Settings

# Settings in, a process of the deployment out: all of them are on one database, store and clock.
Deployment = Callable[..., AbstractAsyncContextManager[Runtime]]


@pytest.fixture
def deployment(
    app_database_url: str, backend: str, store_settings: dict[str, Any], tmp_path: Path, clock: FixedClock
) -> Deployment:
    """Opens processes of one deployment."""
    values: dict[str, Any] = {
        "database_url": app_database_url,
        "data_dir": tmp_path / "data",
        "local_storage_path": tmp_path / "files",
        "secret_key": "x" * 32,
        "storage_backend": backend,
        **store_settings,
    }

    def start(**settings: Any) -> AbstractAsyncContextManager[Runtime]:
        return open_runtime(Settings.load(**(values | settings)), clock)

    return start


@pytest.fixture
async def runtime(deployment: Deployment) -> AsyncIterator[Runtime]:
    """One process with the settings as they are."""
    async with deployment() as opened:
        yield opened
