"""The test command: what it runs, on what, and that it is what CI runs."""

import re
import sys
import tomllib

import pytest

from tests.architecture.sources import ROOT
from tests.fixtures.app import BACKENDS, EVERY_SETUP, SETUPS
from tests.fixtures.databases import DATABASES
from tests.fixtures.server import inherited_environment
from tests.measuring import RESULTS, app_command

_TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def recipe(target: str) -> str:
    """A target of the Makefile with what it needs and does."""
    found = re.search(rf"^{target}:.*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, target
    return found[0]


@pytest.mark.requirement("R43")
def test_the_integration_tests_run_on_every_database_with_every_backend() -> None:
    assert set(BACKENDS) == {"memory", "local", "s3"}
    assert {database.rstrip("0123456789") for database in DATABASES} == {"sqlite", "postgres"}
    assert set(EVERY_SETUP) == {(database, backend) for database in DATABASES for backend in BACKENDS}
    assert [setup.values[0] for setup in SETUPS] == EVERY_SETUP
    # The short form leaves pairs out, but no database and no backend.
    short = [pair for pair, setup in zip(EVERY_SETUP, SETUPS, strict=True) if not setup.marks]
    assert {backend for _, backend in short} == set(BACKENDS)
    assert {database.rstrip("0123456789") for database, _ in short} == {"sqlite", "postgres"}


@pytest.mark.requirement("R44")
def test_coverage_has_branches_and_a_bound_and_is_measured_by_the_test_command() -> None:
    measured = _TOOLS["slipcover"]
    assert set(measured["source"]) == set(_TOOLS["importlinter"]["root_packages"])
    assert measured["branch"] is True
    assert measured["fail-under"] >= 90
    for target in ("test", "test-full"):
        assert re.search(r"\$\(MEASURED\) .*pytest.*\n\t@\$\(REPORT\)\n", recipe(target)), target


@pytest.mark.requirement("R44")
def test_coverage_counts_what_the_integration_tests_reach_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RESULTS, raising=False)
    assert app_command("serve") == [sys.executable, "-m", "app", "serve"]
    monkeypatch.setenv(RESULTS, "of the test run")
    assert app_command("serve") == [sys.executable, "-m", "tests.measuring.process", "app", "serve"]
    assert inherited_environment()[RESULTS] == "of the test run"


@pytest.mark.requirement("R45")
def test_ci_runs_the_test_command_of_the_readme_and_nothing_beside_it() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert script.rstrip().splitlines()[-1] == "exec make test"
    assert "set -euo pipefail" in script
    assert re.search(r"^make test ", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert "checks" in recipe("test").splitlines()[0].split("##")[0].split()
    assert {"lint", "types", "imports"} <= set(recipe("checks").split())


@pytest.mark.requirement("R45")
def test_ci_names_its_browser_so_that_nothing_is_skipped_there() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "export CHROMIUM_PATH" in script
