"""Assignments as the teachers of their classes handle them."""

from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Forbidden, NotFound
from app.models import Assignment, Class
from app.permissions import Standing, may_teach_class
from app.services.directory import Directory
from app.services.file_links import forget_assignment
from app.services.names import clean_label
from app.services.standing import load_standing


class Assignments:
    """Every use case around assignments but their attachments."""

    def __init__(self, database: Database, directory: Directory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def create(self, principal: Principal, class_id: UUID, title: str) -> Assignment:
        """Raises NotFound for the class, Forbidden, BadUserInput."""
        label = clean_label(title, field="title")
        standing = await load_standing(self._database, principal)
        _check_teacher(principal, await self._directory.school_class(principal, class_id), standing)

        async def unit() -> Assignment:
            # The class stays until the end of the unit; otherwise its deletion would be a broken reference here.
            if not await Class.filter(id=class_id).select_for_update(no_key=True).first():
                raise NotFound("class")
            now = self._clock.now()
            return await Assignment.create(
                title=label, school_class_id=class_id, created_by_id=principal.user_id, created_at=now, updated_at=now
            )

        return await self._database.transaction(unit)

    async def rename(self, principal: Principal, assignment_id: UUID, title: str) -> Assignment:
        """Raises NotFound, Forbidden, BadUserInput."""
        label = clean_label(title, field="title")
        assignment = await self._taught(principal, assignment_id)
        assignment.title, assignment.updated_at = label, self._clock.now()
        changed = await Assignment.filter(id=assignment_id).update(title=label, updated_at=assignment.updated_at)
        if not changed:
            raise NotFound("assignment")
        return assignment

    async def delete(self, principal: Principal, assignment_id: UUID) -> None:
        """Delete an assignment; its attachments' and submissions' files stay (R19). Raises NotFound, Forbidden."""
        await self._taught(principal, assignment_id)

        async def unit() -> None:
            await forget_assignment(self._database, assignment_id, self._clock.now())
            if not await Assignment.filter(id=assignment_id).delete():
                raise NotFound("assignment")

        await self._database.transaction(unit)

    async def _taught(self, principal: Principal, assignment_id: UUID) -> Assignment:
        # The standing is the older of the two: of what goes meanwhile nothing is said but that it is not there.
        standing = await load_standing(self._database, principal)
        assignment = await self._directory.assignment(principal, assignment_id)
        _check_teacher(principal, assignment.school_class, standing)
        return assignment


def _check_teacher(principal: Principal, school_class: Class, standing: Standing) -> None:
    if not may_teach_class(principal, school_class.id, school_class.group_id, standing):
        raise Forbidden
