"""The processes of a deployment. Each has its place: who is killed is followed by another one, at the same port."""

import asyncio
import http.client
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fixtures.server import ROOT, inherited_environment
from tests.fixtures.servers.ports import free_port
from tests.fixtures.servers.process import Command, ServerProcess

_START_SECONDS = 180.0
_END_SECONDS = 45.0


@dataclass(eq=False)
class Member:
    """One place. `kind` is `serve`, `worker` or `scheduler`; `port` is 0 where nothing listens."""

    kind: str
    port: int
    folder: Path
    environment: dict[str, str]
    kills: int = 0
    starts: int = 0
    _process: ServerProcess | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the process; None when there is none."""
        return None if self._process is None or self._process.status is not None else self._process.pid

    def log(self) -> str:
        """What the process wrote that is there now or was there last."""
        return "" if self._process is None else self._process.log()

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Have a process there, which has come as far as its work. Raises ServerFailed."""
        async with self._lock:
            if self.pid is None:
                await asyncio.to_thread(self._launch, environment or {})

    async def ready(self) -> None:
        """Wait until the web process says that it has everything that it needs. Raises ServerFailed."""
        if self._process is not None:
            await asyncio.to_thread(self._process.wait_until, lambda: self._answers("/readyz"), _START_SECONDS)

    async def kill(self) -> None:
        """SIGKILL, and wait for the end: it can clean up nothing."""
        if self.pid is not None:
            self.kills += 1
            await self._end(signal.SIGKILL)

    async def terminate(self) -> None:
        """SIGTERM, and wait for an orderly end. Raises ServerFailed when it takes too long."""
        await self._end(signal.SIGTERM)

    def stop(self) -> None:
        """Be rid of the process, in whatever way is quickest; blocks until it has ended."""
        if self._process is not None:
            if self._process.status is None:
                self._process.signal(signal.SIGKILL)
            self._process.stop()

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.status is None:
            process.signal(number)
            await asyncio.to_thread(process.wait, _END_SECONDS)
            await asyncio.to_thread(process.stop)

    def _launch(self, environment: Mapping[str, str]) -> None:
        self.starts += 1
        name = f"{self.kind}-{self.port}" if self.port else f"{self.kind}-{id(self) % 10_000}"
        command = Command(
            serve=[sys.executable, "-m", "tests.faults.driver.launch", self.kind],
            folder=ROOT,
            log=self.folder / f"{name}-{self.starts}.log",
            environment=inherited_environment() | self.environment | dict(environment),
        )
        self._process = ServerProcess(name, command)
        self._process.wait_until(self._is_up, _START_SECONDS)

    def _is_up(self) -> bool:
        return self._answers("/healthz") if self.port else f'"event":"{self.kind}.started"' in self.log()

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True)
class Size:
    """How many processes of each kind."""

    apis: int = 2
    workers: int = 3
    schedulers: int = 2


class Fleet:
    """All processes of a deployment."""

    def __init__(self, size: Size, folder: Path, environment: Mapping[str, str]) -> None:
        def places(kind: str, number: int) -> list[Member]:
            return [_place(kind, folder, environment) for _ in range(number)]

        self.apis: Sequence[Member] = places("serve", size.apis)
        self.workers: Sequence[Member] = places("worker", size.workers)
        self.schedulers: Sequence[Member] = places("scheduler", size.schedulers)

    @property
    def members(self) -> list[Member]:
        """All places."""
        return [*self.apis, *self.workers, *self.schedulers]

    @property
    def kills(self) -> int:
        """By SIGKILL, so far."""
        return sum(member.kills for member in self.members)

    async def start(self) -> None:
        """Have a process in every place."""
        await asyncio.gather(*(member.start() for member in self.members))

    def stop(self) -> None:
        """Be rid of all processes; blocks until they have ended."""
        for member in self.members:
            member.stop()


def _place(kind: str, folder: Path, environment: Mapping[str, str]) -> Member:
    port = free_port() if kind == "serve" else 0
    own = {"PYTHONUNBUFFERED": "1", "HOST": "127.0.0.1"}
    if port:
        own |= {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    return Member(kind, port, folder, {**environment, **own})
