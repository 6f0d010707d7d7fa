"""Setting and removing avatars (R15, R16). The files stay, whatever becomes of their use."""

from typing import Annotated

import strawberry

from schema.avatars.inputs import (
    RemoveClassAvatarInput,
    RemoveGroupAvatarInput,
    RemoveUserAvatarInput,
    SetClassAvatarInput,
    SetGroupAvatarInput,
    SetUserAvatarInput,
)
from schema.classes.types import Class
from schema.context import Info
from schema.fields import INPUT, mutation
from schema.groups.types import Group
from schema.ids import uuid_of
from schema.people.types import User


@strawberry.type(description="The user with the new picture.")
class SetUserAvatarPayload:
    """The answer to setUserAvatar."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The user, without a picture.")
class RemoveUserAvatarPayload:
    """The answer to removeUserAvatar."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The group with the new picture.")
class SetGroupAvatarPayload:
    """The answer to setGroupAvatar."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type(description="The group, without a picture.")
class RemoveGroupAvatarPayload:
    """The answer to removeGroupAvatar."""

    group: Group = strawberry.field(description="The group.")


@strawberry.type(description="The class with the new picture.")
class SetClassAvatarPayload:
    """The answer to setClassAvatar. `class` is a word of Python's own."""

    school_class: Class = strawberry.field(name="class", description="The class.")


@strawberry.type(description="The class, without a picture.")
class RemoveClassAvatarPayload:
    """The answer to removeClassAvatar."""

    school_class: Class = strawberry.field(name="class", description="The class.")


@strawberry.type
class AvatarMutations:
    """Part of Mutation."""

    @mutation("Give a user a picture: that user, and system admins.")
    async def set_user_avatar(
        self, info: Info, input: Annotated[SetUserAvatarInput, INPUT]
    ) -> SetUserAvatarPayload | None:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        user_id = uuid_of(input.user_id, "User", field="userId")
        user = await avatars.set_for_user(viewer, user_id, uuid_of(input.file_id, "File", field="fileId"))
        return SetUserAvatarPayload(user=User.of(user))

    @mutation("Take a user's picture away: that user, and system admins.")
    async def remove_user_avatar(
        self, info: Info, input: Annotated[RemoveUserAvatarInput, INPUT]
    ) -> RemoveUserAvatarPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        user = await avatars.remove_from_user(viewer, uuid_of(input.user_id, "User", field="userId"))
        return RemoveUserAvatarPayload(user=User.of(user))

    @mutation("Give a group a picture: its admins and those above.")
    async def set_group_avatar(
        self, info: Info, input: Annotated[SetGroupAvatarInput, INPUT]
    ) -> SetGroupAvatarPayload | None:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        group_id = uuid_of(input.group_id, "Group", field="groupId")
        group = await avatars.set_for_group(viewer, group_id, uuid_of(input.file_id, "File", field="fileId"))
        return SetGroupAvatarPayload(group=Group.of(group))

    @mutation("Take a group's picture away: its admins and those above.")
    async def remove_group_avatar(
        self, info: Info, input: Annotated[RemoveGroupAvatarInput, INPUT]
    ) -> RemoveGroupAvatarPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        group = await avatars.remove_from_group(viewer, uuid_of(input.group_id, "Group", field="groupId"))
        return RemoveGroupAvatarPayload(group=Group.of(group))

    @mutation("Give a class a picture: its teachers, and the admins above.")
    async def set_class_avatar(
        self, info: Info, input: Annotated[SetClassAvatarInput, INPUT]
    ) -> SetClassAvatarPayload | None:
        """Raises NotFound, Forbidden, Conflict, UnsupportedMediaType."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        class_id = uuid_of(input.class_id, "Class", field="classId")
        row = await avatars.set_for_class(viewer, class_id, uuid_of(input.file_id, "File", field="fileId"))
        return SetClassAvatarPayload(school_class=Class.of(row))

    @mutation("Take a class's picture away: its teachers, and the admins above.")
    async def remove_class_avatar(
        self, info: Info, input: Annotated[RemoveClassAvatarInput, INPUT]
    ) -> RemoveClassAvatarPayload | None:
        """Raises NotFound, Forbidden."""
        viewer, avatars = info.context.viewer, info.context.runtime.avatars
        row = await avatars.remove_from_class(viewer, uuid_of(input.class_id, "Class", field="classId"))
        return RemoveClassAvatarPayload(school_class=Class.of(row))
