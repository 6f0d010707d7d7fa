"""The processes: a worker, a scheduler, and what a web process has to do with jobs."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from taskiq import AsyncBroker

from app.runtime import OpenRuntime, Runtime, open_runtime
from app.settings import Settings
from app.tasks import end_task
from workers.alerts import keep_delivering
from workers.broker import embedded_broker
from workers.middleware import SenderContext
from workers.scheduler import Ticks, keep_schedules
from workers.tasks import register_jobs, register_work
from workers.wake import BrokerWake
from workers.worker import Worker

# A process is gone within 30 seconds of SIGTERM: so long its work may go on before it is released, and after so long the
# process is ended whatever it does.
FINISH_SECONDS = 5.0
LAST_SECONDS = 25.0
EXIT_FORCED = 70  # EX_SOFTWARE

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def web_jobs(runtime: Runtime, *, scheduled: bool = True) -> AsyncIterator[None]:
    """What a web process does about jobs while it serves: with Redis it wakes workers, without it does everything itself.

    Without `scheduled`, what is asked for is still done, but nothing else.
    """
    async with AsyncExitStack() as stack:
        if runtime.settings.redis_url:
            from workers.redis_broker import redis_broker  # not where there is no Redis: its client is slow to load

            await _starter(stack, runtime, redis_broker(runtime.settings.redis_url))
        else:
            if not runtime.settings.embedded:
                _log.warning("jobs.one_process_only", reason="REDIS_URL is not set: do not start a second process")
            broker = embedded_broker()
            await _starter(stack, runtime, broker)
            worker = Worker(runtime.jobs, runtime.database, runtime.telemetry.tracing)
            register_work(broker, worker)
            await _deliver_alerts(stack, runtime)
            stack.push_async_callback(worker.stop, FINISH_SECONDS)
            if scheduled:
                ticks = _ticks(runtime, broker)
                await _beside(stack, worker.poll())
                await _beside(stack, keep_schedules(broker, ticks))
        yield


async def run_worker(
    settings: Settings, opening: OpenRuntime = open_runtime, listener: socket.socket | None = None
) -> None:
    """Work on runs until SIGTERM or SIGINT. Any number of these processes may run at once.

    With a `listener`, `/metrics` and the health of this process are served there.
    """
    from workers.listening import listen
    from workers.redis_broker import leave, redis_broker

    async with _process(settings, "worker", opening, listener) as (runtime, stop, stack):
        broker = redis_broker(settings.redis_url)
        await _starter(stack, runtime, broker)
        worker = Worker(runtime.jobs, runtime.database, runtime.telemetry.tracing)
        register_work(broker, worker)
        stack.push_async_callback(leave, broker)
        await _beside(stack, runtime.locations.watch())
        await _deliver_alerts(stack, runtime)
        stack.push_async_callback(worker.stop, FINISH_SECONDS)
        await _beside(stack, worker.poll(), at_the_end=stop.set)
        listening = asyncio.create_task(listen(broker, stop))
        stack.push_async_callback(asyncio.wait, [listening])
        await stop.wait()


async def run_scheduler(
    settings: Settings, opening: OpenRuntime = open_runtime, listener: socket.socket | None = None
) -> None:
    """Ask for runs when they are due, until SIGTERM or SIGINT. Any number may run at once. `listener`: see `run_worker`."""
    from workers.redis_broker import redis_broker

    async with _process(settings, "scheduler", opening, listener) as (runtime, stop, stack):
        broker = redis_broker(settings.redis_url)
        await _starter(stack, runtime, broker)
        # Here too: what a scheduler has to tell of is that no worker does anything.
        await _deliver_alerts(stack, runtime)
        await _beside(stack, keep_schedules(broker, _ticks(runtime, broker)), at_the_end=stop.set)
        await stop.wait()


@asynccontextmanager
async def _process(
    settings: Settings, kind: str, opening: OpenRuntime, listener: socket.socket | None
) -> AsyncIterator[tuple[Runtime, asyncio.Event, AsyncExitStack]]:
    stop = stop_event(kind)
    async with opening(settings) as runtime, AsyncExitStack() as stack:
        if listener is not None:
            from app.web.listener import watched  # the HTTP server, which a process that nobody looks at does not need

            await stack.enter_async_context(watched(runtime, listener))
        _log.info(f"{kind}.started", pid=os.getpid())
        yield runtime, stop, stack
    _log.info(f"{kind}.stopped")


def stop_event(kind: str, *, last_seconds: float = LAST_SECONDS) -> asyncio.Event:
    """Set by SIGTERM and SIGINT. So many seconds later the process is ended, whatever it does."""
    stop = asyncio.Event()

    def begin() -> None:
        if not stop.is_set():
            stop.set()
            _log.info(f"{kind}.stopping")
            # A thread: a loop that hangs, or threads that the interpreter waits for at its end, must not hold the process.
            last = threading.Timer(last_seconds, _end_now, [kind, last_seconds])
            last.daemon = True
            last.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, begin)
    return stop


def _end_now(kind: str, seconds: float) -> None:
    _log.error(f"{kind}.stop_forced", seconds=seconds)
    os._exit(EXIT_FORCED)


async def _starter(stack: AsyncExitStack, runtime: Runtime, broker: AsyncBroker) -> None:
    broker.add_middlewares(SenderContext())
    wake = BrokerWake(broker)
    runtime.jobs.starter = wake
    stack.push_async_callback(broker.shutdown)
    stack.push_async_callback(wake.close)


def _ticks(runtime: Runtime, broker: AsyncBroker) -> Ticks:
    zone = ZoneInfo(runtime.settings.schedule_timezone)
    ticks = Ticks(runtime.jobs, runtime.database, runtime.clock, zone)
    register_jobs(broker, ticks, zone)
    return ticks


async def _deliver_alerts(stack: AsyncExitStack, runtime: Runtime) -> None:
    if runtime.alert_deliveries.sinks:
        await _beside(stack, keep_delivering(runtime.alert_deliveries, runtime.database))


async def _beside(
    stack: AsyncExitStack, work: Coroutine[Any, Any, None], *, at_the_end: Callable[[], None] | None = None
) -> None:
    """Do this for as long as the stack is open. Should it end before, by a bug, that is logged, and `at_the_end` called:
    a process without its heart is better started anew.
    """
    task = asyncio.create_task(work)

    def ended(_: object) -> None:
        if not task.cancelled():
            _log.critical("jobs.part_ended", exc_info=task.exception())
            if at_the_end is not None:
                at_the_end()

    task.add_done_callback(ended)
    stack.push_async_callback(end_task, task)
