"""The measuring of coverage: what a process leaves, and what becomes of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.server import Serve
from tests.measuring import RESULTS
from tests.measuring.probes import ROOT
from tests.measuring.process import ONLY_IN_PROCESSES

pytestmark = pytest.mark.requirement("R44")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of this test leave what they have passed."""
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.setenv(RESULTS, str(folder))
    return folder


def left_in(results: Path) -> dict[str, Any]:
    [left] = results.glob("*.json")
    files: dict[str, Any] = json.loads(left.read_text())["files"]
    return files


def report() -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.measuring.report"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


async def test_a_server_that_is_told_to_stop_leaves_what_it_has_passed(serve: Serve, results: Path) -> None:
    server = await serve()
    assert await server.terminate() in {0, 143}
    files = left_in(results)
    assert {"app/cli.py", "app/server.py"} <= set(files) <= set(ONLY_IN_PROCESSES)
    assert files["app/server.py"]["executed_branches"]
    assert files["app/cli.py"]["missing_lines"]


def test_what_nobody_has_passed_is_missing_and_too_much_of_it_is_an_error(results: Path) -> None:
    nothing = report()
    assert nothing.returncode == 1
    assert nothing.stdout.splitlines()[-1] == "coverage of lines and branches: 0.0 %, must be 90 %"
    assert "app/cli.py" in nothing.stdout


def test_the_results_of_all_processes_are_added_up(results: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.measuring.process", "app", "--help"], cwd=ROOT, check=True, capture_output=True
    )
    passed = left_in(results)["app/cli.py"]
    everything = passed | {
        "executed_lines": passed["executed_lines"] + passed["missing_lines"],
        "executed_branches": passed["executed_branches"] + passed["missing_branches"],
        "missing_lines": [],
        "missing_branches": [],
    }
    [left] = results.glob("*.json")
    (results / "another.json").write_text(
        json.dumps(json.loads(left.read_text()) | {"files": {"app/cli.py": everything}})
    )
    assert "app/cli.py" not in report().stdout
