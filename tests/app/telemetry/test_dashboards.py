"""The dashboard and the rules show what there is: every metric, every label, and what to do about every alert."""

import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
import yaml

from app.clock import FixedClock
from app.db import Database
from app.models import JobName, JobRun, JobStatus
from app.telemetry.figures import Figures
from app.telemetry.setup import Telemetry
from schema.enums import ErrorCode
from tests.app.telemetry.scraping import Scrape
from tests.architecture.sources import ROOT

DASHBOARD = json.loads((ROOT / "app/telemetry/grafana.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "app/telemetry/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
README = (ROOT / "README.md").read_text()

_FUNCTIONS = {
    *("sum", "max", "topk", "rate", "increase", "histogram_quantile", "absent", "by", "and", "or", "label_values"),
}
_LABELS = {
    *(
        "backend",
        "operation",
        "error",
        "type",
        "field",
        "outcome",
        "job_name",
        "status",
        "kind",
        "severity",
        "event",
        "reason",
    ),
    *("http_request_method", "http_route", "http_response_status_code", "le", "instance"),
}
_STRING = re.compile(r'"[^"]*"')
_SELECTOR = re.compile(r"\{[^{}]*\}")
_GROUPING = re.compile(r"\bby \(([^()]*)\)")
_RANGE = re.compile(r"\[(?:\$__rate_interval|\d+[smhd])\]")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def _queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]


QUERIES = list(_queries())


@pytest.fixture
async def shown(sqlite_url: str) -> set[str]:
    """The names of everything that a process can show."""
    async with AsyncExitStack() as stack:
        database = Database(sqlite_url)
        stack.push_async_callback(database.close)
        await database.open()
        telemetry = Telemetry()
        stack.push_async_callback(telemetry.close)
        figures = Figures(database, telemetry.metrics)
        stack.push_async_callback(figures.close)
        await JobRun.create(
            id=uuid4(), job=JobName.QUOTA_RECONCILIATION, status=JobStatus.QUEUED, created_at=FixedClock().now()
        )
        await figures.refresh()
        for instrument in vars(telemetry.metrics).values():
            if hasattr(instrument, "add"):
                instrument.add(1)
            elif hasattr(instrument, "record"):
                instrument.record(1)
        return Scrape(telemetry.prometheus().decode()).names


def _metrics_of(expression: str) -> set[str]:
    bare = _GROUPING.sub("", _SELECTOR.sub("", _RANGE.sub("", _STRING.sub('""', expression))))
    return set(_WORD.findall(bare)) - _FUNCTIONS


def _labels_of(expression: str) -> set[str]:
    bare = _STRING.sub('""', expression)
    selected = {name for selector in _SELECTOR.findall(bare) for name in _WORD.findall(selector)}
    return selected | {name for group in _GROUPING.findall(bare) for name in _WORD.findall(group)}


@pytest.mark.requirement("R47")
async def test_every_metric_of_a_query_exists(shown: set[str]) -> None:
    missing = {title: sorted(_metrics_of(query) - shown) for title, query in QUERIES}
    assert {title: names for title, names in missing.items() if names} == {}
    assert all(_metrics_of(query) for _, query in QUERIES)


async def test_every_metric_has_its_place_on_the_dashboard_and_in_the_readme(shown: set[str]) -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    drawn = {re.sub(r"_(bucket|sum|count)$", "", name) for _, query in QUERIES for name in _metrics_of(query)}
    assert sorted(families - drawn) == []
    assert sorted(name for name in families if f"`{name}`" not in README) == []


@pytest.mark.parametrize("title, query", QUERIES)
def test_a_query_is_well_formed(title: str, query: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing)
    assert sorted(_labels_of(query) - _LABELS) == []
    # What counts up is never shown as it is, and what does not is never made a rate of.
    for name in _metrics_of(query):
        counts_up = re.search(r"_(total|bucket|sum|count)$", name) is not None
        rated = re.search(rf"(rate|increase)\({name}\b", query.replace(" ", "").replace("\n", "")) is not None
        if f"absent({name})" not in query:
            assert counts_up == rated, name


@pytest.mark.parametrize("title, query", QUERIES)
def test_a_query_asks_for_outcomes_that_there_are(title: str, query: str) -> None:
    outcomes = {code.value for code in ErrorCode} | {"ok", "succeeded", "failed"}
    assert set(re.findall(r'outcome!?="([^"]*)"', query)) <= outcomes


def test_alerts_say_what_is_wrong_and_what_to_do() -> None:
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["runbook"] == "README.md#when-an-alert-fires"
        assert re.search(rf"^\| `{rule['alert']}` \| .{{20,}} \|$", README, re.MULTILINE), rule["alert"]
    named = set(re.findall(r"^\| `(Satchel\w+)` \|", README, re.MULTILINE))
    assert named == {rule["alert"] for rule in RULES}


def test_panels_do_not_overlap_and_can_be_told_apart() -> None:
    taken: set[tuple[int, int]] = set()
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
