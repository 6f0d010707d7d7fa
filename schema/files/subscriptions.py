"""Watching files."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from functools import lru_cache
from typing import Annotated
from uuid import UUID

import strawberry

from app.events.bus import Message
from app.services.news import FileEventFilter as Wanted
from app.services.news import FileNews
from schema.context import Info
from schema.enums import FileEventType
from schema.fields import field, subscription
from schema.files.types import File
from schema.ids import global_id, optional_uuid_of
from schema.scalars import BigInt
from schema.sharing import Sharing


@strawberry.input(
    description="Which events to send; every condition given must hold. None shows more than one may see."
)
class FileEventFilter:
    """An omitted or null filter equals {}."""

    types: list[FileEventType] | None = strawberry.field(default=None, description="Only these; null: all.")
    group_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those of files of this group, and of the groups below it."
    )
    user_id: strawberry.ID | None = strawberry.field(default=None, description="Only those of this user's files.")

    def wanted(self) -> Wanted:
        """For the service. Raises BadUserInput for a malformed id, NotFound for the id of another type."""
        every = list(FileEventType)
        return Wanted(
            names=tuple(kind.value for kind in (every if self.types is None else self.types)),
            group_id=optional_uuid_of(self.group_id, "Group", field="groupId"),
            user_id=optional_uuid_of(self.user_id, "User", field="userId"),
        )


@lru_cache(maxsize=1024)
def _global_id(kind: str, identifier: str) -> strawberry.ID:
    """Of what a message names: every subscriber of a process is told of the same ones."""
    return global_id(kind, UUID(identifier))


@strawberry.type(description="Something that happened to a file.")
class FileEvent:
    """One event, built from the bus's message."""

    cursor: str = strawberry.field(description="Where in the stream this event stands: `after` resumes behind it.")
    type: FileEventType = strawberry.field(description="What happened.")
    at: datetime = strawberry.field(description="When it happened.")
    user_id: strawberry.ID = strawberry.field(description="The file's owner.")
    file_id: strawberry.ID | None = strawberry.field(description="The file, null when QUOTA_EXCEEDED.")
    name: str | None = strawberry.field(description="The file's name at that moment.")
    size_bytes: BigInt | None = strawberry.field(description="The file's size; what was asked for when QUOTA_EXCEEDED.")
    message: strawberry.Private[Message]
    sharing: strawberry.Private[Sharing]

    @field("The file as it is now; null when there is none, or when the viewer may not see it any more.")
    async def file(self, info: Info) -> File | None:
        """Read anew for every event, with the rights that the viewer has then."""
        file_id = self.message.data.get("file_id")
        row = None if file_id is None else await info.context.loaders.watched_files.load(UUID(file_id))
        return None if row is None else File.of(row)

    @classmethod
    def of(cls, news: FileNews) -> "FileEvent":
        """From the service's news."""
        message = news.message
        file_id = message.data.get("file_id")
        return cls(
            cursor=message.cursor,
            type=FileEventType(message.name),
            at=message.at,
            user_id=_global_id("User", message.data["owner_id"]),
            file_id=None if file_id is None else _global_id("File", file_id),
            name=message.data["name"],
            size_bytes=message.data["size_bytes"],
            message=message,
            sharing=Sharing(message.cursor, news.reason, news.live),
        )


_FILTER = strawberry.argument(description="Which events; null: all that the viewer may see.")
_AFTER = strawberry.argument(description="The cursor of the last event that was seen: those since are sent first.")


@strawberry.type
class FileSubscriptions:
    """Part of Subscription."""

    @subscription(
        "What happens to files: one's own; those of their groups for group admins; all for system admins."
        " CURSOR_EXPIRED when `after` is too old, SLOW_CONSUMER for who does not keep up: it has the cursor to resume from."
    )
    async def file_events(
        self,
        info: Info,
        filter: Annotated[FileEventFilter | None, _FILTER] = None,
        after: Annotated[str | None, _AFTER] = None,
    ) -> AsyncGenerator[FileEvent, None]:
        """Raises as the service does."""
        watching, session = info.context.runtime.watching, info.context.watcher
        async with aclosing(watching.file_events(session, (filter or FileEventFilter()).wanted(), after)) as events:
            async for news in events:
                yield FileEvent.of(news)
