"""What a subscriber may be shown at this moment, kept up while the subscription lasts."""

import time
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from app.auth import Principal, Session
from app.auth.session import RENEW_SECONDS
from app.db import Database
from app.errors import Forbidden, Unauthenticated
from app.events.bus import Message
from app.models import MemberRole
from app.permissions import may_operate
from app.services.standing import load_standing

STANDING_CHANGED = "standing.changed"


class Reason(Enum):
    """Why somebody is shown an event of a file, the strongest reason last."""

    OWNER = auto()
    GROUP_ADMIN = auto()
    SYSTEM_ADMIN = auto()


class Rights:
    """One subscriber's rights, read when the subscription begins, when a message says that they may have changed, and before
    anything is shown that comes more than `renew_seconds` after the last reading: Redis may have been away meanwhile.

    A message says of which groups its file's group is a part. So what must be known of the subscriber is only of which
    groups they are an admin themselves, and trees may change their shape without anything being read again.
    """

    def __init__(self, database: Database, session: Session, *, renew_seconds: float = RENEW_SECONDS) -> None:
        self._database = database
        self._session = session
        self._renew_seconds = renew_seconds
        self._principal: Principal | None = None
        self._user_id = ""
        self._headed: frozenset[str] = frozenset()
        self._read_at = 0.0

    async def read(self) -> Principal:
        """Read them now. Raises Unauthenticated when the token stands for nobody any more."""
        principal = await self._session.renew()
        if principal is None:
            raise Unauthenticated
        headed: frozenset[str] = frozenset()
        if not principal.is_system_admin:
            standing = await load_standing(self._database, principal)
            headed = frozenset(str(group) for group, role in standing.roles.items() if role is MemberRole.GROUP_ADMIN)
        self._principal, self._user_id, self._headed = principal, str(principal.user_id), headed
        self._read_at = time.monotonic()
        return principal

    async def current(self) -> Principal:
        """The subscriber; read again when the last time is too long ago. Raises as `read`."""
        if self._principal is None or time.monotonic() - self._read_at > self._renew_seconds:
            return await self.read()
        return self._principal

    async def operator(self) -> Principal:
        """The same of somebody who may operate. Raises Forbidden for others."""
        principal = await self.current()
        if not may_operate(principal):
            raise Forbidden
        return principal

    def concerned_by(self, message: Message) -> bool:
        """Whether a `standing.changed` is about the subscriber."""
        return bool(message.data["user_id"] == self._user_id)

    async def heed(self, message: Message) -> bool:
        """Whether a message is one about rights; of one that is about the subscriber's they are read. Raises as `read`."""
        if message.name != STANDING_CHANGED:
            return False
        if self.concerned_by(message):
            await self.read()
        return True

    async def reason(self, event: Mapping[str, Any]) -> Reason | None:
        """Why the subscriber is shown an event of a file; None for who is not. Raises as `read`."""
        principal = await self.current()
        if principal.is_system_admin:
            return Reason.SYSTEM_ADMIN
        group = event.get("group_id")
        if self._headed and group is not None and not self._headed.isdisjoint((group, *event.get("ancestor_ids", ()))):
            return Reason.GROUP_ADMIN
        return Reason.OWNER if event["owner_id"] == self._user_id else None
