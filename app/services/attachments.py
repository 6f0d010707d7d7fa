"""Attachments of assignments: files that whoever adds them may manage, in the order of adding (R17-R20)."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import AttachmentLimit, Conflict, Forbidden, NotFound
from app.models import Assignment, Attachment, AttachmentKind, FileStatus
from app.permissions import may_manage_attachments
from app.services.directory import Directory
from app.services.file_access import locked_active_file, manageable_file
from app.services.standing import load_standing


class Attachments:
    """Adds and removes attachments. Removing one keeps the file; a file in the trash hides it until it is back."""

    def __init__(self, database: Database, directory: Directory, clock: Clock, *, max_per_assignment: int) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._max = max_per_assignment

    async def add(
        self, principal: Principal, assignment_id: UUID, file_id: UUID, kind: AttachmentKind
    ) -> tuple[Assignment, Attachment]:
        """Attach an ACTIVE file; the attachment comes with its file. Raises NotFound, Forbidden, AttachmentLimit, and
        Conflict for a file that is attached already or is not ACTIVE.
        """
        assignment = await self._assignment(principal, assignment_id)
        await manageable_file(self._database, principal, file_id)

        async def unit() -> Attachment:
            file = await locked_active_file(file_id)
            # R20: who adds to this assignment beside us waits here, and counts ours. The serial ids follow the same order.
            if await Assignment.filter(id=assignment_id).select_for_update(no_key=True).first() is None:
                raise NotFound("assignment")
            if await Attachment.exists(assignment_id=assignment_id, file_id=file_id):
                raise Conflict("The file is attached to this assignment already.")
            count = await Attachment.filter(assignment_id=assignment_id).count()
            if count >= self._max:
                raise AttachmentLimit(count=count, limit=self._max)
            return await Attachment.create(
                assignment_id=assignment_id, file=file, kind=kind, created_at=self._clock.now()
            )

        return assignment, await self._database.transaction(unit)

    async def remove(self, principal: Principal, assignment_id: UUID, file_id: UUID) -> Assignment:
        """Detach a file, also one in the trash. Raises NotFound, Forbidden."""
        assignment = await self._assignment(principal, assignment_id)
        if not await Attachment.filter(assignment_id=assignment_id, file_id=file_id).delete():
            raise NotFound("attachment")
        return assignment

    async def shown(self, assignment_ids: Sequence[UUID]) -> dict[UUID, list[Attachment]]:
        """What is attached to each assignment, in the order of adding and with the files, in one query; for assignments
        that the caller sees already. Those whose file is not ACTIVE are left out.
        """
        found: defaultdict[UUID, list[Attachment]] = defaultdict(list)
        rows = Attachment.filter(assignment_id__in=assignment_ids, file__status=FileStatus.ACTIVE)
        for row in await rows.select_related("file").order_by("id"):
            found[row.assignment_id].append(row)
        return found

    async def _assignment(self, principal: Principal, assignment_id: UUID) -> Assignment:
        assignment = await self._directory.assignment(principal, assignment_id)
        standing = await load_standing(self._database, principal)
        school_class = assignment.school_class
        if not may_manage_attachments(principal, school_class.id, school_class.group_id, standing):
            raise Forbidden
        return assignment
