"""A migrated database is what the models say, on every database."""

from collections.abc import AsyncIterator

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.models import Model

from app import models
from app.db import Database
from app.db.config import tortoise_config

# Where Tortoise, and SQLite for its counters, keep their own books.
_OTHER_TABLES = {"tortoise_migrations", "sqlite_sequence"}

_COLUMNS = {
    "sqlite": 'SELECT m.name AS "table", c.name AS "column", NOT (c."notnull" OR c.pk) AS nullable'
    " FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    "postgres": 'SELECT table_name AS "table", column_name AS "column", is_nullable = \'YES\' AS nullable'
    " FROM information_schema.columns WHERE table_schema = current_schema()",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


async def test_the_generator_of_migrations_finds_nothing_to_add() -> None:
    configuration = tortoise_config("sqlite://:memory:")
    async with TortoiseContext() as context:
        await context.init(config=configuration)
        assert context.apps is not None
        writers = await MigrationAutodetector(context.apps, configuration["apps"]).changes()
        changes = [
            f"{type(operation).__name__}: {vars(operation)}" for writer in writers for operation in writer.operations
        ]
    assert changes == [], "the models have changed: write a migration"


async def test_a_migrated_database_has_the_columns_of_the_models(database: Database) -> None:
    wanted = {
        (model._meta.db_table, column): model._meta.fields_map[field].null
        for model in _models()
        for field, column in model._meta.fields_db_projection.items()
    }
    rows = await database.fetch(_COLUMNS[database.dialect])
    found = {(row["table"], row["column"]): bool(row["nullable"]) for row in rows if row["table"] not in _OTHER_TABLES}

    assert sorted(set(wanted) - set(found)) == [], "columns that no migration makes"
    assert sorted(set(found) - set(wanted)) == [], "columns that no model has"
    assert {column: nullable for column, nullable in found.items() if wanted[column] != nullable} == {}, "may be null"


def _models() -> list[type[Model]]:
    return [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, Model)]
