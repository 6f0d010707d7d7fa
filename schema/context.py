"""What resolvers are given: the runtime, who is calling, and loaders that live for one operation."""

from dataclasses import dataclass
from functools import cached_property

import strawberry

from app.auth import Principal, Session
from app.errors import Unauthenticated
from app.runtime import Runtime
from schema.loaders import Loaders


@dataclass
class Context:
    """One request, or one WebSocket: the schema makes a copy of its own for every operation.

    `refusal` says why there is no principal although a token came; it is raised only by what needs a principal, so that
    a client with an expired token can still log in. `address` is where the client is, as far as that can be believed.
    """

    runtime: Runtime
    principal: Principal | None
    request_id: str
    refusal: Unauthenticated | None = None
    address: str | None = None
    session: Session | None = None  # of what stays open: there the caller is who the session says

    @property
    def watcher(self) -> Session:
        """The session of a subscription's caller. Raises Unauthenticated when there is none."""
        if self.principal is None or self.session is None:
            raise self.refusal or Unauthenticated("missing")
        return self.session

    @property
    def viewer(self) -> Principal:
        """The caller. Raises Unauthenticated when there is none."""
        if self.principal is None:
            raise self.refusal or Unauthenticated("missing")
        return self.principal

    @cached_property
    def loaders(self) -> Loaders:
        """The operation's loaders."""
        return Loaders(self.runtime, self.principal)

    def sign_in(self, principal: Principal) -> None:
        """The rest of the operation is this caller's: who has just logged in may read what the login answers with."""
        self.principal = principal
        self.forget()

    def for_operation(self) -> "Context":
        """The same caller, as known now, with nothing loaded yet."""
        known = self if self.session is None else self.session
        return Context(self.runtime, known.principal, self.request_id, known.refusal, self.address, self.session)

    def forget(self) -> None:
        """Drop what was loaded: a mutation that follows another one must see what that one changed."""
        self.__dict__.pop("loaders", None)


Info = strawberry.Info[Context, None]
