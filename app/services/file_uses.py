"""Where files are shown to more people than those who hold them: as avatars, as attachments, as submissions."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from app.db import Database
from app.db.sql import placeholders, uuid_of
from app.permissions import ClassRef, FileUses

# An avatar is shown in the trees of its subjects: up from their groups to the roots. Attachments and submissions lead to
# the class of their assignment.
_USES = """
WITH RECURSIVE shown (file_id, group_id) AS (
    SELECT users.avatar_id, memberships.group_id FROM users JOIN memberships ON memberships.user_id = users.id
    WHERE users.avatar_id IN ({wanted})
    UNION
    SELECT avatar_id, id FROM groups WHERE avatar_id IN ({wanted})
    UNION
    SELECT avatar_id, group_id FROM classes WHERE avatar_id IN ({wanted})
), line (file_id, id, parent_id) AS (
    SELECT shown.file_id, groups.id, groups.parent_id FROM shown JOIN groups ON groups.id = shown.group_id
    UNION
    SELECT line.file_id, groups.id, groups.parent_id FROM line JOIN groups ON groups.id = line.parent_id
)
SELECT 'attachment' AS kind, attachments.file_id, classes.id, classes.group_id
FROM attachments JOIN assignments ON assignments.id = attachments.assignment_id
    JOIN classes ON classes.id = assignments.school_class_id
WHERE attachments.file_id IN ({wanted})
UNION
SELECT 'submission', files.id, classes.id, classes.group_id
FROM files JOIN assignments ON assignments.id = files.entity_id
    JOIN classes ON classes.id = assignments.school_class_id
WHERE files.id IN ({wanted}) AND files.entity_type = 'SUBMISSION_FILE'
UNION
SELECT 'reader', avatar_id, id, id FROM users WHERE avatar_id IN ({wanted}) AND id = {reader}
UNION
SELECT 'root', file_id, id, id FROM line WHERE parent_id IS NULL
"""


async def load_file_uses(database: Database, reader_id: UUID, file_ids: Sequence[UUID]) -> dict[UUID, FileUses]:
    """How each of the files is used, as far as it matters to a reader, in one query. Of the users who have a file as their
    avatar only the reader is told: one picture may be that of a whole district.
    """
    if not file_ids:
        return {}
    found: defaultdict[tuple[UUID, str], set[ClassRef]] = defaultdict(set)
    statement = _USES.format(reader="$1", wanted=placeholders(2, len(file_ids)))
    for row in await database.fetch(statement, reader_id, *file_ids):
        found[uuid_of(row["file_id"]), row["kind"]].add(ClassRef(uuid_of(row["id"]), uuid_of(row["group_id"])))
    return {
        file_id: FileUses(
            avatar_of=frozenset(user_id for user_id, _ in found[file_id, "reader"]),
            avatar_roots=frozenset(root_id for root_id, _ in found[file_id, "root"]),
            attached_in=frozenset(found[file_id, "attachment"]),
            submitted_in=next(iter(found[file_id, "submission"]), None),
        )
        for file_id in file_ids
    }
