"""Fences that import-linter cannot hold. The others are in pyproject.toml and run with `make imports`."""

import ast
import tomllib
from pathlib import Path

from tests.architecture.sources import ROOT, python_files, text

# The linter sees `opentelemetry` as one package: the API may be used anywhere, what configures it may not.
_SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
_SDK_HOME = Path("app/telemetry")

# The models know nothing of the application (a contract of their own), and nothing imports migrations.
_BELOW_ALL = {"app.models", "app.migrations"}


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_opentelemetry_sdk_is_imported_in_telemetry_only() -> None:
    outside = [path for path in python_files() if path.parts[0] != "tests" and not path.is_relative_to(_SDK_HOME)]
    found = {str(path): sorted(name for name in _imported(path) if name.startswith(_SDK)) for path in outside}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_product_never_imports_its_tests() -> None:
    product = [path for path in python_files() if path.parts[0] != "tests"]
    assert [str(path) for path in product if any(name.split(".")[0] == "tests" for name in _imported(path))] == []


def test_every_part_of_app_has_its_place_in_the_order_of_rooms() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    placed = {name.strip("() ") for layer in layers for name in layer.replace("|", ":").split(":")}
    parts = {f"app.{path.parts[1].removesuffix('.py')}" for path in python_files() if path.parts[0] == "app"}
    assert sorted(parts - placed - _BELOW_ALL - {"app.__init__"}) == [], "add them to the contract `rooms`"
