"""People who were there before names were folded are found like everybody else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from app.db import Database, config, migrate
from tests.fixtures.servers.databases import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that no migration has been applied to."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


async def test_the_names_of_users_who_are_there_are_folded(empty_url: str) -> None:
    await _migrate_to(empty_url, "0003_avatar_indexes")
    names = ["Åsa", "ZOË", "plain", "Straße"]
    await _insert(empty_url, names)

    assert "0004_folded_names" in await migrate(empty_url)

    database = Database(empty_url)
    await database.open()
    rows = await database.fetch("SELECT name, name_folded FROM users")
    await database.close()
    assert {row["name"]: row["name_folded"] for row in rows} == {
        "Åsa": "åsa",
        "ZOË": "zoë",
        "plain": "plain",
        "Straße": "strasse",
    }


async def _migrate_to(url: str, name: str) -> None:
    configuration = config.tortoise_config(url)
    async with TortoiseContext() as context:
        await context.init(config=configuration)
        executor = MigrationExecutor(context.db(), configuration["apps"])
        await executor.migrate([MigrationTarget(app_label=config.APP, name=name)])


async def _insert(url: str, names: list[str]) -> None:
    database = Database(url)
    await database.open()
    for name in names:
        await database.execute(
            "INSERT INTO users (id, email, name, is_system_admin, token_generation, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, 0, $5, $5)",
            uuid4(),
            f"{uuid4().hex}@example.org",
            name,
            False,
            datetime.now(UTC),
        )
    await database.close()
