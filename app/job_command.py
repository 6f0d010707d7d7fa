"""Running a job from the command line, with a bar where a person watches."""

import asyncio
import sys
from typing import Any

import click

from app.models import JobName, JobRun
from app.runtime import Runtime

_LOOK_SECONDS = 0.2


async def run_here(runtime: Runtime, name: str, *, dry_run: bool) -> tuple[JobRun, dict[str, Any]]:
    """The run and its summary. Interrupted, it gives back what it holds: others go on with it at once."""
    run = await runtime.jobs.request(None, JobName(name), dry_run=dry_run)
    work = asyncio.create_task(runtime.jobs.work(run.id))
    try:
        if sys.stderr.isatty():
            await _show_progress(runtime, run, work, name)
        run = await work
    finally:
        if not work.done():  # before the database and the stores are closed
            work.cancel()
            await asyncio.wait([work])
    return run, runtime.jobs.summary(run)


async def _show_progress(runtime: Runtime, run: JobRun, work: asyncio.Task[JobRun], name: str) -> None:
    # The row is looked at and not the work: others may be at the same run.
    with click.progressbar(length=1, label=name, file=sys.stderr) as bar:
        ended = False
        while not ended:
            ended = bool((await asyncio.wait([work], timeout=_LOOK_SECONDS))[0])
            run = await runtime.jobs.look(run.id)
            bar.length = max(1, run.processed, run.total or 0)
            bar.update((bar.length if run.finished_at else run.processed) - bar.pos)
