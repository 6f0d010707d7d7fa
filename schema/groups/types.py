"""Groups and memberships."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.models import GroupType, MemberRole
from schema.avatars.types import Avatar, avatar_of
from schema.context import Info
from schema.fields import field
from schema.ids import global_id
from schema.limits.types import LimitChange, RoleLimit
from schema.pages import PageOf
from schema.pagination import After, Connection, First, Node, page_length
from schema.people.types import User

if TYPE_CHECKING:
    from schema.classes.types import Class

LazyClass = Annotated["Class", strawberry.lazy("schema.classes.types")]


@strawberry.type(description="A group in the tree district > school > department.")
class Group(Node):
    """One node of the tree."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    name: str = strawberry.field(description="The group's name.")
    slug: str = strawberry.field(description="The short name, unique among its siblings.")
    type: GroupType = strawberry.field(description="The level in the tree.")
    row: strawberry.Private[models.Group]

    @field("The group above; null for a root.")
    async def parent(self, info: Info) -> "Group | None":
        """Through the loader."""
        if self.row.parent_id is None:
            return None
        return Group.of(await info.context.loaders.groups.load(self.row.parent_id))

    @field("The picture that people of the same tree see; null without one, and while its file is in the trash.")
    async def avatar(self, info: Info) -> Avatar | None:
        """Through the loader."""
        return await avatar_of(info, self.row.avatar_id)

    @field("The groups directly below, by name. For people of the same tree.")
    async def children(self, info: Info, first: First = 50, after: After = None) -> "Connection[Group] | None":
        """Raises Forbidden, BadUserInput."""
        loaders = info.context.loaders
        await loaders.visible_groups.load(self.row.id)
        page = await loaders.pages.children.load(PageOf(self.row.id, (page_length(first), after)))
        return Connection[Group].of(page, Group.of)

    @field("Its classes that the viewer may see, by name: the viewer's own; all, for its admins and those above.")
    async def classes(self, info: Info, first: First = 50, after: After = None) -> Connection[LazyClass] | None:
        """Raises BadUserInput."""
        from schema.classes.types import Class

        pages = info.context.loaders.pages
        page = await pages.classes_of_groups.load(PageOf(self.row.id, (page_length(first), after)))
        return Connection[Class].of(page, Class.of)

    @field("Its members, by name. For its admins and those above.")
    async def members(self, info: Info, first: First = 50, after: After = None) -> "Connection[Membership] | None":
        """Raises Forbidden, BadUserInput."""
        loaders = info.context.loaders
        await loaders.administered.load(self.row.id)
        page = await loaders.pages.members.load(PageOf(self.row.id, (page_length(first), after)))
        return Connection[Membership].of(page, Membership.of)

    @field("What roles earn here and below, as set on this group. For its admins and those above.")
    async def role_limits(self, info: Info) -> list[RoleLimit] | None:
        """Raises Forbidden."""
        loaders = info.context.loaders
        rows = await loaders.role_limits.load(await loaders.administered.load(self.row.id))
        return [RoleLimit.of(row) for row in rows]

    @field("The changes of those limits, the newest first. For its admins and those above.")
    async def limit_history(self, info: Info, first: First = 50, after: After = None) -> Connection[LimitChange] | None:
        """Raises Forbidden, BadUserInput."""
        loaders = info.context.loaders
        group_id = await loaders.administered.load(self.row.id)
        page = await loaders.pages.limit_changes_of_groups.load(PageOf(group_id, (page_length(first), after)))
        return Connection[LimitChange].of(page, LimitChange.of)

    @classmethod
    def of(cls, row: models.Group) -> "Group":
        """From a row that the caller may see."""
        return cls(
            id=global_id("Group", row.id), uuid=str(row.id), name=row.name, slug=row.slug, type=row.type, row=row
        )


@strawberry.type(description="A user's place in a group.")
class Membership:
    """One user, one group, one role."""

    role: MemberRole = strawberry.field(description="The user's role in the group.")
    created_at: datetime = strawberry.field(description="Since when.")
    row: strawberry.Private[models.Membership]

    @field("The member.")
    async def user(self, info: Info) -> User:
        """Through the loader."""
        return User.of(await info.context.loaders.users.load(self.row.user_id))

    @field("The group.")
    async def group(self, info: Info) -> Group:
        """Through the loader."""
        return Group.of(await info.context.loaders.groups.load(self.row.group_id))

    @classmethod
    def of(cls, row: models.Membership) -> "Membership":
        """From a row that the caller may see."""
        return cls(role=row.role, created_at=row.created_at, row=row)
