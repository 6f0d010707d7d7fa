"""How much of one thing a user may have open at one time. Each process counts its own."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from app.errors import RateLimited


class AtOnce:
    """Counts what is open, by user. `most` None: any number; `refusal` makes the error that one more gets."""

    def __init__(self, most: int | None, refusal: Callable[[], RateLimited]) -> None:
        self._most = most
        self._refusal = refusal
        self._open: Counter[UUID] = Counter()

    @property
    def total(self) -> int:
        """How much is open, of all users together."""
        return self._open.total()

    @contextmanager
    def one(self, user_id: UUID) -> Iterator[None]:
        """One more, for as long as the context lasts. Raises RateLimited."""
        if self._most is not None and self._open[user_id] >= self._most:
            raise self._refusal()
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
