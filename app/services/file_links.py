"""What files remember of people and places that go: the files themselves stay, with their owners (R19)."""

from datetime import datetime
from uuid import UUID

from app.db import Database

# All that a group's or a class's files can be for. A group's own classes come with it, and their assignments with those.
_OF_GROUP = """
    SELECT id FROM groups WHERE id = $1
    UNION ALL SELECT id FROM classes WHERE group_id = $1
    UNION ALL SELECT assignments.id FROM assignments JOIN classes ON classes.id = assignments.school_class_id
        WHERE classes.group_id = $1
"""
_OF_CLASS = """
    SELECT id FROM classes WHERE id = $1
    UNION ALL SELECT id FROM assignments WHERE school_class_id = $1
"""
_OF_ASSIGNMENT = "SELECT id FROM assignments WHERE id = $1"


async def move_files(database: Database, group_id: UUID, to_group_id: UUID | None, now: datetime) -> None:
    """Inside a unit: the files of a group become those of another one, or of none."""
    await _lock(database, "group_id = $1", group_id)
    await database.execute(
        "UPDATE files SET group_id = $2, updated_at = $3 WHERE group_id = $1", group_id, to_group_id, now
    )


async def forget_group(database: Database, group_id: UUID, now: datetime) -> None:
    """Inside a unit: files are no longer for the group, its classes and their assignments."""
    await _forget(database, _OF_GROUP, group_id, now)


async def forget_class(database: Database, class_id: UUID, now: datetime) -> None:
    """Inside a unit: files are no longer for the class and its assignments."""
    await _forget(database, _OF_CLASS, class_id, now)


async def forget_assignment(database: Database, assignment_id: UUID, now: datetime) -> None:
    """Inside a unit: files are no longer for the assignment."""
    await _forget(database, _OF_ASSIGNMENT, assignment_id, now)


async def _forget(database: Database, going: str, identifier: UUID, now: datetime) -> None:
    await _lock(database, f"entity_id IN ({going})", identifier)
    await database.execute(
        f"UPDATE files SET entity_id = NULL, updated_at = $2 WHERE entity_id IN ({going})",  # noqa: S608 - SQL of our own making
        identifier,
        now,
    )


async def _lock(database: Database, condition: str, identifier: UUID) -> None:
    # File rows are locked in the order of their ids (the lock order of all units) before a set of them changes.
    await database.fetch(
        f"SELECT id FROM files WHERE {condition} ORDER BY id {database.for_update}",  # noqa: S608 - SQL of our own making
        identifier,
    )
