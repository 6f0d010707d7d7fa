"""The lists of the directory: users, groups, memberships, classes, their members and assignments, page by page.

Names are ordered without regard to case, byte by byte, alike on every database: those of people folded in full, those of
groups and classes in the letters of ASCII.
"""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from app.auth import Principal
from app.db import Database
from app.errors import BadUserInput, Forbidden
from app.models import Assignment, Class, ClassMember, Group, Membership, User
from app.permissions import may_administer_group
from app.services.directory import Directory
from app.services.keyset import MOMENT, NUMBER, TEXT, Conditions, Key, Listing, containing, read_page, read_pages
from app.services.names import clean_text, fold_name
from app.services.paging import Page
from app.services.standing import administered_by, load_standing, subtree_of

_SEARCH_CHARACTERS = 320  # an e-mail address has no more


class UserOrder(StrEnum):
    """The orders of the list of users; ties are broken by id, in the same direction."""

    NAME_ASC = "NAME_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"
    USED_BYTES_DESC = "USED_BYTES_DESC"


_USER_SORTS: dict[UserOrder, tuple[str, Key, bool]] = {
    UserOrder.NAME_ASC: ("users.name_folded", TEXT, True),
    UserOrder.CREATED_AT_DESC: ("users.created_at", MOMENT, False),
    # Who has never stored anything may have no ledger row yet.
    UserOrder.USED_BYTES_DESC: ("COALESCE(user_storage.used_bytes, 0)", NUMBER, False),
}


