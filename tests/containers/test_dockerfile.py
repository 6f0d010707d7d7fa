"""The image: what it is made of, who it runs as, and that it holds all that the product needs. No Docker is needed for this."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from app.cli import main
from app.settings import Settings
from tests.architecture.sources import ROOT
from tests.containers.dockerfile import Stage, stages

STAGES = stages((ROOT / "Dockerfile").read_text())
GRAPHIQL, PACKAGES, IMAGE = STAGES
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

# A version of three numbers, the distribution that it stands on, and the digest of exactly that image.
_PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+-slim-[a-z]+|[\w./-]+:\d+\.\d+\.\d+-[a-z]+-slim")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN", re.IGNORECASE)

# Imports the whole product while nothing can be imported that comes only from packages that are not in the image.
_WITHOUT_THE_REST = """
import sys
from importlib.metadata import packages_distributions

locked = set(sys.argv[1:])
missing = {
    module
    for module, names in packages_distributions().items()
    if not locked & {name.lower().replace("_", "-").replace(".", "-") for name in names}
}

class Image:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing - {"app", "schema", "workers"}:
            raise ModuleNotFoundError(name, name=name)

for name in missing & {name for name in sys.modules if not name.startswith("_")}:
    del sys.modules[name]
sys.meta_path.insert(0, Image())
import app.cli, app.main, schema.printing, workers.main
print(*sorted(missing))
"""


def commands_of(stage: Stage) -> list[str]:
    """The shell commands that a stage is built with."""
    return [command.strip() for run in stage.all("RUN") for command in run.rest.split("&&")]


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out. The last line that fits decides, as Docker has it."""
    ignored = False
    parents = [path, *(str(parent) for parent in Path(path).parents if parent != Path())]
    for line in IGNORED:
        pattern = line.removeprefix("!")
        if any(fnmatch(part, pattern) or fnmatch(f"/{part}", pattern.replace("**", "*")) for part in parents):
            ignored = not line.startswith("!")
    return ignored


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name or "image")
class TestEveryStage:
    def test_stands_on_an_exact_image(self, stage: Stage) -> None:
        name, _, digest = stage.image.partition("@")
        assert _PINNED.fullmatch(name)
        assert _DIGEST.fullmatch(digest)

    def test_takes_what_exists_and_says_what(self, stage: Stage) -> None:
        assert stage.all("ADD") == []
        for copy in stage.all("COPY"):
            *sources, _ = copy.words
            if copy.flags:
                assert copy.flags["from"] in {other.name for other in STAGES}
                continue
            assert "." not in sources, "the whole folder"
            for source in sources:
                assert (ROOT / source).exists()
                assert not is_ignored(source)

    def test_holds_no_secret(self, stage: Stage) -> None:
        names = [word.partition("=")[0] for kind in ("ENV", "ARG") for each in stage.all(kind) for word in each.words]
        assert [name for name in names if _SECRET.search(name)] == []

    def test_is_built_by_plain_commands_that_check_what_they_install(self, stage: Stage) -> None:
        for command in commands_of(stage):
            assert not re.search(r"\bsudo\b|curl|wget|apt-get|\|", command)
            if "pip install" in command:
                assert {"--require-hashes", "--no-deps", "--no-cache-dir"} <= set(command.split())
            if "npm" in command.split() and "install" in command:
                pytest.fail("npm install changes the lock")
            if command.startswith("npm ci"):
                assert "--ignore-scripts" in command.split()

    def test_works_in_folders_with_whole_names(self, stage: Stage) -> None:
        assert all(Path(folder.rest).is_absolute() for folder in stage.all("WORKDIR"))


def test_packages_are_installed_where_they_will_run() -> None:
    assert PACKAGES.image == IMAGE.image


def test_the_image_runs_as_nobody_in_particular() -> None:
    user = IMAGE.one("USER")
    number, _, group = user.rest.partition(":")
    assert (int(number) >= 10_000, int(group) >= 10_000) == (True, True)  # numbers: Kubernetes asks for them
    after = IMAGE.instructions[IMAGE.instructions.index(user) :]
    assert {"RUN", "COPY"}.isdisjoint(instruction.keyword for instruction in after)


def test_the_image_serves_unless_told_otherwise_and_its_health_is_asked_for() -> None:
    entry, command, health = IMAGE.one("ENTRYPOINT"), IMAGE.one("CMD"), IMAGE.one("HEALTHCHECK")
    # The exec form: signals reach the process itself.
    assert (entry.listed, command.listed) == (["python", "-m", "app"], ["serve"])
    assert health.listed == ["python", "-m", "app", "health"]
    assert {"serve", "worker", "scheduler", "health"} <= set(main.commands)
    assert IMAGE.one("EXPOSE").rest == str(Settings.model_fields["port"].default)
    assert IMAGE.one("STOPSIGNAL").rest == "SIGTERM"


def test_the_images_own_settings_exist() -> None:
    names = {word.partition("=")[0] for each in IMAGE.all("ENV") for word in each.words}
    assert {name for name in names if not name.startswith(("PATH", "PYTHON"))} <= {
        name.upper() for name in Settings.model_fields
    }


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", "data/secret_key", ".env", "tests/conftest.py", "app/__pycache__/cli.pyc",
             "app/web/graphiql/node_modules/vite/package.json", "app/web/graphiql/dist/index.html"]
)  # fmt: skip
def test_nothing_of_this_machine_gets_into_the_image(path: str) -> None:
    assert is_ignored(path)


@pytest.mark.parametrize("path", ["app/main.py", "app/telemetry/logs.py", "schema/view.py", "workers/main.py"])
def test_the_product_gets_into_the_image(path: str) -> None:
    assert not is_ignored(path)


def test_the_product_needs_nothing_that_the_image_lacks() -> None:
    lines = (ROOT / "requirements-runtime.lock").read_text().splitlines()
    locked = [line.partition("==")[0] for line in lines if "==" in line]
    process = subprocess.run(
        [sys.executable, "-c", _WITHOUT_THE_REST, *locked], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert {"pytest", "mypy", "hypothesis"} <= set(process.stdout.split())


def test_the_image_starts_from_the_files_that_it_copies(tmp_path: Path) -> None:
    for copy in IMAGE.all("COPY"):
        if not copy.flags:
            source, target = copy.words
            (tmp_path / target).symlink_to(ROOT / source)
    process = subprocess.run(
        [sys.executable, "-m", "app", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert "serve" in process.stdout
