"""What an upload may point at: a group, and the thing it is for. Absent and invisible things are answered alike."""

from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.errors import BadUserInput, Forbidden, NotFound
from app.models import Assignment, Class, EntityType, User
from app.permissions import Standing, may_see_class, may_see_group, may_see_user, may_upload_into
from app.services.standing import group_place, user_place


async def check_group(database: Database, principal: Principal, standing: Standing, group_id: UUID) -> None:
    """Raises NotFound for a group outside the principal's tree, Forbidden for one inside it that is not theirs."""
    if not await _is_visible_group(database, principal, standing, group_id):
        raise NotFound("group")
    if not may_upload_into(principal, group_id, standing):
        raise Forbidden


async def check_entity(
    database: Database,
    principal: Principal,
    standing: Standing,
    entity_type: EntityType | None,
    entity_id: UUID | None,
) -> None:
    """Raises NotFound when the thing a file is for is not there for this principal."""
    if entity_id is None:
        return
    if entity_type is None:
        raise BadUserInput("entityId needs an entityType.", field="entityId")
    if entity_type is EntityType.AVATAR:
        visible = await _is_avatar_subject(database, principal, standing, entity_id)
    else:
        visible = await _is_visible_assignment(principal, standing, entity_id)
    if not visible:
        raise NotFound("entity")


async def _is_avatar_subject(database: Database, principal: Principal, standing: Standing, entity_id: UUID) -> bool:
    if entity_id == principal.user_id or await _is_visible_group(database, principal, standing, entity_id):
        return True
    school_class = await Class.get_or_none(id=entity_id)
    if school_class is not None:
        return may_see_class(principal, school_class.id, school_class.group_id, standing)
    place = await user_place(database, entity_id)
    return may_see_user(principal, entity_id, place, standing) and await User.exists(id=entity_id)


async def _is_visible_group(database: Database, principal: Principal, standing: Standing, group_id: UUID) -> bool:
    place = await group_place(database, group_id)
    return bool(place.groups) and may_see_group(principal, place, standing)


async def _is_visible_assignment(principal: Principal, standing: Standing, entity_id: UUID) -> bool:
    assignment = await Assignment.get_or_none(id=entity_id).select_related("school_class")
    if assignment is None:
        return False
    school_class = assignment.school_class
    return may_see_class(principal, school_class.id, school_class.group_id, standing)
