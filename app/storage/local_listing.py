"""Listing a local tree in byte order, with bounded memory. Everything here blocks: it runs in threads.

Keys have the four levels of `app.storage.keys.LEVELS`. At none of the first three is one name the beginning of another, so
the order of names, level by level, is the byte order of the keys.
"""

import heapq
import os
import stat
from collections.abc import Iterator, Sequence

from app.storage.backend import PAGE_OBJECTS, ObjectInfo
from app.storage.keys import LEVELS
from app.storage.local_files import info_of
from app.storage.local_tree import Tree

# A folder is not read in order. It is read through once for every so many names, and the smallest that are left are kept:
# a million files in one month cost some thirty passes, and never more than a few megabytes.
WINDOW_NAMES = 32_768


def pages(tree: Tree, prefix: str, *, window: int = WINDOW_NAMES) -> Iterator[list[ObjectInfo]]:
    """Pages of at most twice `PAGE_OBJECTS` objects. Nothing stays open between two of them. Raises `OSError`."""
    page: list[ObjectInfo] = []
    for folders in _folders(tree, (), prefix, window):
        for names in _windows(tree, folders, prefix, window):
            for start in range(0, len(names), PAGE_OBJECTS):
                page += _facts(tree, folders, names[start : start + PAGE_OBJECTS])
                if len(page) >= PAGE_OBJECTS:
                    yield page
                    page = []
    if page:
        yield page


def _folders(tree: Tree, above: tuple[str, ...], prefix: str, window: int) -> Iterator[tuple[str, ...]]:
    """The paths of all folders that may hold objects of this prefix."""
    if len(above) == len(LEVELS) - 1:
        yield above
        return
    for names in _windows(tree, above, prefix, window):
        for name in names:
            yield from _folders(tree, (*above, name), prefix, window)


def _windows(tree: Tree, folders: tuple[str, ...], prefix: str, window: int) -> Iterator[list[str]]:
    """The names in a folder that are of its level and on the way to the prefix, in order, window by window."""
    level = LEVELS[len(folders)]
    path = "".join(f"{folder}/" for folder in folders)
    is_object = len(folders) == len(LEVELS) - 1

    def belongs(name: str) -> bool:
        if not level.fullmatch(name):
            return False
        if is_object:
            return f"{path}{name}".startswith(prefix)
        return f"{path}{name}/".startswith(prefix[: len(path) + len(name) + 1])

    last = ""
    while True:
        names = heapq.nsmallest(window, (name for name in _names(tree, folders) if name > last and belongs(name)))
        if names:
            yield names
            last = names[-1]
        if len(names) < window:
            return


def _names(tree: Tree, folders: Sequence[str]) -> Iterator[str]:
    try:
        with tree.folder(folders) as folder, os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name
    except (FileNotFoundError, NotADirectoryError):
        # Pruned a moment ago, or a stranger's file or link. The root itself was found, or there would be another error.
        return


def _facts(tree: Tree, folders: Sequence[str], names: Sequence[str]) -> list[ObjectInfo]:
    path = "/".join(folders)
    objects: list[ObjectInfo] = []
    try:
        with tree.folder(folders) as folder:
            for name in names:
                try:
                    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(facts.st_mode):
                    objects.append(info_of(f"{path}/{name}", facts))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return objects
