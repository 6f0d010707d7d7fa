"""Watching quotas."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry

from app.services.news import QuotaNews
from schema.context import Info
from schema.fields import subscription
from schema.ids import global_id, optional_uuid_of
from schema.limits.types import Quota


@strawberry.type(description="A quota, as it is from now on.")
class QuotaChange:
    """One state of a user's ledger and limits."""

    user_id: strawberry.ID = strawberry.field(description="Whose quota it is.")
    quota: Quota = strawberry.field(description="The quota.")
    at: datetime = strawberry.field(description="When it was read.")

    @classmethod
    def of(cls, news: QuotaNews) -> "QuotaChange":
        """From the service's news."""
        return cls(user_id=global_id("User", news.user_id), quota=Quota.of(news.quota), at=news.at)


_USER_ID = strawberry.argument(description="The user; null: the viewer.")


@strawberry.type
class LimitSubscriptions:
    """Part of Subscription."""

    @subscription(
        "The quota of the viewer, or of a user whom the viewer administers: as it is now, and then whenever it is another one."
    )
    async def quota_changed(
        self, info: Info, user_id: Annotated[strawberry.ID | None, _USER_ID] = None
    ) -> AsyncGenerator[QuotaChange, None]:
        """Raises as the service does."""
        watching, session = info.context.runtime.watching, info.context.watcher
        wanted = optional_uuid_of(user_id, "User", field="userId")
        async with aclosing(watching.quota_changes(session, wanted)) as changes:
            async for news in changes:
                yield QuotaChange.of(news)
