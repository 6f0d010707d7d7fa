"""Every hostile request gets the exact answer that it should, changes nothing, and leaves the server alive."""

import json

import pytest

from tests.hostile import bodies, values, wires
from tests.hostile.cases import Case, gql
from tests.hostile.conftest import Target
from tests.hostile.leaks import LEAKS
from tests.schema.adversarial import ADVERSARIES

_DOCUMENTS = [gql(f"a document: {each.name}", each.document, each.code) for each in ADVERSARIES]
CASES = [*bodies.CASES, *values.CASES, *wires.CASES, *_DOCUMENTS]


def test_there_are_enough_cases_and_none_twice() -> None:
    assert len(CASES) >= 150
    assert len({case.what for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_hostile_request_is_refused_and_changes_nothing(target: Target, case: Case) -> None:
    before = target.kept()

    answer = target.send(case)

    text = answer.body.decode("utf-8", "replace")
    assert answer.status == case.status, text
    if case.code is not None:
        errors = answer.json["errors"]
        assert errors
        assert {error["extensions"]["code"] for error in errors} == {case.code}, text
        assert not LEAKS.search(text.replace(json.dumps(case.what), "")), text
        assert all(len(error["message"]) < 1_000 for error in errors)
    else:
        assert "errors" not in text
    assert target.kept() == before
    assert target.is_alive()


def test_nothing_failed_inside(target: Target) -> None:
    """Last in this file: the log of the server holds no error for all that."""
    lines = [json.loads(line) for line in target.process.log().splitlines() if line.startswith('{"')]
    wrong = [line for line in lines if line.get("level") in {"error", "critical"} or "exception" in line]

    assert wrong == []
