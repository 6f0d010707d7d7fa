"""What runs of jobs are kept by: whose batch a file is in, how far a run has come, and one unfinished run of each job.

INDEXES is what must be found in a migrated database.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from app.db.rules import add_indexes

# A rehearsal stands in nobody's way, and nobody in its.
UNIQUE_INDEXES: dict[str, str] = {
    "job_runs_live": "ON job_runs (job, dry_run) WHERE status IN ('QUEUED', 'RUNNING')",
}


async def _forward(_apps: Any, editor: Any) -> None:
    await add_indexes(editor, [f"CREATE UNIQUE INDEX {name} {rest}" for name, rest in UNIQUE_INDEXES.items()])


class Migration(migrations.Migration):
    dependencies = [("satchel", "0004_folded_names")]
    initial = False

    operations = [
        ops.AddField(model_name="File", name="claim_run_id", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="JobRun", name="cursor", field=fields.TextField(null=True, unique=False)),
        ops.RunPython(_forward),
    ]
