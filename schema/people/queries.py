"""Who the viewer is, and who else is there."""

from typing import Annotated

import strawberry

from app.services.directory_pages import UserOrder
from schema.context import Info
from schema.fields import field
from schema.ids import optional_uuid_of, uuid_of
from schema.pagination import After, Connection, First, page_length
from schema.people.types import User

_USER_ID = strawberry.argument(description="The user.")
_SEARCH = strawberry.argument(description="Part of the name or the e-mail; case does not matter.")
_GROUP_ID = strawberry.argument(description="Only members of this group and of the groups below it.")
_ORDER = strawberry.argument(description="In which order.")


@strawberry.type
class PeopleQueries:
    """Part of Query."""

    @field("The user whose token came with the request.")
    async def me(self, info: Info) -> User | None:
        """Raises Unauthenticated."""
        return User.of(await info.context.loaders.users.load(info.context.viewer.user_id))

    @field("One user of the viewer's trees; any for system admins.")
    async def user(self, info: Info, id: Annotated[strawberry.ID, _USER_ID]) -> User | None:
        """Raises NotFound."""
        viewer = info.context.viewer
        return User.of(await info.context.runtime.directory.user(viewer, uuid_of(id, "User")))

    @field("Users: all for system admins, for group admins those of their subtrees, for nobody else.")
    async def users(
        self,
        info: Info,
        search: Annotated[str | None, _SEARCH] = None,
        group_id: Annotated[strawberry.ID | None, _GROUP_ID] = None,
        order_by: Annotated[UserOrder | None, _ORDER] = UserOrder.NAME_ASC,
        first: First = 50,
        after: After = None,
    ) -> Connection[User] | None:
        """Raises Forbidden, NotFound for the group, BadUserInput for a bad cursor or page size."""
        viewer = info.context.viewer
        page = await info.context.runtime.directory_pages.users(
            viewer,
            search=search,
            group_id=optional_uuid_of(group_id, "Group", field="groupId"),
            order=order_by or UserOrder.NAME_ASC,
            first=page_length(first),
            after=after,
        )
        return Connection[User].of(page, User.of)
