"""Finding groups."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.fields import field
from schema.groups.types import Group
from schema.ids import optional_uuid_of, uuid_of
from schema.pagination import After, Connection, First, page_length

_GROUP_ID = strawberry.argument(description="The group.")
_PARENT_ID = strawberry.argument(description="The group above; null: the roots.")


@strawberry.type
class GroupQueries:
    """Part of Query."""

    @field("One group of the viewer's trees; any for system admins.")
    async def group(self, info: Info, id: Annotated[strawberry.ID, _GROUP_ID]) -> Group | None:
        """Raises NotFound."""
        viewer = info.context.viewer
        return Group.of(await info.context.runtime.directory.group(viewer, uuid_of(id, "Group")))

    @field("The groups below one; without it the roots that the viewer belongs to, which are all for system admins.")
    async def groups(
        self,
        info: Info,
        parent_id: Annotated[strawberry.ID | None, _PARENT_ID] = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Group] | None:
        """Raises NotFound for the parent, BadUserInput for a bad cursor or page size."""
        viewer = info.context.viewer
        parent = optional_uuid_of(parent_id, "Group", field="parentId")
        page = await info.context.runtime.directory_pages.groups(viewer, parent, page_length(first), after)
        return Connection[Group].of(page, Group.of)
