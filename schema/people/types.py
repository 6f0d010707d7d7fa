"""Users."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app import models
from app.services.file_list import FileOrder
from schema.avatars.types import Avatar, avatar_of
from schema.context import Info
from schema.fields import field
from schema.files.inputs import FileFilter
from schema.ids import global_id
from schema.limits.types import EffectiveLimits, LimitChange, LimitOverride, Quota, quota_of
from schema.pages import PageOf
from schema.pagination import After, Connection, First, Node, page_length

if TYPE_CHECKING:
    from schema.classes.types import Class
    from schema.files.types import File
    from schema.groups.types import Membership

LazyClass = Annotated["Class", strawberry.lazy("schema.classes.types")]
LazyFile = Annotated["File", strawberry.lazy("schema.files.types")]
LazyMembership = Annotated["Membership", strawberry.lazy("schema.groups.types")]

_FILTER = strawberry.argument(description="Which files; null: the user's active files.")
_ORDER = strawberry.argument(description="In which order.")


@strawberry.type(
    description="A person. What is nullable here is for the user, for admins of the user's groups and for system admins."
)
class User(Node):
    """One user; private fields raise Forbidden for those who may not read them."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    name: str = strawberry.field(description="The name that others see.")
    is_system_admin: bool = strawberry.field(description="Whether the user administers the whole system.")
    created_at: datetime = strawberry.field(description="When the user was created.")
    deactivated_at: datetime | None = strawberry.field(description="When the user was deactivated; null while active.")
    row: strawberry.Private[models.User]

    @field("The e-mail address, which is the name to log in with.")
    async def email(self, info: Info) -> str | None:
        """Private."""
        await info.context.loaders.readable.load(self.row.id)
        return self.row.email

    @field("What the user belongs to in the viewer's trees, the oldest membership first.")
    async def memberships(self, info: Info) -> list[LazyMembership] | None:
        """Private."""
        from schema.groups.types import Membership

        loaders = info.context.loaders
        rows = await loaders.memberships.load(await loaders.readable.load(self.row.id))
        return [Membership.of(row) for row in rows]

    @field("The user's classes that the viewer may see, by name.")
    async def classes(self, info: Info, first: First = 50, after: After = None) -> Connection[LazyClass] | None:
        """Private. Raises BadUserInput."""
        from schema.classes.types import Class

        loaders = info.context.loaders
        user_id = await loaders.readable.load(self.row.id)
        page = await loaders.pages.classes_of_users.load(PageOf(user_id, (page_length(first), after)))
        return Connection[Class].of(page, Class.of)

    @field(
        "The user's files. The scope OWN is all of them, MANAGED those of groups that the viewer administers; who may see the"
        " list may not yet read each file."
    )
    async def files(
        self,
        info: Info,
        filter: Annotated[FileFilter | None, _FILTER] = None,
        order_by: Annotated[FileOrder | None, _ORDER] = FileOrder.CREATED_AT_DESC,
        first: First = 50,
        after: After = None,
    ) -> Connection[LazyFile] | None:
        """Private. Raises BadUserInput, and NotFound for the id of another type."""
        from schema.files.types import File

        loaders = info.context.loaders
        user_id = await loaders.readable.load(self.row.id)
        wanted, order = (filter or FileFilter()).wanted(), order_by or FileOrder.CREATED_AT_DESC
        page = await loaders.pages.files_of_users.load(PageOf(user_id, (wanted, order, page_length(first), after)))
        return Connection[File].of(page, File.of)

    @field("The limits that hold for the user now.")
    async def limits(self, info: Info) -> EffectiveLimits | None:
        """Private."""
        loaders = info.context.loaders
        return EffectiveLimits.of(await loaders.limits.load(await loaders.readable.load(self.row.id)))

    @field("What the user has stored, beside the quota.")
    async def quota(self, info: Info) -> Quota | None:
        """Private."""
        return await quota_of(info, self.row.id)

    @field("The picture that people of the same tree see; null without one, and while its file is in the trash.")
    async def avatar(self, info: Info) -> Avatar | None:
        """Through the loader."""
        return await avatar_of(info, self.row.avatar_id)

    @field("Limits of the user's own, before those of roles; null when none are set.")
    async def limit_override(self, info: Info) -> LimitOverride | None:
        """Private."""
        loaders = info.context.loaders
        row = await loaders.overrides.load(await loaders.readable.load(self.row.id))
        return None if row is None else LimitOverride.of(row)

    @field("The changes of the user's own limits, the newest first.")
    async def limit_history(self, info: Info, first: First = 50, after: After = None) -> Connection[LimitChange] | None:
        """Private. Raises BadUserInput."""
        loaders = info.context.loaders
        user_id = await loaders.readable.load(self.row.id)
        page = await loaders.pages.limit_changes_of_users.load(PageOf(user_id, (page_length(first), after)))
        return Connection[LimitChange].of(page, LimitChange.of)

    @classmethod
    def of(cls, row: models.User) -> "User":
        """From a row."""
        return cls(
            id=global_id("User", row.id),
            uuid=str(row.id),
            name=row.name,
            is_system_admin=row.is_system_admin,
            created_at=row.created_at,
            deactivated_at=row.deactivated_at,
            row=row,
        )
