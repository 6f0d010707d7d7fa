"""Finding the people and places whose avatar a file is: who may read it asks, and so does every row of a file that goes.

INDEXES is what must be found in a migrated database.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

from app.db.rules import add_indexes

INDEXES: dict[str, str] = {
    f"{table}_avatar": f"ON {table} (avatar_id) WHERE avatar_id IS NOT NULL" for table in ("users", "groups", "classes")
}


async def _forward(_apps: Any, editor: Any) -> None:
    await add_indexes(editor, [f"CREATE INDEX {name} {rest}" for name, rest in INDEXES.items()])


class Migration(migrations.Migration):
    dependencies = [("satchel", "0002_rules")]
    initial = False

    operations = [ops.RunPython(_forward)]
