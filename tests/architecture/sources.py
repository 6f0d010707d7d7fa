"""The files of the project, as the tests about files see them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "app", "schema", "tests", "workers")
PYTHON_FOLDERS = ("app", "schema", "tests", "workers")

_GENERATED = {"__pycache__", "node_modules", "dist"}


def ignored_names() -> set[str]:
    """The names that .gitignore leaves out, without their slashes."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return {line.strip("/") for line in lines if line and not line.startswith("#")}


def all_files() -> list[Path]:
    """Every text file of the project, relative to its root."""
    # In a second work tree `.git` is a file, which says where the repository is.
    left_out = {".git", *ignored_names()}
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name not in left_out]
    below = [path for folder in FOLDERS for path in _walk(ROOT / folder)]
    return sorted(path.relative_to(ROOT) for path in (*top, *below) if _is_text(path))


def python_files() -> list[Path]:
    """Every Python file of the project, relative to its root."""
    return [path for path in all_files() if path.suffix == ".py"]


def text(path: Path) -> str:
    """The content of a file of the project."""
    return (ROOT / path).read_text()


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file of the project, the first one being number 1."""
    return enumerate(text(path).splitlines(), start=1)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name not in _GENERATED:
            yield from _walk(path)
        elif path.is_file() and not path.is_symlink():
            yield path


def _is_text(path: Path) -> bool:
    return b"\0" not in path.read_bytes()[:8192]
