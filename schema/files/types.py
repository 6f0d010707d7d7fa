"""Files as clients see them. What a list shows is plain attributes; what costs a query or a check is a resolver."""

from datetime import datetime
from typing import Annotated

import strawberry

from app import models
from app.models import EntityType, FileStatus
from schema.context import Info
from schema.enums import Disposition
from schema.fields import field
from schema.groups.types import Group
from schema.ids import global_id
from schema.pagination import Node
from schema.people.types import User
from schema.scalars import BigInt

_EXPIRES_IN = strawberry.argument(description="Seconds that the URL works; null: the server's default.")
_DISPOSITION = strawberry.argument(description="Whether a browser saves the file or shows it.")


@strawberry.type(description="A URL that gives the file's bytes without a token.")
class SignedUrl:
    """A URL and its end."""

    url: str = strawberry.field(description="Absolute; anyone who has it can read the file until it expires.")
    expires_at: datetime = strawberry.field(description="When the URL stops working.")


@strawberry.type(description="A stored file.")
class File(Node):
    """One file, built from its row."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    name: str = strawberry.field(description="The name, as given but for control characters and path parts.")
    mime_type: str = strawberry.field(description="The type, found in the first bytes and not taken from the client.")
    size_bytes: BigInt = strawberry.field(description="The size; while PENDING, what has arrived so far.")
    sha256: str | None = strawberry.field(description="The SHA-256 in lower-case hexadecimal; null while PENDING.")
    status: FileStatus = strawberry.field(description="Where the file is in its life.")
    storage_backend: str = strawberry.field(description="The name of the storage location that holds the bytes.")
    entity_type: EntityType | None = strawberry.field(description="What the file was uploaded for.")
    created_at: datetime = strawberry.field(description="When the upload began.")
    updated_at: datetime = strawberry.field(description="When the file was changed last.")
    deleted_at: datetime | None = strawberry.field(description="When it went to the trash; null while it is not there.")
    row: strawberry.Private[models.File]

    @field("The key of the stored object. System admins only, null for others.")
    def storage_key(self, info: Info) -> str | None:
        """No error for others: a list of own files would have one on each."""
        return self.row.storage_key if info.context.viewer.is_system_admin else None

    @field("Failed attempts to delete the bytes. System admins only, null for others.")
    def purge_attempts(self, info: Info) -> int | None:
        """As storage_key."""
        return self.row.purge_attempts if info.context.viewer.is_system_admin else None

    @field("Why the last attempt failed. System admins only, null for others.")
    def purge_last_error(self, info: Info) -> str | None:
        """As storage_key."""
        return self.row.purge_last_error if info.context.viewer.is_system_admin else None

    @field("When the bytes are deleted or tried again. System admins only, null for others.")
    def purge_next_attempt_at(self, info: Info) -> datetime | None:
        """As storage_key."""
        return self.row.purge_next_attempt_at if info.context.viewer.is_system_admin else None

    @field("The owner: who uploaded the file, and whose quota it counts toward.")
    async def uploaded_by(self, info: Info) -> User:
        """Through the loader."""
        return User.of(await info.context.loaders.users.load(self.row.owner_id))

    @field("The group the file was uploaded into.")
    async def group(self, info: Info) -> Group | None:
        """Through the loader."""
        if self.row.group_id is None:
            return None
        return Group.of(await info.context.loaders.visible_groups.load(self.row.group_id))

    @field("The user, group, class or assignment the file was uploaded for.")
    async def entity_id(self, info: Info) -> strawberry.ID | None:
        """The row knows the UUID; of an avatar's subject the type has to be looked up."""
        if self.row.entity_id is None:
            return None
        if self.entity_type is not EntityType.AVATAR:
            return global_id("Assignment", self.row.entity_id)
        return global_id(await info.context.loaders.kinds.load(self.row.entity_id), self.row.entity_id)

    @field("A URL that gives the bytes without a token; null unless the file is ACTIVE.")
    async def signed_url(
        self,
        info: Info,
        expires_in: Annotated[int | None, _EXPIRES_IN] = None,
        disposition: Annotated[Disposition | None, _DISPOSITION] = Disposition.ATTACHMENT,
    ) -> SignedUrl | None:
        """Raises BadUserInput for a lifetime out of bounds (R4), Forbidden for who sees the file only in its owner's list."""
        await info.context.loaders.readable_files.load(self.row)
        signed = await info.context.runtime.files.signed_url(
            self.row, expires_in=expires_in, inline=disposition is Disposition.INLINE
        )
        return None if signed is None else SignedUrl(url=signed.url, expires_at=signed.expires_at)

    @classmethod
    def of(cls, row: models.File) -> "File":
        """From a row that the caller may see."""
        return cls(
            id=global_id("File", row.id),
            uuid=str(row.id),
            name=row.name,
            mime_type=row.mime_type,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            status=row.status,
            storage_backend=row.location_id,
            entity_type=row.entity_type,
            created_at=row.created_at,
            updated_at=row.updated_at,
            deleted_at=row.deleted_at,
            row=row,
        )
