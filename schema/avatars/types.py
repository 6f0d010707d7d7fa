"""Avatars, as fields of the people and places that have them."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from schema.context import Info

if TYPE_CHECKING:
    from schema.files.types import File

# The type of every `avatar` field; files know the people they belong to, so it is looked up late.
Avatar = Annotated["File", strawberry.lazy("schema.files.types")]


async def avatar_of(info: Info, file_id: UUID | None) -> "File | None":
    """The file of an avatar, for those who may see it. Raises Unauthenticated."""
    from schema.files.types import File

    if file_id is None:
        return None
    row = await info.context.loaders.avatars.load(file_id)
    return None if row is None else File.of(row)
