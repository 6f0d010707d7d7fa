"""People are found and listed by name without regard to case: the column that is compared, and the orders of the list.

INDEXES is what must be found in a migrated database.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from app.db.rules import add_indexes
from app.models.folding import fold_name

INDEXES: dict[str, str] = {
    "users_name": "ON users (name_folded {bytewise}, id)",
    "users_created": "ON users (created_at, id)",
}


async def _forward(_apps: Any, editor: Any) -> None:
    client = editor.client
    value, key = ("?", "?") if editor.DIALECT == "sqlite" else ("$1", "$2")
    for row in await client.execute_query_dict("SELECT id, name FROM users"):
        await client.execute_query(
            f"UPDATE users SET name_folded = {value} WHERE id = {key}",  # noqa: S608 - placeholders only
            [fold_name(row["name"]), row["id"]],
        )
    await add_indexes(editor, [f"CREATE INDEX {name} {rest}" for name, rest in INDEXES.items()])


class Migration(migrations.Migration):
    dependencies = [("satchel", "0003_avatar_indexes")]
    initial = False

    operations = [
        ops.AddField(model_name="User", name="name_folded", field=fields.TextField(db_default="", unique=False)),
        ops.RunPython(_forward),
    ]
