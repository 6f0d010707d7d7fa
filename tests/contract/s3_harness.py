"""What the contract suite must know of an S3 store beyond the protocol."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from app.clock import SystemClock
from app.storage.backend import IDENTITY_NAME, Backend
from app.storage.s3 import S3Backend, S3Config
from tests.contract.harness import Refused, files_below, is_key, kill_half_way
from tests.fixtures.servers.buckets import S3Server

# How long the store may take to notice that a connection was closed, in seconds.
_NOTICED_AFTER = 5.0
_LOOKS = 250
# How long an identity settles here: the processes of a test are not slow.
_SETTLE_SECONDS = 0.02


def config_for(server: S3Server, bucket: str, **options: int | float | str | bool) -> S3Config:
    """The configuration of a backend on a bucket of a test server."""
    known: dict[str, int | float | str | bool] = {
        "bucket": bucket,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
        "endpoint": server.endpoint,
        "region": server.region,
        "force_path_style": True,
        # Whether a sender counts as quick must not depend on what else the machine does.
        "quick_seconds": 60.0,
        "settle_seconds": _SETTLE_SECONDS,
    }
    return S3Config(**(known | options))  # type: ignore[arg-type] # names and types are the dataclass's own


class S3Harness:
    """A bucket on a server."""

    def __init__(self, server: S3Server, bucket: str, **options: int) -> None:
        self.server = server
        self.bucket = bucket
        self.config = config_for(server, bucket, **options)
        self.backend: Backend = S3Backend(self.config, location="main", grace_seconds=60)

    def expires_in(self, seconds: float) -> datetime:
        # A whole second, as the store counts.
        return SystemClock().now().replace(microsecond=0) + timedelta(seconds=seconds + 1)

    async def let_pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 1.1)

    async def follow(self, url: str) -> bytes:
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            if answer.status != 200:
                raise Refused
            return await answer.read()

    def forgeries(self, url: str) -> Iterator[str]:
        parts = urlsplit(url)
        yield urlunsplit(parts._replace(path=f"{parts.path}.pdf"))
        yield urlunsplit(parts._replace(path=f"/{self.bucket}/{IDENTITY_NAME}"))
        yield urlunsplit(parts._replace(query=""))
        parameters = parts.query.split("&")
        for position, parameter in enumerate(parameters):
            name, _, value = parameter.partition("=")
            # The last character: of the signature, the names and types to be sent, the seconds, the day, the key's owner.
            other = f"{name}={value[:-1]}{'1' if value[-1] != '1' else '2'}"
            yield urlunsplit(
                parts._replace(query="&".join([*parameters[:position], other, *parameters[position + 1 :]]))
            )
            yield urlunsplit(parts._replace(query="&".join([*parameters[:position], *parameters[position + 1 :]])))

    async def leave_unfinished(self, key: str) -> None:
        store = {
            "bucket": self.bucket,
            "access_key_id": self.config.access_key_id,
            "secret_access_key": self.config.secret_access_key,
            "endpoint": self.config.endpoint,
            "region": self.config.region,
            "force_path_style": True,
            "part_bytes": 256 * 1024 if self.server.smallest_part == 0 else self.config.part_bytes,
            "parts_in_flight": 1,
        }
        command = [sys.executable, "-m", "tests.contract.s3_half_writer", key]
        await asyncio.to_thread(kill_half_way, command, os.environ | {"STORE": json.dumps(store)})
        assert [found for found, _ in self.server.unfinished(self.bucket)] == [key]

    async def leftovers(self) -> list[str]:
        found = self._look()
        for _ in range(_LOOKS):
            if not found:
                break
            await asyncio.sleep(_NOTICED_AFTER / _LOOKS)
            found = self._look()
        return found

    def _look(self) -> list[str]:
        found = [f"unfinished {key}" for key, _ in self.server.unfinished(self.bucket)]
        names = self.server.names(self.bucket)
        if self.server.files is not None:
            names += files_below(self.server.files / self.bucket)
        return found + sorted({name for name in names if not is_key(name) and name != IDENTITY_NAME})
