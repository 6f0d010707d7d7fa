"""The application for what has nothing to do with where bytes lie: with memory storage, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.app import Satchel, running
from tests.fixtures.databases import DATABASES
from tests.fixtures.servers.databases import PostgresServer


@pytest.fixture(params=[DATABASES[0], DATABASES[-1]])
def school_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database: what differs between versions of PostgreSQL is tested below GraphQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: PostgresServer = request.getfixturevalue(request.param)
    url = server.migrated_database()
    yield url
    server.drop_database(url)


@pytest.fixture
async def school(school_database_url: str, app_settings: dict[str, Any], tmp_path: Path) -> AsyncIterator[Satchel]:
    """The running application with its people."""
    async with running(school_database_url, "memory", tmp_path, app_settings) as satchel:
        yield satchel
        await satchel.assert_consistent()
