"""The whole domain, in an order in which every table finds the tables it refers to."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from app.models.files import AttachmentKind, EntityType, FileStatus
from app.models.operations import AlertSeverity, JobName, JobStatus
from app.models.people import ClassRole, GroupType, MemberRole
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="User",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("email", fields.CharField(unique=True, max_length=320)),
                ("name", fields.CharField(max_length=200)),
                ("password_hash", fields.CharField(null=True, max_length=255)),
                ("is_system_admin", fields.BooleanField(default=False)),
                ("token_generation", fields.IntField(default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("deactivated_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "users",
                "app": "satchel",
                "pk_attr": "id",
                "table_description": "A person. Deactivated rather than deleted, so that files keep their owner (R19).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Group",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=200)),
                ("slug", fields.CharField(max_length=100)),
                (
                    "type",
                    fields.CharEnumField(
                        description="DISTRICT: DISTRICT\nSCHOOL: SCHOOL\nDEPARTMENT: DEPARTMENT",
                        enum_type=GroupType,
                        max_length=16,
                    ),
                ),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="parent_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="children",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "groups",
                "app": "satchel",
                "unique_together": (("parent", "slug"),),
                "pk_attr": "id",
                "table_description": "A node of the tree district > school > department.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Membership",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "group",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="group_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        description="GROUP_ADMIN: GROUP_ADMIN\nTEACHER: TEACHER\nSTUDENT: STUDENT",
                        enum_type=MemberRole,
                        max_length=16,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "memberships",
                "app": "satchel",
                "unique_together": (("user", "group"),),
                "indexes": [Index(fields=["group_id", "role"])],
                "pk_attr": "id",
                "table_description": "A user's place in a group.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Class",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=200)),
                (
                    "group",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="group_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="classes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "classes",
                "app": "satchel",
                "indexes": [Index(fields=["group_id", "name"])],
                "pk_attr": "id",
                "table_description": "A class of a group, with its teachers and students.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ClassMember",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "school_class",
                    fields.ForeignKeyField(
                        "satchel.Class",
                        source_field="school_class_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="members",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="class_memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        description="TEACHER: TEACHER\nSTUDENT: STUDENT", enum_type=ClassRole, max_length=16
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "class_members",
                "app": "satchel",
                "unique_together": (("school_class", "user"),),
                "indexes": [Index(fields=["user_id"])],
                "pk_attr": "id",
                "table_description": "A teacher or student of a class.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Assignment",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("title", fields.CharField(max_length=200)),
                (
                    "school_class",
                    fields.ForeignKeyField(
                        "satchel.Class",
                        source_field="school_class_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="assignments",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "created_by",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="created_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="assignments_created",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "assignments",
                "app": "satchel",
                "indexes": [Index(fields=["school_class_id", "created_at"])],
                "pk_attr": "id",
                "table_description": "A piece of work set for a class.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="StorageLocation",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("backend", fields.CharField(max_length=16)),
                ("identity", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "storage_locations",
                "app": "satchel",
                "pk_attr": "name",
                "table_description": "A place where bytes live. The identity is written into the place itself and compared at every start.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="File",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="owner_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="files",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "group",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="group_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="files",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("name", fields.CharField(max_length=255)),
                ("name_folded", fields.TextField(unique=False)),
                ("mime_type", fields.CharField(max_length=255)),
                ("size_bytes", fields.BigIntField(default=0)),
                ("charged_bytes", fields.BigIntField(default=0)),
                ("sha256", fields.CharField(null=True, max_length=64)),
                (
                    "status",
                    fields.CharEnumField(
                        description="PENDING: PENDING\nACTIVE: ACTIVE\nSOFT_DELETED: SOFT_DELETED\nPURGING: PURGING",
                        enum_type=FileStatus,
                        max_length=16,
                    ),
                ),
                (
                    "location",
                    fields.ForeignKeyField(
                        "satchel.StorageLocation",
                        source_field="location_id",
                        db_constraint=True,
                        to_field="name",
                        related_name="files",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("storage_key", fields.CharField(max_length=255)),
                (
                    "entity_type",
                    fields.CharEnumField(
                        null=True,
                        description="AVATAR: AVATAR\nASSIGNMENT_ATTACHMENT: ASSIGNMENT_ATTACHMENT\nSUBMISSION_FILE: SUBMISSION_FILE",
                        enum_type=EntityType,
                        max_length=32,
                    ),
                ),
                ("entity_id", fields.UUIDField(null=True)),
                ("idempotency_key", fields.CharField(null=True, max_length=255)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("deleted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("lease_expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("claim_token", fields.UUIDField(null=True)),
                ("purge_attempts", fields.IntField(default=0)),
                ("purge_last_error", fields.TextField(null=True, unique=False)),
                ("purge_next_attempt_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "files",
                "app": "satchel",
                "unique_together": (("location", "storage_key"),),
                "pk_attr": "id",
                "table_description": "One stored object and what is known of it. The row exists before the first byte and until after the last one.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Attachment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "assignment",
                    fields.ForeignKeyField(
                        "satchel.Assignment",
                        source_field="assignment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="attachments",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "file",
                    fields.ForeignKeyField(
                        "satchel.File",
                        source_field="file_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="attachments",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "kind",
                    fields.CharEnumField(
                        default=AttachmentKind.ATTACHMENT,
                        description="ATTACHMENT: ATTACHMENT\nRUBRIC: RUBRIC\nEXAMPLE: EXAMPLE",
                        enum_type=AttachmentKind,
                        max_length=16,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "attachments",
                "app": "satchel",
                "unique_together": (("assignment", "file"),),
                "indexes": [Index(fields=["file_id"])],
                "pk_attr": "id",
                "table_description": "A file's place in an assignment. The serial key is the order of adding.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UserStorage",
            fields=[
                (
                    "user",
                    fields.OneToOneField(
                        "satchel.User",
                        source_field="user_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="storage",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("used_bytes", fields.BigIntField(default=0)),
                ("trash_bytes", fields.BigIntField(default=0)),
            ],
            options={
                "table": "user_storage",
                "app": "satchel",
                "pk_attr": "user_id",
                "table_description": "The ledger: at every committed instant `used_bytes` is the sum of `charged_bytes` over the user's files,",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UserLimit",
            fields=[
                (
                    "user",
                    fields.OneToOneField(
                        "satchel.User",
                        source_field="user_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="limit_override",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("max_file_size_bytes", fields.BigIntField(null=True)),
                ("storage_quota_bytes", fields.BigIntField(null=True)),
                (
                    "set_by",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="set_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="limits_set",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("reason", fields.TextField(null=True, unique=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_limits",
                "app": "satchel",
                "pk_attr": "user_id",
                "table_description": "The third tier: one user's override. A null field is not overridden. Bytes.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RoleLimit",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "group",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="group_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="role_limits",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        description="GROUP_ADMIN: GROUP_ADMIN\nTEACHER: TEACHER\nSTUDENT: STUDENT",
                        enum_type=MemberRole,
                        max_length=16,
                    ),
                ),
                ("max_file_size_bytes", fields.BigIntField(null=True)),
                ("storage_quota_bytes", fields.BigIntField(null=True)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "role_limits",
                "app": "satchel",
                "unique_together": (("group", "role"),),
                "pk_attr": "id",
                "table_description": "The second tier: what a role earns in a group and below it, until a nearer group says otherwise. Bytes.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LimitChange",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="user_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="limit_history",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "group",
                    fields.ForeignKeyField(
                        "satchel.Group",
                        source_field="group_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="limit_history",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        null=True,
                        description="GROUP_ADMIN: GROUP_ADMIN\nTEACHER: TEACHER\nSTUDENT: STUDENT",
                        enum_type=MemberRole,
                        max_length=16,
                    ),
                ),
                (
                    "changed_by",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="changed_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="limit_changes_made",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("reason", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("old_max_file_size_bytes", fields.BigIntField(null=True)),
                ("new_max_file_size_bytes", fields.BigIntField(null=True)),
                ("old_storage_quota_bytes", fields.BigIntField(null=True)),
                ("new_storage_quota_bytes", fields.BigIntField(null=True)),
            ],
            options={
                "table": "limit_changes",
                "app": "satchel",
                "indexes": [
                    Index(fields=["user_id", "created_at", "id"]),
                    Index(fields=["group_id", "created_at", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "History: who changed which limit, when, why, from what to what (R25). Bytes, and null where nothing was set.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JobRun",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "job",
                    fields.CharEnumField(
                        description="ORPHANED_FILE_CLEANUP: orphaned_file_cleanup\nQUOTA_RECONCILIATION: quota_reconciliation\nEXPIRED_UPLOAD_CLEANUP: expired_upload_cleanup",
                        enum_type=JobName,
                        max_length=32,
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="QUEUED: QUEUED\nRUNNING: RUNNING\nSUCCEEDED: SUCCEEDED\nFAILED: FAILED",
                        enum_type=JobStatus,
                        max_length=16,
                    ),
                ),
                ("dry_run", fields.BooleanField(default=False)),
                (
                    "requested_by",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="requested_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="job_runs_requested",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("tick", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("processed", fields.BigIntField(default=0)),
                ("total", fields.BigIntField(null=True)),
                ("summary", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("error", fields.TextField(null=True, unique=False)),
                ("claim_token", fields.UUIDField(null=True)),
                ("claim_expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("reclaims", fields.IntField(default=0)),
            ],
            options={
                "table": "job_runs",
                "app": "satchel",
                "unique_together": (("job", "tick"),),
                "indexes": [Index(fields=["job", "created_at", "id"]), Index(fields=["created_at", "id"])],
                "pk_attr": "id",
                "table_description": "One run of a job: the truth about it. `tick` is the scheduled moment, unique per job, so that two schedulers",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Alert",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=64)),
                (
                    "severity",
                    fields.CharEnumField(
                        description="INFO: INFO\nWARNING: WARNING\nCRITICAL: CRITICAL",
                        enum_type=AlertSeverity,
                        max_length=16,
                    ),
                ),
                ("message", fields.TextField(unique=False)),
                ("details", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                (
                    "job_run",
                    fields.ForeignKeyField(
                        "satchel.JobRun",
                        source_field="job_run_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="alerts",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("acknowledged_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "acknowledged_by",
                    fields.ForeignKeyField(
                        "satchel.User",
                        source_field="acknowledged_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="alerts_acknowledged",
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
            ],
            options={
                "table": "alerts",
                "app": "satchel",
                "unique_together": (("job_run", "kind"),),
                "indexes": [Index(fields=["created_at", "id"])],
                "pk_attr": "id",
                "table_description": "Something an operator must know, written in the transaction of its cause. One per run and kind.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AlertDelivery",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "alert",
                    fields.ForeignKeyField(
                        "satchel.Alert",
                        source_field="alert_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("sink", fields.CharField(max_length=64)),
                ("attempts", fields.IntField(default=0)),
                ("next_attempt_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("delivered_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_error", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "alert_deliveries",
                "app": "satchel",
                "unique_together": (("alert", "sink"),),
                "pk_attr": "id",
                "table_description": "The outbox: one row per alert and sink, kept until the sink has taken it.",
            },
            bases=["Model"],
        ),
        # Users, groups and classes point at files, and files at users and groups: these columns close the circle.
        ops.AddField(
            model_name="User",
            name="avatar",
            field=fields.ForeignKeyField(
                "satchel.File",
                source_field="avatar_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="avatar_of_users",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        ops.AddField(
            model_name="Group",
            name="avatar",
            field=fields.ForeignKeyField(
                "satchel.File",
                source_field="avatar_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="avatar_of_groups",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        ops.AddField(
            model_name="Class",
            name="avatar",
            field=fields.ForeignKeyField(
                "satchel.File",
                source_field="avatar_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="avatar_of_classes",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        # Tortoise's own state names these keys after their column; without the next two it would propose them for ever.
        ops.AlterModelOptions(
            name="UserLimit",
            options={
                "table": "user_limits",
                "app": "satchel",
                "pk_attr": "user_id",
                "table_description": "The third tier: one user's override. A null field is not overridden. Bytes.",
            },
        ),
        ops.AlterModelOptions(
            name="UserStorage",
            options={
                "table": "user_storage",
                "app": "satchel",
                "pk_attr": "user_id",
                "table_description": (
                    "The ledger: at every committed instant `used_bytes` is the sum of `charged_bytes` over the user's files,"
                ),
            },
        ),
    ]
