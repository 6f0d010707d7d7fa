"""How much of one thing a user may have open at one time. Each process counts its own."""

from collections import Counter
from collections.abc import Callable
from types import TracebackType
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

    def one(self, user_id: UUID) -> "One":
        """One more, for as long as the context lasts. Entering it raises RateLimited."""
        return One(self, user_id)

    def begin(self, user_id: UUID) -> None:
        """What entering `one` does."""
        if self._most is not None and self._open[user_id] >= self._most:
            raise self._refusal()
        self._open[user_id] += 1

    def end(self, user_id: UUID) -> None:
        """What leaving it does."""
        self._open[user_id] -= 1
        if not self._open[user_id]:
            del self._open[user_id]


class One:
    """See `AtOnce.one`."""

    def __init__(self, all_of_them: AtOnce, user_id: UUID) -> None:
        self._all = all_of_them
        self._user_id = user_id

    def __enter__(self) -> None:
        self._all.begin(self._user_id)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._all.end(self._user_id)
