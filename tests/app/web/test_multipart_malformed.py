import pytest

from app.errors import PayloadTooLarge
from app.web.body import BodyError
from app.web.problems import problem_of
from tests.app.web.malformed import CASES, Malformed
from tests.app.web.multipart_bodies import open_form, read_all, split

# What a GraphQL request is beyond its form is the view's matter: tests/schema/test_view_malformed.py has all cases.
_OF_THE_VIEW = {"query a number", "operationName a list", "extensions a string", "variables a list", "no query"}


@pytest.mark.parametrize("size", [1, 61, 10_000_000])
@pytest.mark.parametrize("case", [case for case in CASES if case.what not in _OF_THE_VIEW], ids=lambda case: case.what)
async def test_a_malformed_request_is_refused_with_a_sentence(case: Malformed, size: int) -> None:
    if size == 1 and len(case.body) > 10_000:
        size = 997
    with pytest.raises((BodyError, PayloadTooLarge)) as caught:
        await read_all(await open_form(split(case.body, size), content_type=case.content_type))
    problem = problem_of(caught.value)
    assert problem.status == case.status
    assert problem.code == ("PAYLOAD_TOO_LARGE" if case.status == 413 else "BAD_USER_INPUT")
    assert 10 < len(problem.message) < 300
    assert problem.message.endswith(".")


def test_there_are_enough_of_them_and_each_is_another() -> None:
    assert len({case.what for case in CASES}) == len(CASES) > 100
