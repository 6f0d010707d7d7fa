"""`make faults`, or `python -m tests.faults.driver [--plan least|short|full] [--seed N] [--only NAME ...] [--rounds N]`.

Exit status 1 when a promise was broken.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from tests.faults.driver import report
from tests.faults.driver.act import Result, Scenario
from tests.faults.driver.broken import BREAKS
from tests.faults.driver.disk import leave_the_common_view
from tests.faults.driver.fleet import Size
from tests.faults.driver.scenarios import SCENARIOS
from tests.faults.driver.servers import Servers
from tests.faults.driver.stage import play

_FEW = Size(apis=2, workers=1, schedulers=0)  # enough to see what is broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a plan; the exit status."""
    options = _parsed(arguments)
    chosen = list(_chosen(options))
    results: list[Result] = []
    try:
        with Servers(may_mount=leave_the_common_view()) as servers:
            asyncio.run(_play(servers, chosen, options, results))
    finally:
        report.save(results, options.artefacts / "report.json", plan=options.plan, seed=options.seed)
    print(report.table(results))
    broken = [text for result in results for text in result.violations]
    return 1 if broken or len(results) < len(chosen) else 0


def _chosen(options: argparse.Namespace) -> Iterator[tuple[Scenario, int]]:
    for scenario in SCENARIOS:
        rounds = options.rounds or getattr(scenario, options.plan)
        if rounds and (not options.only or any(word in scenario.name for word in options.only)):
            needs = scenario.needs
            if options.broken:
                needs = replace(needs, size=_FEW, environment=(("FAULTS_BREAK", options.broken),))
            yield replace(scenario, needs=needs), rounds


async def _play(
    servers: Servers, chosen: Sequence[tuple[Scenario, int]], options: argparse.Namespace, results: list[Result]
) -> None:
    began = time.monotonic()
    async with aclosing(play(servers, chosen, seed=options.seed, artefacts=options.artefacts)) as played:
        async for result in played:
            results.append(result)
            _tell(f"{time.monotonic() - began:6.0f} s  {report.line(result)}")
            for text in result.violations[:20]:
                _tell(f"          VIOLATED {text}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.driver", description="Break Satchel, and see that it holds."
    )
    parser.add_argument("--plan", choices=("least", "short", "full"), default="short")
    parser.add_argument("--seed", type=int, default=20261122, help="what chance begins with")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=(), help="scenarios with one of these words in the name"
    )
    parser.add_argument("--rounds", type=int, default=0, help="of each scenario, instead of what the plan says")
    parser.add_argument(
        "--break",
        dest="broken",
        choices=sorted(BREAKS),
        help="take a rule out of the product, to see that it is noticed",
    )
    parser.add_argument(
        "--artefacts", type=Path, default=Path("test-artefacts/faults"), help="folder for figures and logs"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
