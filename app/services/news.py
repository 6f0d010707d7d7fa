"""What can be asked of the subscriptions, and what they tell."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.events.bus import Message
from app.models import Alert, JobRun
from app.services.limits import Quota
from app.services.rights import Reason

FILE_EVENTS = (
    "file.uploaded",
    "file.deleted",
    "file.restored",
    "file.renamed",
    "file.purged",
    "quota.exceeded",
)


@dataclass(frozen=True, slots=True)
class FileEventFilter:
    """Which events of files; every condition must hold. `names` are those of messages, `group_id` includes the groups below."""

    names: Collection[str] = FILE_EVENTS
    group_id: UUID | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class FileNews:
    """An event of a file, why it is shown, and whether it has just happened or was replayed."""

    message: Message
    reason: Reason
    live: bool


@dataclass(frozen=True, slots=True)
class QuotaNews:
    """A user's quota as it is now."""

    user_id: UUID
    quota: Quota
    at: datetime


@dataclass(frozen=True, slots=True)
class JobNews:
    """A run as it is now. `message` is what its worker said of it, for people."""

    run: JobRun
    message: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertNews:
    """An alert, where in the stream it stands, and whether it has just been raised or was replayed."""

    cursor: str
    alert: Alert
    live: bool
