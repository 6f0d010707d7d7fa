"""`node`: one field that finds any object again by its global id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated
from uuid import UUID

import strawberry

from app.auth import Principal
from app.errors import NotFound
from schema.classes.types import Assignment, Class
from schema.context import Context, Info
from schema.fields import field
from schema.files.types import File
from schema.groups.types import Group
from schema.ids import parse_global_id
from schema.limits.types import LimitChange
from schema.operations.types import Alert, JobRun
from schema.pagination import Node
from schema.people.types import User

Finder = Callable[[Context, Principal, UUID], Awaitable[Node]]


async def _file(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return File.of(await context.runtime.files.get(viewer, identifier, active_only=False))


async def _user(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return User.of(await context.runtime.directory.user(viewer, identifier))


async def _group(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return Group.of(await context.runtime.directory.group(viewer, identifier))


async def _class(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return Class.of(await context.runtime.directory.school_class(viewer, identifier))


async def _assignment(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return Assignment.of(await context.runtime.directory.assignment(viewer, identifier))


async def _limit_change(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return LimitChange.of(await context.runtime.limit_history.change(viewer, identifier))


async def _job_run(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return JobRun.of(await context.runtime.jobs.get(viewer, identifier))


async def _alert(context: Context, viewer: Principal, identifier: UUID) -> Node:
    return Alert.of(await context.runtime.alerts.get(viewer, identifier))


async def _nothing(_context: Context, _viewer: Principal, _identifier: UUID) -> Node:
    raise NotFound("object")


# Every type that implements Node has its finder here, which shows it to nobody who may not see it (a test holds that).
FINDERS: Mapping[str, Finder] = {
    "File": _file,
    "User": _user,
    "Group": _group,
    "Class": _class,
    "Assignment": _assignment,
    "LimitChange": _limit_change,
    "JobRun": _job_run,
    "Alert": _alert,
}


@strawberry.type
class NodeQueries:
    """Part of Query."""

    @field("Any object, found by its global id.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Node | None:
        """Raises Unauthenticated, NotFound, and BadUserInput for what is no global id."""
        viewer = info.context.viewer
        kind, identifier = parse_global_id(id)
        return await FINDERS.get(kind, _nothing)(info.context, viewer, identifier)
