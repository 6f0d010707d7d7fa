"""Rows of raw statements become the models that the ORM would have made of them, whatever a table holds."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from tortoise.models import Model

from app.models import File, FileStatus, Group, JobName, JobRun, JobStatus, User
from tests.app.db.test_database import opened
from tests.factories import make_file, make_group, make_user

_NOW = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)


async def _fill() -> None:
    owner = await make_user(is_system_admin=True, deactivated_at=_NOW)
    await make_group(await make_group())
    await make_file(owner, status=FileStatus.SOFT_DELETED, deleted_at=_NOW, claim_token=uuid4())
    await JobRun.create(
        job=JobName.QUOTA_RECONCILIATION,
        status=JobStatus.RUNNING,
        summary={"a": [1]},
        created_at=_NOW,
        requested_by=owner,
    )


@pytest.mark.parametrize("model", [User, Group, File, JobRun], ids=lambda model: model.__name__)
async def test_a_loaded_row_is_the_one_that_the_orm_reads(database_url: str, model: type[Model]) -> None:
    async with opened(database_url) as database:
        await _fill()

        loaded = await database.load(model, f"SELECT 1 AS other, item.* FROM {model._meta.db_table} AS item")

        assert loaded
        for one, row in loaded:
            known = await model.get(pk=one.pk)
            assert vars(one) == vars(known)
            assert {name: type(value) for name, value in vars(one).items()} == _types(known)
            assert row["other"] == 1


async def test_a_loaded_row_can_be_changed_and_saved(database_url: str) -> None:
    async with opened(database_url) as database:
        user = await make_user()

        [(loaded, _)] = await database.load(User, "SELECT * FROM users WHERE id = $1", user.id)
        loaded.name = "another name"
        await loaded.save()

        assert (await User.get(id=user.id)).name == "another name"


def _types(model: Model) -> dict[str, type[Any]]:
    return {name: type(value) for name, value in vars(model).items()}
