"""A process of the product, put together in another way: `python -m tests.faults.driver.launch serve | worker | scheduler`.

FAULTS_CLOCK names a file that says how many seconds the process's clock is ahead, at any moment. FAULTS_FILE_BYTES is how
large a file may grow. FAULTS_BREAK names what is broken in the process on purpose, to see that the driver notices.
"""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.clock import Clock, SystemClock
from app.db import migrate
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from app.telemetry.logs import configure_logging
from tests.faults.driver.broken import BREAKS


class MovedClock:
    """The machine's clock and what a file adds to it; seconds. The file may change at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """The present moment as far as this process knows, aware and in UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(self._path.read_text()))


def _clock() -> Clock:
    path = os.environ.get("FAULTS_CLOCK")
    return MovedClock(Path(path)) if path else SystemClock()


@asynccontextmanager
async def _opening(settings: Settings) -> AsyncIterator[Runtime]:
    broken: Callable[[Runtime], Runtime] = BREAKS.get(os.environ.get("FAULTS_BREAK", ""), lambda runtime: runtime)
    async with open_runtime(settings, _clock()) as runtime:
        yield broken(runtime)


def main(kind: str) -> None:
    """As `python -m app` does it."""
    if largest := os.environ.get("FAULTS_FILE_BYTES"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    settings = Settings.load()
    configure_logging(settings.log_level)
    asyncio.run(migrate(settings.resolved_database_url))
    # Imported late: what one kind of process needs, another one would wait for.
    if kind == "serve":
        from app.main import create_app
        from app.server import Server
        from app.web.listener import bound_socket

        with bound_socket(settings.host, settings.port) as listener:
            Server(create_app(settings, opening=_opening), settings).run(sockets=[listener])
    else:
        from workers.main import run_scheduler, run_worker

        asyncio.run({"worker": run_worker, "scheduler": run_scheduler}[kind](settings, _opening))


if __name__ == "__main__":
    main(sys.argv[1])
