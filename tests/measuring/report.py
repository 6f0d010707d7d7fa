"""Adds up what all processes have left, says what nobody passed, and fails below the bound: `python -m tests.measuring.report`."""

import json
import os
import sys
from pathlib import Path

from slipcover import merge_coverage, print_coverage

from tests.measuring import RESULTS
from tests.measuring.probes import ROOT, SETTINGS, make_probes


def main() -> int:
    """The status: 0 from `fail-under` percent of lines and branches on."""
    total = make_probes().get_coverage()
    for results in sorted(Path(os.environ[RESULTS]).glob("*.json")):
        merge_coverage(total, json.loads(results.read_text()))
    passed = [ROOT / name for name in total["files"]]
    everything = [ROOT / source for source in SETTINGS["source"]]
    merge_coverage(total, make_probes(whole=everything, without=passed).get_coverage())
    print_coverage(total, outfile=sys.stdout, skip_covered=True, missing_width=80)
    covered, bound = total["summary"]["percent_covered"], SETTINGS["fail-under"]
    sys.stdout.write(f"\ncoverage of lines and branches: {covered:.1f} %, must be {bound} %\n")
    return 0 if covered >= bound else 1


if __name__ == "__main__":
    sys.exit(main())
