"""The servers that deployments stand on: started once for a plan, as child processes that are gone when the driver is."""

import asyncio
import signal
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from app.db import migrate
from tests.fixtures.s3 import server_of
from tests.fixtures.servers.buckets import S3Server
from tests.fixtures.servers.databases import PostgresServer
from tests.fixtures.servers.postgres import PostgresProcess, start_postgres
from tests.fixtures.servers.s3 import start_rclone
from tests.fixtures.servers.valkey import ValkeyProcess, start_valkey

# What PostgreSQL has acknowledged it must still know after a crash; nobody cuts the power of the machine. And deployments live
# long enough here to be swept: hundreds of rounds leave dead rows by the ten thousand.
_SETTINGS = {"synchronous_commit": "on", "autovacuum": "on", "autovacuum_naptime": "5s"}


class Servers:
    """PostgreSQL, Valkey and an S3 server. A context: all of them are stopped at its end.

    `may_mount`: whether this process can mount file systems for its deployments.
    """

    def __init__(self, *, may_mount: bool = False) -> None:
        self.may_mount = may_mount
        self._stack = ExitStack()
        self._postgres: PostgresProcess
        self._valkey: ValkeyProcess
        self.databases: PostgresServer
        self.buckets: S3Server

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._postgres = start_postgres(18, settings=_SETTINGS)
            stack.callback(self._stop_postgres)
            self._valkey = start_valkey()
            stack.callback(self._stop_valkey)
            store = start_rclone()
            stack.callback(store.stop)
            self.buckets = server_of(store)
            stack.callback(self.buckets.close)
            self.databases = PostgresServer(self._postgres.url, migrate=migrate, copy_files=True)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def redis_port(self) -> int:
        """Of Valkey."""
        return self._valkey.port

    async def restart_postgres(self, *, crash: bool) -> None:
        """End PostgreSQL, in order or not, and start it again."""
        how = signal.SIGQUIT if crash else signal.SIGINT
        self._postgres = await asyncio.to_thread(self._postgres.restarted, how)

    async def restart_redis(self, *, seconds: float = 0) -> None:
        """Kill Valkey and start it again after so many seconds, empty."""
        port = self._valkey.port
        self._valkey.process.signal(signal.SIGKILL)
        await asyncio.to_thread(self._valkey.stop)
        await asyncio.sleep(seconds)
        self._valkey = await asyncio.to_thread(start_valkey, port)

    def _stop_postgres(self) -> None:
        self._postgres.stop()  # the one that runs by then

    def _stop_valkey(self) -> None:
        self._valkey.stop()
