"""Ending tasks."""

import asyncio

import pytest

from app.tasks import end_task


@pytest.mark.parametrize("forgotten", [0, 1, 3])
async def test_a_task_is_ended_however_often_it_forgets_that_it_was_cancelled(forgotten: int) -> None:
    """As `asyncio.wait_for` does before Python 3.12, and whatever is built upon it."""
    cancellations = 0

    async def work() -> None:
        nonlocal cancellations
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancellations += 1
                if cancellations > forgotten:
                    raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await end_task(task)
    assert task.cancelled()
    assert cancellations == forgotten + 1


async def test_a_task_that_has_ended_already_is_left_as_it_is() -> None:
    async def work() -> None:
        pass

    task = asyncio.create_task(work())
    await task
    await end_task(task)
    assert not task.cancelled()
