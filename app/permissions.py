"""Who may do what: pure functions over a principal and loaded rows, and nothing that reads or raises.

The table is in the README, "Who may do what"; the functions stand in its order. `Standing` is what a principal is to
groups and classes, and `Place` where an object stands in the trees; `app.services.standing` loads both, each in one query
for as many objects as a list shows. System admins need neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.auth import Principal
from app.models import ClassRole, File, FileStatus, MemberRole


@dataclass(frozen=True, slots=True)
class Standing:
    """A principal's place among the groups and classes."""

    roles: Mapping[UUID, MemberRole]  # own memberships, by group
    administered: frozenset[UUID]  # every group of the subtrees in which the principal is a group admin
    classes: Mapping[UUID, ClassRole]  # own classes
    roots: frozenset[UUID] = frozenset()  # the roots of the trees of the own memberships


# Of somebody who belongs nowhere, and of whom nothing needs to be known.
NOBODY = Standing(roles={}, administered=frozenset(), classes={})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands: a user in the groups of the memberships, a group in itself, a class in its group."""

    groups: frozenset[UUID]
    roots: frozenset[UUID]  # of the trees of those groups


NOWHERE = Place(groups=frozenset(), roots=frozenset())


class ClassRef(NamedTuple):
    """A class, and the group it belongs to."""

    class_id: UUID
    group_id: UUID


@dataclass(frozen=True, slots=True)
class FileUses:
    """Where a file is shown to more people than those who hold it."""

    avatar_of: frozenset[UUID] = frozenset()  # those of the users in question who have it as their avatar
    avatar_roots: frozenset[UUID] = frozenset()  # the roots of the trees of all its avatar's subjects
    attached_in: frozenset[ClassRef] = frozenset()  # the classes with an assignment that it is attached to
    submitted_in: ClassRef | None = None  # the class of the assignment that it is a submission for


UNUSED = FileUses()


def shares_tree(place: Place, standing: Standing) -> bool:
    """Whether the principal and the object have a root group in common: the table's "same tree"."""
    return not place.roots.isdisjoint(standing.roots)


def may_see_user(principal: Principal, user_id: UUID, place: Place, standing: Standing) -> bool:
    """See a user's name and avatar."""
    return principal.is_system_admin or user_id == principal.user_id or shares_tree(place, standing)


def may_see_user_details(principal: Principal, user_id: UUID, place: Place, standing: Standing) -> bool:
    """See a user's e-mail, limits, quota, limit history, memberships, classes and list of files."""
    return (
        principal.is_system_admin or user_id == principal.user_id or not place.groups.isdisjoint(standing.administered)
    )


def may_see_group(principal: Principal, place: Place, standing: Standing) -> bool:
    """See a group, its avatar, its parent and its children."""
    return principal.is_system_admin or shares_tree(place, standing)


def may_administer_group(principal: Principal, group_id: UUID, standing: Standing) -> bool:
    """Be a "subtree admin" of the group. See its members, role limits and limit history; change its name; set its
    avatar; make and change its classes, members, child groups and role limits.
    """
    return principal.is_system_admin or group_id in standing.administered


def may_see_class(principal: Principal, class_id: UUID, group_id: UUID, standing: Standing) -> bool:
    """See a class, its members, its assignments and their attachments."""
    return class_id in standing.classes or may_administer_group(principal, group_id, standing)


def may_see_file(principal: Principal, file: File, standing: Standing, uses: FileUses = UNUSED) -> bool:
    """Read a file's data and its bytes. What others share in is the file while it is ACTIVE and nothing else."""
    if _holds(principal, file, standing):
        return True
    return file.status is FileStatus.ACTIVE and (
        principal.user_id in uses.avatar_of
        or not uses.avatar_roots.isdisjoint(standing.roots)
        or any(may_see_class(principal, *where, standing) for where in uses.attached_in)
        or (uses.submitted_in is not None and _teaches(uses.submitted_in.class_id, standing))
    )


def may_manage_file(principal: Principal, file: File, standing: Standing) -> bool:
    """Rename, delete, restore, purge, use as avatar or attachment. Files on their way in or out are managed by nobody."""
    return file.status in {FileStatus.ACTIVE, FileStatus.SOFT_DELETED} and _holds(principal, file, standing)


def may_upload_into(principal: Principal, group_id: UUID, standing: Standing) -> bool:
    """Upload into a group: its members, subtree admins, system admins."""
    return group_id in standing.roles or may_administer_group(principal, group_id, standing)


def may_set_user_avatar(principal: Principal, user_id: UUID) -> bool:
    """Set or remove a user's avatar: that user, system admins."""
    return principal.is_system_admin or user_id == principal.user_id


def may_set_group_avatar(principal: Principal, group_id: UUID, standing: Standing) -> bool:
    """Set or remove a group's avatar: subtree admins, system admins."""
    return may_administer_group(principal, group_id, standing)


def may_set_class_avatar(principal: Principal, class_id: UUID, group_id: UUID, standing: Standing) -> bool:
    """Set or remove a class's avatar: its teachers, subtree admins, system admins."""
    return may_teach_class(principal, class_id, group_id, standing)


def may_teach_class(principal: Principal, class_id: UUID, group_id: UUID, standing: Standing) -> bool:
    """Create, update and delete assignments of a class: its teachers, subtree admins, system admins."""
    return _teaches(class_id, standing) or may_administer_group(principal, group_id, standing)


def may_manage_attachments(principal: Principal, class_id: UUID, group_id: UUID, standing: Standing) -> bool:
    """Add and remove attachments of an assignment of the class. The file itself must be managed too."""
    return may_teach_class(principal, class_id, group_id, standing)


def may_change_group(principal: Principal, group_id: UUID, parent_id: UUID | None, standing: Standing) -> bool:
    """Change a group's name and slug: subtree admins; of a root, system admins only."""
    return principal.is_system_admin or (parent_id is not None and group_id in standing.administered)


def may_hold_groups(principal: Principal, parent_id: UUID | None, standing: Standing) -> bool:
    """Make groups below `parent_id`, delete them, move them there and away: subtree admins of that parent, not of the
    child alone; where there is no parent, system admins only.
    """
    return principal.is_system_admin or (parent_id is not None and parent_id in standing.administered)


def may_add_member(principal: Principal, group_id: UUID, group: Place, user: Place, standing: Standing) -> bool:
    """Make a user a member of the group or of a class of it: its subtree admins, but only those users who are in the
    group's tree already; system admins.
    """
    return principal.is_system_admin or (
        may_administer_group(principal, group_id, standing) and not user.roots.isdisjoint(group.roots)
    )


def may_change_role_limits(principal: Principal, group_id: UUID, standing: Standing) -> bool:
    """Set and clear role limits of a group; how high is a rule of its own."""
    return may_administer_group(principal, group_id, standing)


def may_change_users(principal: Principal) -> bool:
    """Create, change, deactivate and reactivate users, and set their passwords."""
    return principal.is_system_admin


def may_change_user_limits(principal: Principal) -> bool:
    """Set and clear a user's override."""
    return principal.is_system_admin


def may_operate(principal: Principal) -> bool:
    """See and start jobs, see and acknowledge alerts."""
    return principal.is_system_admin


def _holds(principal: Principal, file: File, standing: Standing) -> bool:
    """The owner, subtree admins of the file's group, system admins."""
    return (
        file.owner_id == principal.user_id
        or principal.is_system_admin
        or (file.group_id is not None and file.group_id in standing.administered)
    )


def _teaches(class_id: UUID, standing: Standing) -> bool:
    return standing.classes.get(class_id) is ClassRole.TEACHER
