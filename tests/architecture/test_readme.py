"""The README's table of settings is the settings."""

import re

import pytest

from app.cli import main
from app.services.alerts import AlertKind
from app.settings import Settings
from tests.architecture.sources import ROOT

# | `PORT` | `8000` | Port to listen on. |
_ROW = re.compile(r"^\| *`(?P<variable>[A-Z][A-Z0-9_]*)` *\| *(?P<default>[^|]*?) *\| *(?P<meaning>[^|]*?) *\|$")
_HEADING = re.compile(r"^#+ .*configuration", re.IGNORECASE)


def _configuration_rows() -> list[tuple[str, str]]:
    """(variable, meaning) of the rows under the heading that has the word Configuration in it."""
    rows, inside = [], False
    for line in (ROOT / "README.md").read_text().splitlines():
        if line.startswith("#"):
            inside = bool(_HEADING.match(line))
        elif inside and (match := _ROW.match(line)):
            rows.append((match["variable"], match["meaning"]))
    return rows


@pytest.fixture
def rows() -> list[tuple[str, str]]:
    found = _configuration_rows()
    assert found, "README.md has no table of settings under a heading with the word Configuration"
    return found


def test_the_configuration_table_lists_every_setting_once_and_nothing_else(rows: list[tuple[str, str]]) -> None:
    listed = [variable for variable, _ in rows]
    settings = {name.upper() for name in Settings.model_fields}
    assert sorted(settings - set(listed)) == [], "settings that the README does not list"
    assert sorted(set(listed) - settings) == [], "variables that are no settings"
    assert sorted(variable for variable in set(listed) if listed.count(variable) > 1) == [], "listed twice"


def test_every_setting_says_what_it_means(rows: list[tuple[str, str]]) -> None:
    assert [variable for variable, meaning in rows if not meaning] == []


def test_the_readme_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert 0 < text.find("make run") < 2000
    assert 0 < text.find("make test") < 2000


def test_every_link_within_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert sorted(set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors) == []


def test_every_command_in_the_readme_exists() -> None:
    named = set(re.findall(r"python -m app ([a-z][a-z-]*)", (ROOT / "README.md").read_text()))
    assert sorted(named - set(main.commands)) == []


def test_the_readme_says_what_to_do_about_every_alert() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted({kind.value for kind in AlertKind} - set(rows)) == []
