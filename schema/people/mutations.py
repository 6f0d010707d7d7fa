"""Signing in and out, and the administration of users."""

from datetime import datetime
from typing import Annotated

import strawberry

from app.auth import Principal
from schema.context import Info
from schema.fields import INPUT, mutation
from schema.ids import global_id, uuid_of
from schema.people.inputs import (
    ChangePasswordInput,
    CreateUserInput,
    DeleteUserInput,
    LoginInput,
    ReactivateUserInput,
    SetUserPasswordInput,
    UpdateUserInput,
)
from schema.people.types import User


@strawberry.type(description="A token, and whose it is.")
class LoginPayload:
    """The answer to login."""

    token: str = strawberry.field(description="Goes into the header `Authorization: Bearer …`.")
    expires_at: datetime = strawberry.field(description="When the token ends.")
    user: User = strawberry.field(description="The user who logged in.")


@strawberry.type(description="Who was logged out.")
class LogoutPayload:
    """The answer to logout."""

    user_id: strawberry.ID = strawberry.field(description="The user whose tokens were revoked.")


@strawberry.type(description="The token that replaces the ones that the change revoked.")
class ChangePasswordPayload:
    """The answer to changePassword."""

    token: str = strawberry.field(description="Goes into the header `Authorization: Bearer …`.")
    expires_at: datetime = strawberry.field(description="When the token ends.")


@strawberry.type(description="The user who was created.")
class CreateUserPayload:
    """The answer to createUser."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The user as they are now.")
class UpdateUserPayload:
    """The answer to updateUser."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The user whose password was set.")
class SetUserPasswordPayload:
    """The answer to setUserPassword."""

    user: User = strawberry.field(description="The user.")


@strawberry.type(description="The user who was deactivated.")
class DeleteUserPayload:
    """The answer to deleteUser."""

    user_id: strawberry.ID = strawberry.field(description="The user's id.")


@strawberry.type(description="The user who is let in again.")
class ReactivateUserPayload:
    """The answer to reactivateUser."""

    user: User = strawberry.field(description="The user.")


@strawberry.type
class PeopleMutations:
    """Part of Mutation."""

    @mutation("Trade an e-mail address and a password for a token.")
    async def login(self, info: Info, input: Annotated[LoginInput, INPUT]) -> LoginPayload | None:
        """Raises Unauthenticated, RateLimited."""
        await info.context.runtime.rates.login(input.email, info.context.address)
        issued = await info.context.runtime.accounts.login(input.email, input.password)
        info.context.sign_in(Principal(issued.user.id, issued.user.is_system_admin, issued.expires_at))
        return LoginPayload(token=issued.token, expires_at=issued.expires_at, user=User.of(issued.user))

    @mutation("Revoke every token of the viewer that was issued so far.")
    async def logout(self, info: Info) -> LogoutPayload | None:
        """Raises Unauthenticated."""
        viewer = info.context.viewer
        await info.context.runtime.accounts.logout(viewer)
        return LogoutPayload(user_id=global_id("User", viewer.user_id))

    @mutation("Set a new password. Every token issued so far is revoked, and a new one given.")
    async def change_password(
        self, info: Info, input: Annotated[ChangePasswordInput, INPUT]
    ) -> ChangePasswordPayload | None:
        """Raises Unauthenticated, BadUserInput, RateLimited."""
        viewer, runtime = info.context.viewer, info.context.runtime
        await runtime.rates.password(viewer.user_id)
        issued = await runtime.accounts.change_password(viewer, input.current_password, input.new_password)
        return ChangePasswordPayload(token=issued.token, expires_at=issued.expires_at)

    @mutation("Create a user. System admins only.")
    async def create_user(self, info: Info, input: Annotated[CreateUserInput, INPUT]) -> CreateUserPayload | None:
        """Raises Forbidden, BadUserInput, Conflict."""
        viewer, people = info.context.viewer, info.context.runtime.people
        return CreateUserPayload(user=User.of(await people.create(viewer, input.wanted())))

    @mutation("Change a user's e-mail address, name or rights. System admins only.")
    async def update_user(self, info: Info, input: Annotated[UpdateUserInput, INPUT]) -> UpdateUserPayload | None:
        """Raises Forbidden, BadUserInput, NotFound, Conflict."""
        viewer, people = info.context.viewer, info.context.runtime.people
        return UpdateUserPayload(user=User.of(await people.update(viewer, uuid_of(input.id, "User"), input.change())))

    @mutation("Set a user's password and revoke every token of theirs. System admins only.")
    async def set_user_password(
        self, info: Info, input: Annotated[SetUserPasswordInput, INPUT]
    ) -> SetUserPasswordPayload | None:
        """Raises Forbidden, NotFound, BadUserInput, RateLimited."""
        viewer, people = info.context.viewer, info.context.runtime.people
        user = await people.set_password(viewer, uuid_of(input.id, "User"), input.password)
        return SetUserPasswordPayload(user=User.of(user))

    @mutation(
        "Deactivate a user: every token is revoked, uploads in flight fail, memberships, classes, avatar and rights go. The"
        " files stay theirs. System admins only."
    )
    async def delete_user(self, info: Info, input: Annotated[DeleteUserInput, INPUT]) -> DeleteUserPayload | None:
        """Raises Forbidden, NotFound, Conflict."""
        viewer, people = info.context.viewer, info.context.runtime.people
        user_id = uuid_of(input.id, "User")
        await people.delete(viewer, user_id)
        return DeleteUserPayload(user_id=global_id("User", user_id))

    @mutation(
        "Let a deactivated user in again, with their files and limits, and without memberships or rights. System admins"
        " only."
    )
    async def reactivate_user(
        self, info: Info, input: Annotated[ReactivateUserInput, INPUT]
    ) -> ReactivateUserPayload | None:
        """Raises Forbidden, NotFound, Conflict."""
        viewer, people = info.context.viewer, info.context.runtime.people
        return ReactivateUserPayload(user=User.of(await people.reactivate(viewer, uuid_of(input.id, "User"))))
