"""Reading the marks of tests without running, or even importing, them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import python_files, text

Function = ast.FunctionDef | ast.AsyncFunctionDef


def requirement_marks() -> Iterator[tuple[str, str]]:
    """(requirement, test) for every test that is marked itself, or by its class or its module."""
    for path in python_files():
        if path.name.startswith("test_"):
            yield from _marks_of_module(path)


def _marks_of_module(path: Path) -> Iterator[tuple[str, str]]:
    module = ast.parse(text(path))
    assigned = [node.value for node in module.body if isinstance(node, ast.Assign) and _is_pytestmark(node)]
    of_module = _requirements(assigned)
    for node in module.body:
        yield from _marks_of_node(node, f"{path}", of_module)


def _marks_of_node(node: ast.stmt, where: str, inherited: list[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
        for child in node.body:
            yield from _marks_of_node(child, f"{where}::{node.name}", inherited + _requirements(node.decorator_list))
    elif isinstance(node, Function) and node.name.startswith("test"):
        for requirement in inherited + _requirements(node.decorator_list):
            yield requirement, f"{where}::{node.name}"


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _requirements(expressions: list[ast.expr]) -> list[str]:
    """The ids in `pytest.mark.requirement("R7")`, wherever it stands in the expressions."""
    calls = [node for expression in expressions for node in ast.walk(expression) if isinstance(node, ast.Call)]
    return [
        argument.value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "requirement"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
