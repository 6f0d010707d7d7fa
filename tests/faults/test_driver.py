"""The fault driver in its shortest form, and the proof that it notices when a promise is broken."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.server import ROOT

pytestmark = pytest.mark.requirement("R1")


def drive(folder: Path, *arguments: str) -> tuple[int, Any, str]:
    """The driver's exit status, its report, and what it printed."""
    program = [sys.executable, "-m", "tests.faults.driver", "--artefacts", str(folder), *arguments]
    done = subprocess.run(program, cwd=ROOT, check=False, capture_output=True, text=True)
    report = folder / "report.json"
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text())["all"], done.stdout + done.stderr


@pytest.mark.timeout(1800)
def test_everybody_does_everything_while_processes_are_killed(tmp_path: Path) -> None:
    status, result, told = drive(tmp_path, "--plan", "least")
    assert result["violations"] == [], told
    assert status == 0
    assert result["kills"] >= 2
    assert result["ok"] > 0
    assert result["samples"] > 0
    assert "| all " in told


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_quota_that_is_read_and_then_written_is_noticed(tmp_path: Path) -> None:
    status, result, told = drive(tmp_path, "--only", "stampede", "--rounds", "1", "--break", "racy-quota")
    assert status == 1, told
    assert any("of a quota of" in text for text in result["violations"]), told


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_an_expiry_job_that_does_nothing_is_noticed(tmp_path: Path) -> None:
    status, result, told = drive(tmp_path, "--only", "hang up", "--rounds", "1", "--break", "no-expiry")
    assert status == 1, told
    assert any("is still P" in text for text in result["violations"]), told


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_short_plan_finds_nothing(tmp_path: Path) -> None:
    status, result, told = drive(tmp_path, "--plan", "short")
    assert result["violations"] == [], told
    assert status == 0
