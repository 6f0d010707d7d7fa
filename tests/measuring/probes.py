"""Probes in the code of this process."""

import json
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_hex

from slipcover import FileMatcher, ImportManager, Slipcover

from tests.measuring import RESULTS

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["slipcover"]

# A probe can be taken out again once it was passed often enough. That goes through all modules while threads run, and saves nothing
# that could be measured here.
_NEVER = 2**31 - 1


def make_probes(*, whole: Sequence[Path] = (), without: Sequence[Path] = ()) -> Slipcover:
    """Probes, in nothing yet. Of the folders in `whole` also files that are never imported count, as missing, but for some."""
    return Slipcover(
        branch=SETTINGS["branch"],
        d_miss_threshold=_NEVER,
        source=[str(folder) for folder in whole] or None,
        omit=[str(file) for file in without],
        exclude_also=SETTINGS["exclude-also"],
    )


def measure(*sources: str) -> Callable[[], None]:
    """Measure what is imported from these files and folders from now on. Returns what leaves the results, as often as it is called."""
    probes = make_probes()
    ImportManager(probes, FileMatcher(sources=[ROOT / source for source in sources])).__enter__()
    results = Path(os.environ[RESULTS]) / f"{os.getpid()}-{token_hex(4)}.json"

    def leave() -> None:
        results.write_text(json.dumps(probes.get_coverage()))

    return leave
