"""How much one caller may hold open at one time in this process."""

from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

from app.errors import RateLimited
from app.rates.at_once import AtOnce


class Seats:
    """Counts what is open, by user. Each process counts its own."""

    def __init__(self, *, subscriptions_per_user: int, sockets_per_user: int) -> None:
        self._subscriptions = AtOnce(subscriptions_per_user, partial(too_many, "subscriptions", subscriptions_per_user))
        self._sockets = AtOnce(sockets_per_user, partial(too_many, "connections", sockets_per_user))

    @property
    def subscriptions(self) -> int:
        """How many subscriptions are open."""
        return self._subscriptions.total

    def subscription(self, user_id: UUID) -> AbstractContextManager[None]:
        """A place for one subscription, for as long as the context lasts. Raises RateLimited."""
        return self._subscriptions.one(user_id)

    def socket(self, user_id: UUID) -> AbstractContextManager[None]:
        """The same for a WebSocket."""
        return self._sockets.one(user_id)


def too_many(what: str, most: int) -> RateLimited:
    """The refusal of one more; one that ends makes room at any moment."""
    return RateLimited(1, f"You have {most} {what} open, which is as many as you may: end one first.")
