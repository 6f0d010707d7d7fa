"""What holds for every file of the project: size, place, and what must not stand in it."""

import re
from pathlib import Path

from tests.architecture.sources import FOLDERS, ROOT, all_files, ignored_names, numbered_lines, python_files, text

# Migrations are written by Tortoise's generator, one operation per model.
_MAY_BE_LONG = {Path("app/migrations/0001_initial.py")}
_LONGEST = 350

# Folders of one developer's machine.
_MACHINE_PATHS = re.compile(r"(?<![\w.~$}/-])/(?:root|home|work|Users|mnt|tmp/\w+)/")

# Where packages come from is a matter of the machine that installs them.
_INDEXES = re.compile(
    r"pypi\.(?:org|python)|python[h]osted\.org|--(?:extra-)?index[-]url|--find[-]links|--trusted[-]host"
    r"|registry\.(?:npm|yarn)|index_[u]rl|UV_[I]NDEX|PIP_[I]NDEX"
)
_NOTES = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
_SKIPS = re.compile(
    r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|pragma: no (?:cover|branch)|unittest\.skip"
)
# The browser test is the only one that may be skipped, where there is no browser (design: "Set-up and tests").
_MAY_SKIP = {Path("tests/e2e/test_browser.py")}

_NOQA = re.compile(r"#\s*noqa\b(?P<codes>:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?(?P<rest>.*)")
_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w,\s-]+\])?(?P<rest>.*)")
_REASON = re.compile(r"^\s*(?:#|-|–|:)\s*\w+")


def _lines_with(pattern: re.Pattern[str], *, except_in: frozenset[Path] | set[Path] = frozenset()) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path in all_files()
        if path not in except_in
        for number, line in numbered_lines(path)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_350_lines() -> None:
    long = {str(path): count for path in python_files() if (count := len(text(path).splitlines())) > _LONGEST}
    assert {path: count for path, count in long.items() if Path(path) not in _MAY_BE_LONG} == {}


def test_there_are_no_other_top_level_folders() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert sorted(folders - {".git", *FOLDERS} - ignored_names()) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert _lines_with(_MACHINE_PATHS) == []


def test_no_file_says_where_packages_come_from() -> None:
    assert _lines_with(_INDEXES) == []


def test_no_file_leaves_a_note_for_later() -> None:
    assert _lines_with(_NOTES) == []


def test_no_test_is_skipped_and_no_line_is_left_out_of_coverage() -> None:
    here = Path(__file__).relative_to(ROOT)
    assert _lines_with(_SKIPS, except_in={*_MAY_SKIP, here}) == []


def test_every_exception_to_a_rule_names_the_rule_and_its_reason() -> None:
    unexplained = []
    for path in python_files():
        for number, line in numbered_lines(path):
            for pattern in (_NOQA, _IGNORE):
                match = pattern.search(line)
                if match and not (match["codes"] and _REASON.search(match["rest"])):
                    unexplained.append(f"{path}:{number}: {line.strip()}")
    assert unexplained == []
