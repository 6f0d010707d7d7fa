"""Finding a file for somebody: those who may not see it are told that there is none."""

from collections.abc import Sequence
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.models import File, FileStatus
from app.permissions import NOBODY, Standing, may_manage_file, may_see_file
from app.services.file_uses import load_file_uses
from app.services.standing import load_standing


async def visible_file(database: Database, principal: Principal, file_id: UUID) -> File:
    """A file that the principal may read, in any state. Raises NotFound."""
    file = await File.get_or_none(id=file_id)
    if file is None or not await _may_see(database, principal, file):
        raise NotFound("file")
    return file


async def manageable_file(database: Database, principal: Principal, file_id: UUID) -> File:
    """A file that the principal may change, ACTIVE or in the trash. Raises NotFound, Forbidden, and Conflict for one that
    is on its way in or out.
    """
    file = await visible_file(database, principal, file_id)
    if not may_manage_file(principal, file, await _standing(database, principal, file)):
        if file.status in (FileStatus.PENDING, FileStatus.PURGING):
            raise Conflict("The file is on its way in or out, and cannot be changed now.")
        raise Forbidden
    return file


async def shown_files(database: Database, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, File]:
    """Those of the files that are ACTIVE and that the principal may read: in three queries, however many they are."""
    files = await File.filter(id__in=file_ids, status=FileStatus.ACTIVE)
    return {file.id: file for file in await readable_files(database, principal, files)}


async def readable_files(database: Database, principal: Principal, files: Sequence[File]) -> list[File]:
    """Those of the files that the principal may read: in two queries, however many they are."""
    if principal.is_system_admin or all(file.owner_id == principal.user_id for file in files):
        return list(files)
    standing = await load_standing(database, principal)
    others = [file.id for file in files if not may_see_file(principal, file, standing)]
    uses = await load_file_uses(database, principal.user_id, others)
    return [file for file in files if file.id not in uses or may_see_file(principal, file, standing, uses[file.id])]


async def locked_active_file(file_id: UUID) -> File:
    """Inside a unit: the file, which stays ACTIVE until its end. Raises NotFound, and Conflict for one that is not ACTIVE."""
    file = await File.filter(id=file_id).select_for_update(no_key=True).first()
    if file is None:
        raise NotFound("file")
    if file.status is not FileStatus.ACTIVE:
        raise Conflict("The file is in the trash, or being purged.")
    return file


async def _may_see(database: Database, principal: Principal, file: File) -> bool:
    standing = await _standing(database, principal, file)
    if may_see_file(principal, file, standing):
        return True
    uses = await load_file_uses(database, principal.user_id, [file.id])
    return may_see_file(principal, file, standing, uses[file.id])


async def _standing(database: Database, principal: Principal, file: File) -> Standing:
    """The principal's standing, read only where the answer can depend on it."""
    if principal.is_system_admin or file.owner_id == principal.user_id:
        return NOBODY
    return await load_standing(database, principal)
