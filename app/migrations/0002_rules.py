"""The rules that the database itself holds: the ledger rule, positive limits, and the indexes of the hot paths.

The catalog test reads CHECKS and INDEXES, so what stands here is what must be found in a migrated database.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

from app.db.rules import add_checks, add_indexes

_LIMIT = "{0} IS NULL OR ({0} > 0 AND {0} < 9007199254740992)"
_HASH = "sha256 IS NULL OR length(sha256) = 64"

CHECKS: dict[str, dict[str, str]] = {
    "files": {
        "files_status_known": "status IN ('PENDING', 'ACTIVE', 'SOFT_DELETED', 'PURGING')",
        "files_size_not_negative": "size_bytes >= 0",
        # requirements.md, "The ledger rule".
        "files_charge_follows_status": (
            "(status = 'ACTIVE' AND charged_bytes = size_bytes)"
            " OR (status = 'PENDING' AND charged_bytes >= 0)"
            " OR (status IN ('SOFT_DELETED', 'PURGING') AND (charged_bytes = 0 OR charged_bytes = size_bytes))"
        ),
        "files_active_is_complete": "status <> 'ACTIVE' OR sha256 IS NOT NULL",
        "files_trash_has_a_date": "status <> 'SOFT_DELETED' OR deleted_at IS NOT NULL",
        "files_pending_has_a_lease": "status <> 'PENDING' OR lease_expires_at IS NOT NULL",
        "files_sha256_is_whole": _HASH,
    },
    "user_storage": {
        "user_storage_used_not_negative": "used_bytes >= 0",
        "user_storage_trash_not_negative": "trash_bytes >= 0",
    },
    "user_limits": {
        "user_limits_file_size": _LIMIT.format("max_file_size_bytes"),
        "user_limits_quota": _LIMIT.format("storage_quota_bytes"),
    },
    "role_limits": {
        "role_limits_file_size": _LIMIT.format("max_file_size_bytes"),
        "role_limits_quota": _LIMIT.format("storage_quota_bytes"),
    },
    "groups": {"groups_not_own_parent": "parent_id IS NULL OR parent_id <> id"},
    "job_runs": {"job_runs_progress_not_negative": "processed >= 0 AND (total IS NULL OR total >= 0)"},
}

INDEXES: dict[str, str] = {
    # The sweeps find their work without reading the table.
    "files_pending_lease": "ON files (lease_expires_at) WHERE status = 'PENDING'",
    "files_purging_due": "ON files (purge_next_attempt_at) WHERE status = 'PURGING'",
    "files_trash_age": "ON files (deleted_at, id) WHERE status = 'SOFT_DELETED'",
    # Keyset paging: one index per order, by owner, by group and over all.
    "files_owner_created": "ON files (owner_id, created_at, id)",
    "files_owner_name": "ON files (owner_id, name_folded {bytewise}, id)",
    "files_owner_size": "ON files (owner_id, size_bytes, id)",
    "files_group_created": "ON files (group_id, created_at, id) WHERE group_id IS NOT NULL",
    "files_created": "ON files (created_at, id)",
    "files_name": "ON files (name_folded {bytewise}, id)",
    "files_size": "ON files (size_bytes, id)",
    "files_entity": "ON files (entity_id, entity_type) WHERE entity_id IS NOT NULL",
    "alerts_open": "ON alerts (created_at, id) WHERE acknowledged_at IS NULL",
    "alert_deliveries_due": "ON alert_deliveries (next_attempt_at) WHERE delivered_at IS NULL",
    "job_runs_unfinished": "ON job_runs (job, created_at) WHERE status IN ('QUEUED', 'RUNNING')",
}

UNIQUE_INDEXES: dict[str, str] = {
    "files_idempotency_key": "ON files (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
    # NULLs are distinct in a unique constraint, so the roots need an index of their own.
    "groups_root_slug": "ON groups (slug) WHERE parent_id IS NULL",
}


async def _forward(_apps: Any, editor: Any) -> None:
    for table, checks in CHECKS.items():
        await add_checks(editor, table, checks)
    await add_indexes(editor, [f"CREATE INDEX {name} {rest}" for name, rest in INDEXES.items()])
    await add_indexes(editor, [f"CREATE UNIQUE INDEX {name} {rest}" for name, rest in UNIQUE_INDEXES.items()])


class Migration(migrations.Migration):
    dependencies = [("satchel", "0001_initial")]
    initial = False

    operations = [ops.RunPython(_forward)]
