"""The locks pin what pyproject.toml and package.json ask for, with hashes, and say nothing of where it comes from."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.sources import ROOT

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)(?P<marker> ; [^\\]+)? \\$")
_HASH = re.compile(r"^ {4}--hash=sha256:[0-9a-f]{64}(?: \\)?$")

_EXACT = re.compile(r"\d+\.\d+\.\d+")

_KINDS = ("dependencies", "devDependencies", "overrides")
_NODE_PACKAGES = ["app/web/graphiql", "tests/clients"]
_LOCKS = {name: (ROOT / name).read_text().splitlines() for name in ("requirements.lock", "requirements-runtime.lock")}
LINES = _LOCKS["requirements.lock"]


def _pinned(lines: list[str]) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    for line in lines:
        if match := _PINNED.match(line):
            found.setdefault(canonicalize_name(match["name"]), []).append(Version(match["version"]))
    return found


def _asked_for(*, tests: bool = True) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(project["optional-dependencies"]["test"] if tests else ())]


def _hashes(lines: list[str]) -> dict[str, set[str]]:
    """The hashes below each pinned version, which stands here without its marker."""
    found: dict[str, set[str]] = {}
    pinned = ""
    for line in lines:
        if _HASH.match(line):
            found[pinned].add(line.strip(" \\"))
        else:
            pinned = line.split()[0]
            found.setdefault(pinned, set())
    return found


@pytest.mark.parametrize("lines", _LOCKS.values(), ids=_LOCKS)
def test_every_line_of_a_lock_is_a_pinned_version_or_its_hash(lines: list[str]) -> None:
    other = [
        f"{number}: {line}"
        for number, line in enumerate(lines, start=1)
        if not (_PINNED.match(line) or _HASH.match(line))
    ]
    assert other == []


@pytest.mark.parametrize("lines", _LOCKS.values(), ids=_LOCKS)
def test_every_pinned_version_has_a_hash(lines: list[str]) -> None:
    assert {pinned for pinned, hashes in _hashes(lines).items() if not hashes} == set()


@pytest.mark.parametrize("asked", _asked_for(), ids=lambda asked: Requirement(asked).name)
def test_the_lock_holds_a_version_that_pyproject_allows(asked: str) -> None:
    requirement = Requirement(asked)
    versions = _pinned(LINES).get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement.name} is not in requirements.lock: run `make lock`"
    assert [str(version) for version in versions if version not in requirement.specifier] == []


def test_the_lock_of_the_image_is_the_part_of_the_lock_that_the_product_needs() -> None:
    whole, part = _hashes(LINES), _hashes(_LOCKS["requirements-runtime.lock"])
    assert {pinned: hashes for pinned, hashes in part.items() if whole.get(pinned) != hashes} == {}

    wanted = {canonicalize_name(Requirement(asked).name) for asked in _asked_for(tests=False)}
    only_for_tests = {canonicalize_name(Requirement(asked).name) for asked in _asked_for()} - wanted
    held = set(_pinned(_LOCKS["requirements-runtime.lock"]))
    assert (wanted - held, only_for_tests & held) == (set(), set())


def test_the_lock_alone_is_installed_and_is_all_that_is_needed() -> None:
    """Nobody looks for dependencies while it is installed: a resolver may prefer a newer version that the lock does not hold."""
    assert re.search(r"pip install .*--no-deps --require-hashes", (ROOT / "Makefile").read_text())
    check = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False, timeout=120
    )
    assert (check.returncode, check.stdout.strip()) == (0, "No broken requirements found.")


@pytest.mark.parametrize("folder", _NODE_PACKAGES)
def test_a_package_of_npm_asks_for_exact_versions(folder: str) -> None:
    package = json.loads((ROOT / folder / "package.json").read_text())
    asked = {name: version for kind in _KINDS for name, version in package.get(kind, {}).items()}
    assert {name: version for name, version in asked.items() if not _EXACT.fullmatch(version)} == {}


@pytest.mark.parametrize("folder", _NODE_PACKAGES)
def test_npms_lock_is_that_of_the_package_and_pins_everything_by_hash_alone(folder: str) -> None:
    package = json.loads((ROOT / folder / "package.json").read_text())
    top, *installed = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"].values()
    assert {kind: top.get(kind) for kind in _KINDS[:2]} == {kind: package.get(kind) for kind in _KINDS[:2]}
    assert [package for package in installed if "integrity" not in package or "resolved" in package] == []