class DirectoryPages:
    """Reads pages. Each method raises BadUserInput for a bad cursor or page size."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory
        # SQLite's LOWER knows the letters of ASCII, as PostgreSQL's does where the text is bytes.
        self._lower = "LOWER({})" if database.dialect == "sqlite" else 'LOWER({} COLLATE "C")'

    async def users(
        self,
        principal: Principal,
        *,
        search: str | None,
        group_id: UUID | None,
        order: UserOrder,
        first: int,
        after: str | None,
    ) -> Page[User]:
        """All users for system admins, for group admins those of their subtrees; of one group and below it when there is a
        `group_id`. Raises Forbidden for everybody else, NotFound for a group that is not there for the principal.
        """
        await self._check_users(principal, group_id)
        conditions, prelude = Conditions(), ""
        if group_id is not None:
            prelude = subtree_of(conditions.value(group_id))
        elif not principal.is_system_admin:
            prelude = administered_by(conditions.value(principal.user_id))
        if prelude:
            conditions.where(
                "EXISTS (SELECT 1 FROM memberships WHERE memberships.user_id = users.id"
                " AND memberships.group_id IN (SELECT id FROM administered))"
            )
        if wanted := _searched(search):
            pattern = conditions.value(containing(wanted))
            conditions.where(
                f"(users.name_folded LIKE {pattern} ESCAPE '\\' OR users.email LIKE {pattern} ESCAPE '\\')"
            )
        sort, key, ascending = _USER_SORTS[order]
        joined = " LEFT JOIN user_storage ON user_storage.user_id = users.id" if key is NUMBER else ""
        listing = Listing(
            name=f"users {order}",
            source=f"users{joined}",
            id="users.id",
            sort=sort,
            key=key,
            ascending=ascending,
            prelude=prelude,
            conditions=conditions,
        )
        return await read_page(self._database, listing, User, first, after)

    async def groups(self, principal: Principal, parent_id: UUID | None, first: int, after: str | None) -> Page[Group]:
        """The groups below a parent that the principal may see, else the roots of the principal's trees, which are all for
        system admins. Raises NotFound for the parent.
        """
        if parent_id is not None:
            await self._directory.group(principal, parent_id)
            return (await self.children([parent_id], first, after))[parent_id]
        conditions = Conditions()
        conditions.where("parent_id IS NULL")
        if not principal.is_system_admin:
            standing = await load_standing(self._database, principal)
            conditions.where_in("id", sorted(standing.roots))
        return await read_page(self._database, self._groups(conditions), Group, first, after)

    async def children(self, group_ids: Sequence[UUID], first: int, after: str | None) -> dict[UUID, Page[Group]]:
        """The groups directly below each group, by name; for groups that the caller sees already."""
        listing = self._groups(Conditions(), parent="parent_id")
        return await read_pages(self._database, listing, Group, group_ids, first, after)

    async def members(self, group_ids: Sequence[UUID], first: int, after: str | None) -> dict[UUID, Page[Membership]]:
        """The memberships of each group, by the members' names; for groups that the caller administers."""
        listing = Listing(
            name="members",
            source="memberships JOIN users ON users.id = memberships.user_id",
            id="memberships.id",
            sort="users.name_folded",
            key=TEXT,
            parent="memberships.group_id",
        )
        return await read_pages(self._database, listing, Membership, group_ids, first, after)

    async def classes_of_groups(
        self, principal: Principal, group_ids: Sequence[UUID], first: int, after: str | None
    ) -> dict[UUID, Page[Class]]:
        """The classes of each group that the principal is in or administers, by name."""
        listing = self._classes(principal, "classes", parent="classes.group_id")
        return await read_pages(self._database, listing, Class, group_ids, first, after)

    async def classes_of_users(
        self, principal: Principal, user_ids: Sequence[UUID], first: int, after: str | None
    ) -> dict[UUID, Page[Class]]:
        """The classes of each user that the principal is in or administers, by name."""
        source = "class_members JOIN classes ON classes.id = class_members.school_class_id"
        listing = self._classes(principal, source, parent="class_members.user_id")
        return await read_pages(self._database, listing, Class, user_ids, first, after)

    async def class_members(
        self, class_ids: Sequence[UUID], first: int, after: str | None
    ) -> dict[UUID, Page[ClassMember]]:
        """The teachers and students of each class, by name; for classes that the caller sees already."""
        listing = Listing(
            name="class members",
            source="class_members JOIN users ON users.id = class_members.user_id",
            id="class_members.id",
            sort="users.name_folded",
            key=TEXT,
            parent="class_members.school_class_id",
        )
        return await read_pages(self._database, listing, ClassMember, class_ids, first, after)

    async def assignments(
        self, class_ids: Sequence[UUID], first: int, after: str | None
    ) -> dict[UUID, Page[Assignment]]:
        """The assignments of each class, the newest first; for classes that the caller sees already."""
        listing = Listing(
            name="assignments",
            source="assignments",
            id="id",
            sort="created_at",
            key=MOMENT,
            parent="school_class_id",
            ascending=False,
        )
        return await read_pages(self._database, listing, Assignment, class_ids, first, after)

    async def _check_users(self, principal: Principal, group_id: UUID | None) -> None:
        if group_id is not None:
            await self._directory.group(principal, group_id)
        if principal.is_system_admin:
            return
        standing = await load_standing(self._database, principal)
        allowed = standing.administered if group_id is None else may_administer_group(principal, group_id, standing)
        if not allowed:
            raise Forbidden

    def _groups(self, conditions: Conditions, parent: str | None = None) -> Listing:
        return Listing(
            name="groups",
            source="groups",
            id="id",
            sort=self._lower.format("name"),
            key=TEXT,
            parent=parent,
            conditions=conditions,
        )

    def _classes(self, principal: Principal, source: str, *, parent: str) -> Listing:
        conditions, prelude = Conditions(), ""
        if not principal.is_system_admin:
            viewer = conditions.value(principal.user_id)
            prelude = administered_by(viewer)
            prelude += f", own (id) AS (SELECT school_class_id FROM class_members WHERE user_id = {viewer})"  # noqa: S608 - a placeholder
            conditions.where(
                "(classes.group_id IN (SELECT id FROM administered) OR classes.id IN (SELECT id FROM own))"
            )
        return Listing(
            name="classes",
            source=source,
            id="classes.id",
            sort=self._lower.format("classes.name"),
            key=TEXT,
            parent=parent,
            prelude=prelude,
            conditions=conditions,
        )


def _searched(search: str | None) -> str:
    """What to look for in names and e-mails. Raises BadUserInput for a NUL, which is in neither, and for what is longer than both."""
    if search is None:
        return ""
    if len(search) > _SEARCH_CHARACTERS:
        raise BadUserInput(f"Search for at most {_SEARCH_CHARACTERS} characters.", field="search")
    if "\x00" in search:
        raise BadUserInput("A text has no NUL characters in it.", field="search")
    return fold_name(clean_text(search))
