"""Subscriptions in the usual way: a connection to Redis for each of them, and an execution and an encoding for each event of each.

To its advantage nobody is asked who they are, nothing is checked, and what is sent is of a fixed form. REDIS_URL names the server;
events are entries of STREAM with one field, which holds JSON.
"""

import os
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import strawberry
from redis.asyncio import Redis
from strawberry.asgi import GraphQL

from tests.bench.sides.serving import serve

STREAM = "stock:events"


@strawberry.type
class FileEvent:
    """As the product's, but for the file."""

    cursor: str
    type: str
    at: str
    file_id: strawberry.ID
    user_id: strawberry.ID
    name: str
    size_bytes: int


@strawberry.type
class Query:
    """A schema has one."""

    hello: str = "hello"


@strawberry.type
class Subscription:
    """The one that is measured."""

    @strawberry.subscription
    async def file_events(self) -> AsyncGenerator[FileEvent, None]:
        """Every event from now on."""
        redis: Redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
        try:
            last: Any = "$"
            while True:
                answer: Any = await redis.xread({STREAM: last}, block=0)
                for _, entries in answer:
                    for last, fields in entries:
                        yield FileEvent(cursor=last.decode(), **orjson.loads(fields[b"event"]))
        finally:
            await redis.aclose()


if __name__ == "__main__":
    schema = strawberry.Schema(query=Query, subscription=Subscription)
    serve(GraphQL[object, None](schema), websockets=True)
