"""`run-job` on a terminal, where somebody watches."""

import asyncio
import os
import pty
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.db import migrate
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.factories import make_user
from tests.fixtures.jobs import many_trashed
from tests.fixtures.server import ROOT, inherited_environment
from tests.measuring import app_command


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings.load(data_dir=tmp_path / "data")
    await migrate(settings.resolved_database_url)
    async with open_runtime(settings) as opened:
        yield opened


async def on_a_terminal(data_dir: Path, *arguments: str) -> tuple[int, str, str]:
    """The status, what was printed, and what the terminal showed."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *app_command(*arguments),
        cwd=ROOT,
        env=inherited_environment() | {"DATA_DIR": str(data_dir), "TERM": "xterm"},
        stdout=asyncio.subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = asyncio.create_task(asyncio.to_thread(_read_all, ours))
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), await shown


def _read_all(terminal: int) -> str:
    text = b""
    try:
        while piece := os.read(terminal, 4096):
            text += piece
    except OSError:  # how a terminal says that nobody is at the other end any more
        pass
    finally:
        os.close(terminal)
    return text.decode()


async def test_a_run_shows_its_progress_on_a_terminal_and_its_summary_on_standard_output(runtime: Runtime) -> None:
    await many_trashed(runtime, [await make_user()], 30, timedelta(days=31))

    status, out, shown = await on_a_terminal(runtime.settings.data_dir, "run-job", "orphaned_file_cleanup")

    assert status == 0, shown
    assert out.startswith(
        "orphaned_file_cleanup: done\n  files deleted: 30\n  bytes freed: 465\n  failed: 0\n  seconds: "
    )
    percents = [int(found) for found in re.findall(r"(\d+)%", shown)]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert "[####" in shown


async def test_a_rehearsal_without_work_ends_at_a_hundred_percent_too(runtime: Runtime) -> None:
    status, out, shown = await on_a_terminal(runtime.settings.data_dir, "run-job", "quota_reconciliation", "--dry-run")
    assert (status, out.splitlines()[0]) == (0, "quota_reconciliation: this is what it would do")
    assert "100%" in shown
