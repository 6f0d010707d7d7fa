"""Fan-out: one event to a thousand subscribers of one process, who may all see the same, or of whom no two ask for the same.

python -m tests.bench.fanout [--subscribers 1000] [--rounds 3]
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import psutil
from opentelemetry.metrics import NoOpMeter
from redis import Redis

from app.events.bus import Draft
from app.events.redis_bus import RedisBus
from app.telemetry.metrics import Metrics
from tests.bench import report
from tests.bench.harness import ROOT, BenchFailed, Side, interleave, rss, serving
from tests.bench.options import Options
from tests.bench.postgres import databases
from tests.bench.product import Product, product
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.bench.sides.stock_fanout import STREAM
from tests.bench.subscribers import MEASURED, WARM, Crowd
from tests.fixtures.servers.valkey import start_valkey

_FIELDS = "cursor type at fileId userId name sizeBytes"
_LIMITS = {"MAX_SUBSCRIPTIONS_PER_USER": "100000", "MAX_SOCKETS_PER_USER": "100000", "RATE_LIMITS": "false"}
_WARM_SECONDS = 60.0

Publish = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn of a side."""

    seconds: float  # from the first event's publication to the last delivery
    cpu_seconds: float  # of the server
    bytes_each: float  # of the server's memory, for each subscriber


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about fan-out."""
    with contextlib.ExitStack() as stack:
        redis = start_valkey()
        stack.callback(redis.stop)
        server = stack.enter_context(databases(options))
        environment = {"REDIS_URL": redis.url, **_LIMITS}
        ours = stack.enter_context(
            product(folder, database_url=server.migrated_database(), name="fanout", environment=environment)
        )
        arguments = ["-m", "tests.bench.sides.stock_fanout"]
        stock = stack.enter_context(serving("stock_fanout", folder, arguments, {"REDIS_URL": redis.url}))
        yield from _compare(options, ours, stock, redis.url)


def _compare(options: Options, ours: Product, stock: Side, url: str) -> Iterator[Row]:
    same = ["subscription { fileEvents { " + _FIELDS + " } }"] * options.subscribers
    different = [f"subscription {{ a{number}: fileEvents {{ {_FIELDS} }} }}" for number in range(options.subscribers)]
    token = ours.tokens[0]

    def turn(side: Side, path: str, documents: list[str], publish: Publish) -> Callable[[], Turn]:
        crowd = Crowd(port=side.port, path=path, token=token, documents=documents, events=options.events)
        return lambda: _turn(side, crowd, publish)

    to_us, to_stock = _publisher(url, ours.user_ids[0]), _stock_publisher(url)
    turns = interleave(
        options.rounds,
        {
            "stock": turn(stock, "/", same, to_stock),
            "same": turn(ours.side, "/graphql", same, to_us),
            "different": turn(ours.side, "/graphql", different, to_us),
        },
    )
    deliveries = options.subscribers * options.events
    for name, bound in (("same", 6.0), ("different", 1.1)):
        ratio = Spread.ratios([one.seconds for one in turns["stock"]], [one.seconds for one in turns[name]])
        rate = deliveries / Spread.of([one.seconds for one in turns[name]]).median
        yield report.at_least(
            f"fan-out to {options.subscribers:,} subscribers, {_WHO[name]}",
            ratio,
            bound,
            "stock, one Redis connection each",
            deliveries_per_second=rate,
            cpu_microseconds_each=[1e6 * one.cpu_seconds / deliveries for one in turns[name]],
        )
    for name, who in (("stock", "stock"), ("same", _WHO["same"]), ("different", _WHO["different"])):
        # The first turn meets a server that has seen nobody yet: later ones find memory that was used before.
        told = report.size(turns[name][0].bytes_each)
        yield report.information(f"memory of each subscriber, {who}", told)


_WHO = {"same": "who may see the same", "different": "all different"}


def _turn(side: Side, crowd: Crowd, publish: Publish) -> Turn:
    server, before = psutil.Process(side.process.pid), rss(side)
    program = [sys.executable, "-m", "tests.bench.subscribers"]
    with subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        try:
            json.dump(crowd, client.stdin)
            client.stdin.close()
            _expect(side, client.stdout, "subscribed")
            _warm(client, side, client.stdout, publish)
            each = (rss(side) - before) / len(crowd["documents"])
            cpu = _cpu(server)
            began = time.monotonic()
            publish(MEASURED, crowd["events"])
            ended = float(_line(side, client.stdout))
            return Turn(ended - began, _cpu(server) - cpu, each)
        finally:
            client.kill()


def _warm(client: "subprocess.Popen[str]", side: Side, told: IO[str], publish: Publish) -> None:
    """Until everybody has been given one event: nobody says when a subscription has begun."""
    ready: list[str] = []
    with contextlib.ExitStack() as stack:
        thread = threading.Thread(target=lambda: ready.append(told.readline()))
        thread.start()
        stack.callback(thread.join)
        deadline = time.monotonic() + _WARM_SECONDS
        while thread.is_alive():
            if time.monotonic() > deadline:
                client.kill()
                raise BenchFailed(f"subscribers of {side.name} were given nothing")
            publish(WARM, 1)
            thread.join(0.5)
    if ready != ["ready\n"]:
        raise BenchFailed(f"the subscribers of {side.name} ended")
    time.sleep(1.0)  # the last of the first events


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _line(side: Side, told: IO[str]) -> str:
    line = told.readline().strip()
    if not line:
        raise BenchFailed(f"the subscribers of {side.name} ended")
    return line


def _expect(side: Side, told: IO[str], word: str) -> None:
    if _line(side, told) != word:
        raise BenchFailed(f"the subscribers of {side.name} did not come as far as {word}")


def _event(owner: str, name: str) -> Mapping[str, Any]:
    return {
        "file_id": str(uuid4()),
        "owner_id": owner,
        "group_id": None,
        "ancestor_ids": [],
        "name": name,
        "size_bytes": 5,
    }


def _publisher(url: str, owner: str) -> Publish:
    """Into the product's stream, as a process of the product does it."""

    def publish(name: str, count: int) -> None:
        drafts = [Draft("file.uploaded", datetime.now(UTC), _event(owner, name)) for _ in range(count)]
        asyncio.run(_publish(url, drafts))

    return publish


async def _publish(url: str, drafts: list[Draft]) -> None:
    bus = RedisBus(url, Metrics(NoOpMeter("bench")), max_length=10_000)
    await bus.open()
    bus.publish(drafts)
    await bus.close()


def _stock_publisher(url: str) -> Publish:
    client: Redis = Redis.from_url(url)

    def publish(name: str, count: int) -> None:
        for _ in range(count):
            event = {"type": "UPLOADED", "at": datetime.now(UTC).isoformat(), "name": name, "size_bytes": 5}
            event |= {"file_id": str(uuid4()), "user_id": str(uuid4())}
            client.xadd(STREAM, {"event": json.dumps(event)})

    return publish


if __name__ == "__main__":
    main(measure)
