"""Where the files of a request belong: `operations` and `map` of the GraphQL multipart request specification.

https://github.com/jaydenseric/graphql-multipart-request-spec, without its batches.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.web.multipart.errors import MultipartError

MAX_FILES = 256
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one file in the variables: `container[key]`, which holds null until it is filled."""

    variable: str
    container: dict[str, object] | list[object]
    key: str | int

    def fill(self, value: object) -> None:
        """Put `value` where null stood."""
        if isinstance(self.container, dict):
            self.container[str(self.key)] = value
        else:
            self.container[int(self.key)] = value


def check_operations(value: object) -> dict[str, object]:
    """The single operation of a request. Raises MultipartError."""
    if isinstance(value, list):
        raise MultipartError("A request holds one operation: batches are not supported.")
    if not isinstance(value, dict):
        raise MultipartError("operations must be a JSON object.")
    return value


def find_slots(operations: Mapping[str, object], mapping: object) -> dict[str, Slot]:
    """The place of every file, by the name of its part, as `mapping` (the value of `map`) tells.

    Raises MultipartError unless every part goes to exactly one place that exists and holds null, and no two share one.
    """
    if not isinstance(mapping, dict):
        raise MultipartError("map must be a JSON object.")
    if not mapping:
        raise MultipartError("map names no file: send a request without files as application/json.")
    if len(mapping) > MAX_FILES:
        raise MultipartError(f"A request may carry at most {MAX_FILES} files.")
    slots: dict[str, Slot] = {}
    taken: set[str] = set()
    for name, paths in mapping.items():
        path = _only_path(name, paths)
        if path in taken:
            raise MultipartError(f"map puts two files at {path[:_SHOWN]!r}.")
        taken.add(path)
        slots[name] = _slot(operations, path)
    return slots


def _only_path(name: str, paths: object) -> str:
    shown = name[:_SHOWN]
    if name in {"", "operations", "map"}:
        raise MultipartError(f"map may not call a file {shown!r}.")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise MultipartError(f"map must hold a list of paths for {shown!r}.")
    if len(paths) != 1:
        raise MultipartError(f"map must hold exactly one path for {shown!r}: a file is used once.")
    return str(paths[0])


def _slot(operations: Mapping[str, object], path: str) -> Slot:
    root, *steps = path.split(".")
    if root != "variables" or not steps:
        raise MultipartError(f"A path in map must begin with 'variables.': {path[:_SHOWN]!r} does not.")
    value = operations.get("variables")
    slot: Slot | None = None
    for step in steps:
        container = value
        if isinstance(container, dict) and step in container:
            value, slot = container[step], Slot(steps[0], container, step)
        elif isinstance(container, list) and _INDEX.fullmatch(step) and int(step) < len(container):
            value, slot = container[int(step)], Slot(steps[0], container, int(step))
        else:
            raise MultipartError(f"map names {path[:_SHOWN]!r}, which is not in operations.")
    if slot is None or value is not None:
        raise MultipartError(f"operations must hold null at {path[:_SHOWN]!r}, where map puts a file.")
    return slot
