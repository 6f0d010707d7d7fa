"""Users of the platform's identity provider: who they are there, and from when on its tokens count.

UNIQUE_INDEXES is what must be found in a migrated database.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from app.db.rules import add_indexes

UNIQUE_INDEXES: dict[str, str] = {
    "users_identity": "ON users (identity_issuer, identity_subject) WHERE identity_subject IS NOT NULL",
}


async def _forward(_apps: Any, editor: Any) -> None:
    await add_indexes(editor, [f"CREATE UNIQUE INDEX {name} {rest}" for name, rest in UNIQUE_INDEXES.items()])


class Migration(migrations.Migration):
    dependencies = [("satchel", "0005_jobs")]
    initial = False

    operations = [
        ops.AddField(model_name="User", name="tokens_valid_after", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="User", name="identity_issuer", field=fields.CharField(null=True, max_length=255)),
        ops.AddField(model_name="User", name="identity_subject", field=fields.CharField(null=True, max_length=255)),
        ops.RunPython(_forward),
    ]
