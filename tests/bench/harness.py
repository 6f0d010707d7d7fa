"""Sides, rounds and meters: servers as child processes, turns in every round, and what a server used meanwhile."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import psutil

from tests.bench.client import Exchange, Outcome, Plan
from tests.fixtures.servers.ports import free_port
from tests.fixtures.servers.process import Command, ServerProcess

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
_CLIENT = Path(__file__).with_name("client.py")
_START_SECONDS = 60.0
_SAMPLE_SECONDS = 0.01
_FILES_EVERY = 5  # samples
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


class BenchFailed(RuntimeError):
    """Something did not do what it was to be measured at."""


@dataclass(frozen=True, slots=True)
class Side:
    """A running server: what it stores goes below `target`, what it spools to `temporary` or to files without a name."""

    name: str
    process: ServerProcess
    port: int
    target: Path
    temporary: Path

    def stored(self) -> list[Path]:
        """What has been stored so far: finished files only."""
        return [path for path in self.target.rglob("*") if path.is_file() and not path.name.startswith(".")]


@contextlib.contextmanager
def serving(
    name: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Side]:
    """A side: `python` with these arguments, once it listens, until the end of the context. PORT and TARGET in its environment
    say where it is to listen and to store.
    """
    home = folder / name
    target, temporary = home / "files", home / "tmp"
    for made in (target, temporary):
        made.mkdir(parents=True, exist_ok=True)
    port = free_port()
    inherited = {key: value for key, value in os.environ.items() if key in _INHERITED}
    own = {"TMPDIR": str(temporary), "PORT": str(port), "TARGET": str(target), "PYTHONUNBUFFERED": "1"}
    command = Command(
        serve=[sys.executable, *arguments],
        folder=ROOT,
        log=home / "log",
        environment={**inherited, **own, **(environment or {})},
    )
    process = ServerProcess(name, command)
    try:
        process.wait_until(lambda: _is_listening(port), _START_SECONDS)
        yield Side(name, process, port, target, temporary)
    except BenchFailed as error:
        raise process.failure(str(error)) from error
    finally:
        process.stop()


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------- the client


def ask(side: Side, do: str, exchanges: Sequence[Exchange], number: float = 0) -> Any:
    """Have the client do something with a side: see `client.py` for what. Raises BenchFailed when it cannot."""
    plan = Plan(do=do, port=side.port, exchanges=list(exchanges), number=number)
    program = [sys.executable, "-I", "-S", str(_CLIENT)]
    done = subprocess.run(program, input=json.dumps(plan).encode(), capture_output=True, check=False)
    if done.returncode:
        raise BenchFailed(f"the client could not {do} on {side.name}:\n{done.stderr.decode()[-2000:]}")
    return json.loads(done.stdout)


def ask_one(side: Side, exchange: Exchange, do: str = "each") -> Outcome:
    """The same for one request, which must succeed."""
    return succeeded(side, cast(list[Outcome], ask(side, do, [exchange]))[0])


def succeeded(side: Side, outcome: Outcome) -> Outcome:
    """The outcome, if it is what was wanted. Raises BenchFailed."""
    if outcome["status"] >= 300 or '"errors"' in outcome["body"]:
        raise BenchFailed(f"{side.name} answered {outcome['status']}: {outcome['body'][:1000]}")
    return outcome


# ---------------------------------------------------------------- rounds


def interleave(rounds: int, turns: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Every turn once in every round, each round beginning with another one; the results by name, in the order of rounds."""
    names = list(turns)
    results: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(turns[name]())
    return results


# ---------------------------------------------------------------- what a server used


class Meter:
    """Watches a side while something happens to it.

    Afterwards: `cpu_seconds` (user and system), `peak_rss` and `temporary` in bytes, the latter being the most that files other than
    the one that was being stored held at one time; with `files=False` nobody looks for them.
    """

    def __init__(self, side: Side, *, files: bool = True) -> None:
        self._side = side
        self._files = files
        self._process = psutil.Process(side.process.pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu = 0.0
        self._known = frozenset(_files_of(side, self._process)) if files else frozenset()
        self.cpu_seconds = 0.0
        self.peak_rss = 0
        self.temporary = 0

    def __enter__(self) -> Self:
        self._cpu = self._cpu_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.cpu_seconds = self._cpu_time() - self._cpu
        self._sample_files()

    def _cpu_time(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _watch(self) -> None:
        number = 0
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak_rss = max(self.peak_rss, self._process.memory_info().rss)
            if number % _FILES_EVERY == 0:
                self._sample_files()
            number += 1

    def _sample_files(self) -> None:
        if not self._files:
            return
        new = {
            known: facts for known, facts in _files_of(self._side, self._process).items() if known not in self._known
        }
        inside = [size for size, within in new.values() if within]
        outside = sum(size for size, within in new.values() if not within)
        # Of what lies in the target folder one file is the object itself, under its own or its temporary name.
        self.temporary = max(self.temporary, outside + sum(inside) - max(inside, default=0))


def rss(side: Side) -> int:
    """Bytes that the side holds in memory now."""
    return int(psutil.Process(side.process.pid).memory_info().rss)


def rest(side: Side, seconds: float = 0.3) -> int:
    """Let a side come to rest; the bytes that it then holds in memory."""
    time.sleep(seconds)
    return rss(side)


def _files_of(side: Side, process: psutil.Process) -> dict[tuple[int, int], tuple[int, bool]]:
    """The sizes of all files that the side has open or in its folders, unlinked ones included, and whether they are within
    its target folder; without its database and its log, which live longer than an upload.
    """
    found: dict[tuple[int, int], tuple[int, bool]] = {}
    for descriptor in _open_files(process):
        with contextlib.suppress(OSError):
            facts = descriptor.stat()
            name = str(descriptor.readlink())
            if stat.S_ISREG(facts.st_mode) and ".sqlite3" not in name and not name.endswith("/log"):
                within = name.startswith(f"{side.target}/") and not name.endswith(" (deleted)")
                found[facts.st_dev, facts.st_ino] = facts.st_size, within
    for folder, within in ((side.target, True), (side.temporary, False)):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                if stat.S_ISREG(facts.st_mode):
                    found[facts.st_dev, facts.st_ino] = facts.st_size, within
    return found


def _open_files(process: psutil.Process) -> list[Path]:
    # Elsewhere than on Linux files without a name go unseen.
    folder = Path(f"/proc/{process.pid}/fd")
    return list(folder.iterdir()) if folder.is_dir() else []
