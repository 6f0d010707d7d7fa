"""Running sites."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.app.web.live import Site, site_on


@pytest.fixture(params=["memory", "local"])
async def site(request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Site]:
    """A site on SQLite, once for each storage backend."""
    async with site_on(tmp_path, sqlite_url, storage_backend=request.param) as opened:
        yield opened


@pytest.fixture
async def local_site(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Site]:
    """A site on SQLite with local storage."""
    async with site_on(tmp_path, sqlite_url) as opened:
        yield opened
