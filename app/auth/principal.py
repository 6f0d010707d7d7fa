"""The caller that a token stands for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller as a valid token tells: loaded from the user's row in the request that carries the token."""

    user_id: UUID
    is_system_admin: bool
    expires_at: datetime | None = None  # when the token ends, UTC
    issued_at: datetime | None = None  # when the identity provider issued it, UTC; None for own tokens
