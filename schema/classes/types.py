"""Classes, their members and their assignments. A class is seen by its members and by the admins of its group, and so is
all that belongs to it.
"""

from datetime import datetime

import strawberry

from app import models
from app.models import ClassRole
from schema.attachments.types import Attachment, attachments_of
from schema.avatars.types import Avatar, avatar_of
from schema.context import Info
from schema.fields import field
from schema.groups.types import Group
from schema.ids import global_id
from schema.pages import PageOf
from schema.pagination import After, Connection, First, Node, page_length
from schema.people.types import User


@strawberry.type(description="A class of a group. Its teachers and students are in the tree of that group.")
class Class(Node):
    """One class."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    name: str = strawberry.field(description="The class's name.")
    row: strawberry.Private[models.Class]

    @field("The group it belongs to.")
    async def group(self, info: Info) -> Group:
        """Through the loader."""
        return Group.of(await info.context.loaders.groups.load(self.row.group_id))

    @field("The picture that people of the same tree see; null without one, and while its file is in the trash.")
    async def avatar(self, info: Info) -> Avatar | None:
        """Through the loader."""
        return await avatar_of(info, self.row.avatar_id)

    @field("Its teachers and students, by name.")
    async def members(self, info: Info, first: First = 50, after: After = None) -> "Connection[ClassMember] | None":
        """Raises BadUserInput."""
        pages = info.context.loaders.pages
        page = await pages.class_members.load(PageOf(self.row.id, (page_length(first), after)))
        return Connection[ClassMember].of(page, ClassMember.of)

    @field("Its assignments, the newest first.")
    async def assignments(self, info: Info, first: First = 50, after: After = None) -> "Connection[Assignment] | None":
        """Raises BadUserInput."""
        pages = info.context.loaders.pages
        page = await pages.assignments.load(PageOf(self.row.id, (page_length(first), after)))
        return Connection[Assignment].of(page, Assignment.of)

    @classmethod
    def of(cls, row: models.Class) -> "Class":
        """From a row that the caller may see."""
        return cls(id=global_id("Class", row.id), uuid=str(row.id), name=row.name, row=row)


@strawberry.type(description="A user's place in a class.")
class ClassMember:
    """One user, one class, one role."""

    role: ClassRole = strawberry.field(description="The user's role in the class.")
    created_at: datetime = strawberry.field(description="Since when.")
    row: strawberry.Private[models.ClassMember]

    @field("The member.")
    async def user(self, info: Info) -> User:
        """Through the loader."""
        return User.of(await info.context.loaders.users.load(self.row.user_id))

    @classmethod
    def of(cls, row: models.ClassMember) -> "ClassMember":
        """From a row that the caller may see."""
        return cls(role=row.role, created_at=row.created_at, row=row)


@strawberry.type(description="A piece of work set for a class.")
class Assignment(Node):
    """One assignment."""

    uuid: str = strawberry.field(description="The id as a bare UUID.")
    title: str = strawberry.field(description="The assignment's title.")
    row: strawberry.Private[models.Assignment]

    @field("The class it is set for.", name="class")
    async def school_class(self, info: Info) -> Class:
        """Through the loader."""
        return Class.of(await info.context.loaders.classes.load(self.row.school_class_id))

    @field("Who set it, also when they have left; null when that is not known.")
    async def created_by(self, info: Info) -> User | None:
        """Through the loader."""
        if self.row.created_by_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.row.created_by_id))

    @field("The files attached to it, in the order of adding. Those in the trash are left out.")
    async def attachments(self, info: Info) -> list[Attachment] | None:
        """Through the loader."""
        return await attachments_of(info, self.row.id)

    @classmethod
    def of(cls, row: models.Assignment) -> "Assignment":
        """From a row that the caller may see."""
        return cls(id=global_id("Assignment", row.id), uuid=str(row.id), title=row.title, row=row)
