"""The rules that migrations promise are found in the catalog of a migrated database, and they hold."""

from importlib import import_module
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from app.db import Database
from app.models import FileStatus
from tests.factories import make_file, make_group, make_user

rules: Any = import_module("app.migrations.0002_rules")
avatar_indexes: Any = import_module("app.migrations.0003_avatar_indexes")
folded_names: Any = import_module("app.migrations.0004_folded_names")
jobs: Any = import_module("app.migrations.0005_jobs")
identities: Any = import_module("app.migrations.0006_identities")

_CHECKS = {
    "sqlite": "SELECT name AS table_name, sql FROM sqlite_master WHERE type = 'table'",
    "postgres": """
        SELECT conrelid::regclass::text AS table_name, conname AS sql FROM pg_constraint
        WHERE contype = 'c' AND convalidated
    """,
}
_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgres": "SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = 'public'",
}


async def test_every_check_is_in_the_catalog(database: Database) -> None:
    found = await database.fetch(_CHECKS[database.dialect])
    for table, checks in rules.CHECKS.items():
        text = "\n".join(row["sql"] for row in found if row["table_name"].strip('"') == table)
        assert [name for name in checks if name not in text] == [], table


async def test_every_index_is_in_the_catalog_with_its_condition(database: Database) -> None:
    found = {row["name"]: row["sql"] for row in await database.fetch(_INDEXES[database.dialect])}
    unique = {**rules.UNIQUE_INDEXES, **jobs.UNIQUE_INDEXES, **identities.UNIQUE_INDEXES}
    indexes = {**rules.INDEXES, **unique, **avatar_indexes.INDEXES, **folded_names.INDEXES}
    for name, definition in indexes.items():
        assert name in found
        assert (" WHERE " in found[name]) == (" WHERE " in definition), found[name]
        assert ("UNIQUE" in found[name]) == (name in unique), found[name]


@pytest.mark.parametrize(
    "change",
    [
        "charged_bytes = 999",
        "size_bytes = -1, charged_bytes = -1",
        "sha256 = NULL",
        "sha256 = 'abc'",
        "status = 'LOST'",
        "status = 'SOFT_DELETED', deleted_at = NULL",
        "status = 'SOFT_DELETED', deleted_at = created_at, charged_bytes = 5",
        "status = 'PENDING', lease_expires_at = NULL",
        "status = 'PURGING', charged_bytes = 1",
    ],
)
async def test_a_file_row_that_breaks_the_ledger_rule_is_refused(database: Database, change: str) -> None:
    file = await make_file(size_bytes=1000)
    with pytest.raises(IntegrityError):
        await database.execute(f"UPDATE files SET {change} WHERE id = $1", file.id)


@pytest.mark.parametrize("status", [FileStatus.SOFT_DELETED, FileStatus.PURGING])
@pytest.mark.parametrize("charged", [0, 1000])
async def test_a_row_on_its_way_out_holds_all_or_nothing(database: Database, status: FileStatus, charged: int) -> None:
    await make_file(size_bytes=1000, status=status, charged_bytes=charged)


@pytest.mark.parametrize("value", [0, -1, 2**53])
async def test_a_limit_is_positive_and_exact_in_json(database: Database, value: int) -> None:
    user = await make_user()
    for column in ("max_file_size_bytes", "storage_quota_bytes"):
        with pytest.raises(IntegrityError):
            await database.execute(
                f"INSERT INTO user_limits (user_id, {column}, updated_at) VALUES ($1, $2, $3)",
                user.id,
                value,
                user.created_at,
            )


async def test_roots_have_slugs_of_their_own(database: Database) -> None:
    await make_group(slug="north")
    with pytest.raises(IntegrityError):
        await make_group(slug="north")


async def test_an_owner_uses_an_idempotency_key_once(database: Database) -> None:
    owner = await make_user()
    await make_file(owner, idempotency_key="one")
    await make_file(idempotency_key="one")
    with pytest.raises(IntegrityError):
        await make_file(owner, idempotency_key="one")
