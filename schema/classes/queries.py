"""Finding classes and assignments."""

from typing import Annotated

import strawberry

from schema.classes.types import Assignment, Class
from schema.context import Info
from schema.fields import field
from schema.ids import uuid_of

_CLASS_ID = strawberry.argument(description="The class.")
_ASSIGNMENT_ID = strawberry.argument(description="The assignment.")


@strawberry.type
class ClassQueries:
    """Part of Query."""

    @field("One class that the viewer is in, or administers.", name="class")
    async def school_class(self, info: Info, id: Annotated[strawberry.ID, _CLASS_ID]) -> Class | None:
        """Raises NotFound."""
        viewer = info.context.viewer
        return Class.of(await info.context.runtime.directory.school_class(viewer, uuid_of(id, "Class")))

    @field("One assignment of such a class.")
    async def assignment(self, info: Info, id: Annotated[strawberry.ID, _ASSIGNMENT_ID]) -> Assignment | None:
        """Raises NotFound."""
        viewer = info.context.viewer
        return Assignment.of(await info.context.runtime.directory.assignment(viewer, uuid_of(id, "Assignment")))
