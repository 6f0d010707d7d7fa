"""What the view is given to work with."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.auth import Principal, Session
from app.errors import Unauthenticated
from app.web.body import IDLE_SECONDS
from app.web.multipart import FormLimits
from app.web.replies import DiscardBounds
from schema.streaming import BEAT_SECONDS

ContextT_co = TypeVar("ContextT_co", covariant=True)

SocketSeat = Callable[[UUID], AbstractContextManager[None]]
Authenticate = Callable[[HTTPConnection], Awaitable[Principal | None]]
MakePage = Callable[[], Response]


class UploadRates(Protocol):
    """What keeps one user from uploading too much at a time, and too often."""

    def upload_request(self, user_id: UUID) -> AbstractContextManager[None]:
        """The time of one request. Raises RateLimited when it is one too many."""
        ...

    async def uploads(self, user_id: UUID, count: int) -> None:
        """So many files. Raises RateLimited."""
        ...


class MakeContext(Protocol[ContextT_co]):
    """Makes what resolvers are given. `refusal` says why there is no principal although a token came."""

    def __call__(
        self,
        *,
        connection: HTTPConnection,
        principal: Principal | None,
        refusal: Unauthenticated | None,
        request_id: str,
        session: Session | None,
    ) -> ContextT_co:
        """The context of one request, or of one WebSocket. There is a session of what may stay open."""
        ...


@dataclass(frozen=True, slots=True)
class ViewLimits:
    """Bounds of one request: bytes, and seconds without a byte after which a body counts as given up."""

    json_bytes: int = 1024 * 1024
    form: FormLimits = field(default_factory=FormLimits)
    discard: DiscardBounds = field(default_factory=DiscardBounds)
    idle_seconds: float = IDLE_SECONDS
    min_bytes_per_second: int = 0
    operations_per_connection: int = 100
    beat_seconds: float = BEAT_SECONDS  # of a stream's silence before a sign of life
    init_seconds: float = 10.0  # that a WebSocket has to say who it is
    stranger_seconds: float = 60.0  # that one without a token has, to log in and come back with one
