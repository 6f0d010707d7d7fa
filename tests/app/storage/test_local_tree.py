"""The two ways into a folder of a local tree, at once and step by step: the same folders, and the same refusals."""

import errno
import os
from pathlib import Path

import pytest

from app.storage.local_beneath import Beneath
from app.storage.local_tree import Tree

_NAMES = ("group", "2026", "11")


def _outcome(tree: Tree, *, make: bool) -> int | str:
    """The folder that is found, or what is raised."""
    try:
        with tree.folder(_NAMES, make=make) as folder:
            return os.fstat(folder).st_ino
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _stranger(root: Path, depth: int, kind: str) -> None:
    """Put something else in the place of one of the folders."""
    elsewhere = root.parent / "elsewhere"
    place = root.joinpath(*_NAMES[: depth + 1])
    if kind == "moved away":
        place.rename(elsewhere)
    elif kind == "link out":
        place.rename(elsewhere)
        place.symlink_to(elsewhere)
    elif kind == "link within":
        place.rename(place.with_name("other"))
        place.symlink_to("other")
    else:
        place.rename(elsewhere)
        place.write_text("a file")


@pytest.mark.parametrize("make", [False, True], ids=["look", "make"])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("kind", ["moved away", "link out", "link within", "file"])
def test_both_ways_find_and_refuse_the_same(tmp_path: Path, kind: str, depth: int, make: bool) -> None:
    outcomes = []
    for name, at_once in (("walked", False), ("at once", True)):
        root = tmp_path / name / "root"
        root.mkdir(parents=True)
        tree = Tree(root, at_once=at_once)
        assert isinstance(_outcome(tree, make=True), int)  # and known from here on
        found = _outcome(tree, make=make)
        assert found == root.joinpath(*_NAMES).stat().st_ino

        _stranger(root, depth, kind)
        outcome = _outcome(tree, make=make)
        outcomes.append("made" if isinstance(outcome, int) else outcome)

    assert outcomes[0] == outcomes[1]
    if kind == "moved away":
        assert outcomes[0] == ("made" if make else "ENOENT")
    else:
        assert outcomes[0] in {"ENOTDIR", "ELOOP"}


@pytest.mark.parametrize("path", ["link", "link/below", "folder/link", "..", "folder/../..", "/", "missing", "file"])
def test_what_is_not_plainly_beneath_is_left_to_the_walk(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder" / "link").symlink_to("below")
    (tmp_path / "file").write_text("a file")
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        assert Beneath().open(root, path) is None
    finally:
        os.close(root)


def test_one_way_in_leaves_no_descriptor_open(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    _outcome(tree, make=True)
    before = len(list(Path("/dev/fd").iterdir()))

    for make in (False, True) * 20:
        _outcome(tree, make=make)
    Tree(tmp_path).prune(_NAMES)
    assert _outcome(tree, make=False) == "ENOENT"

    assert len(list(Path("/dev/fd").iterdir())) == before
