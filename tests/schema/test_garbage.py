"""What a request was made of goes with its answer: nothing waits for the garbage collector, whose rounds stop everybody."""

import asyncio
import gc
from collections.abc import Callable, Iterator

import pytest

from app.web.body import RequestBody
from app.web.multipart import MultipartForm
from schema.plans import PlanningExecutor
from schema.request import GraphQLRequest
from tests.fixtures.app import Satchel

_WATCHED = {RequestBody, MultipartForm, PlanningExecutor, GraphQLRequest}


@pytest.fixture(name="left")
def _left() -> Iterator[Callable[[], list[str]]]:
    """What has been made since the test began and is still there."""
    gc.collect()
    gc.disable()
    earlier = {id(each) for each in _watched()}
    yield lambda: [type(each).__name__ for each in _watched() if id(each) not in earlier]
    gc.enable()


def _watched() -> list[object]:
    return [each for each in gc.get_objects() if type(each) in _WATCHED]


async def gone(left: Callable[[], list[str]]) -> None:
    """What ends the request may take a few turns of the loop."""
    for _ in range(100):
        if not left():
            return
        await asyncio.sleep(0.05)
    assert left() == []


async def test_an_upload_leaves_nothing_in_memory(embedded: Satchel, left: Callable[[], list[str]]) -> None:
    (await embedded.upload(b"x" * 20_000)).ok()

    await gone(left)


async def test_a_query_leaves_nothing_in_memory(embedded: Satchel, left: Callable[[], list[str]]) -> None:
    await embedded.file()

    (await embedded.graphql("{ files(first: 5) { edges { node { id name } } } }", by="student")).ok()

    await gone(left)
