"""Every requirement that has been delivered has a test that says so."""

from collections import defaultdict

import pytest

from tests.architecture.delivered import Delivered
from tests.architecture.marks import requirement_marks

KNOWN = {f"R{number}" for number in range(1, 51)}
DELIVERED = Delivered.load()


@pytest.fixture(scope="module")
def tests_by_requirement() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for requirement, test in requirement_marks():
        found[requirement].append(test)
    return found


@pytest.mark.parametrize("requirement", DELIVERED.requirements)
def test_a_delivered_requirement_has_a_test_that_is_marked_with_it(
    tests_by_requirement: dict[str, list[str]], requirement: str
) -> None:
    tests = tests_by_requirement.get(requirement, [])
    assert tests != [], f'no test is marked @pytest.mark.requirement("{requirement}")'


def test_marks_and_deliveries_name_requirements_that_exist(tests_by_requirement: dict[str, list[str]]) -> None:
    unknown = {requirement: tests for requirement, tests in tests_by_requirement.items() if requirement not in KNOWN}
    assert unknown == {}
    assert set(DELIVERED.requirements) - KNOWN == set()
    assert len(set(DELIVERED.requirements)) == len(DELIVERED.requirements), "a requirement is named twice"
