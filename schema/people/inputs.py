"""What signing in and the administration of users take."""

import strawberry

from app.services.people import NewUser, UserChange


@strawberry.input(description="Who wants to log in.")
class LoginInput:
    """Credentials."""

    email: str = strawberry.field(description="The e-mail address; case does not matter.")
    password: str = strawberry.field(description="The password.")


@strawberry.input(description="A new password for the viewer.")
class ChangePasswordInput:
    """Both passwords."""

    current_password: str = strawberry.field(description="The password that holds now.")
    new_password: str = strawberry.field(description="The password that is to hold from now on.")


@strawberry.input(description="A user to create.")
class CreateUserInput:
    """One user."""

    email: str = strawberry.field(description="The e-mail address, which is the name to log in with.")
    name: str = strawberry.field(description="The name that others see; from 1 to 200 characters.")
    password: str | None = strawberry.field(
        default=None, description="The password; without one the user cannot log in with a password."
    )
    is_system_admin: bool | None = strawberry.field(
        default=False, description="Whether the user administers the whole system."
    )

    def wanted(self) -> NewUser:
        """For the service."""
        return NewUser(self.email, self.name, self.password, bool(self.is_system_admin))


@strawberry.input(description="What to change of a user; what is left out or null stays.")
class UpdateUserInput:
    """One user."""

    id: strawberry.ID = strawberry.field(description="The user.")
    email: str | None = strawberry.field(default=None, description="The new e-mail address.")
    name: str | None = strawberry.field(default=None, description="The new name; from 1 to 200 characters.")
    is_system_admin: bool | None = strawberry.field(
        default=None, description="Whether the user administers the whole system; the last one who does stays."
    )

    def change(self) -> UserChange:
        """For the service."""
        return UserChange(self.email, self.name, self.is_system_admin)


@strawberry.input(description="A password for a user.")
class SetUserPasswordInput:
    """One user."""

    id: strawberry.ID = strawberry.field(description="The user.")
    password: str = strawberry.field(description="The password that is to hold from now on.")


@strawberry.input(description="A user to deactivate.")
class DeleteUserInput:
    """One user."""

    id: strawberry.ID = strawberry.field(description="The user.")


@strawberry.input(description="A user to let in again.")
class ReactivateUserInput:
    """One user."""

    id: strawberry.ID = strawberry.field(description="The user.")
