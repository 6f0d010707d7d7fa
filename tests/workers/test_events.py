"""What workers and commands do is heard in every web process, and stands in their own logs."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from app.events.bus import Message, Subscription
from app.models import File, FileStatus, JobName
from app.runtime import Runtime
from tests.factories import make_file, make_group, make_user
from tests.fixtures.deployment import Deployment
from tests.fixtures.events import next_of
from tests.fixtures.server import ROOT, inherited_environment
from tests.measuring import app_command

CLEANUP = JobName.ORPHANED_FILE_CLEANUP
TOPICS = {"file.purged", "job.progressed", "alert.raised"}


async def until_the_end(subscription: Subscription) -> list[Message]:
    """Everything up to the end of a run."""
    messages = [await next_of(subscription)]
    while messages[-1].name != "job.progressed" or messages[-1].data["status"] != "SUCCEEDED":
        messages.append(await next_of(subscription))
    return messages


async def overdue_files(runtime: Runtime, count: int) -> list[File]:
    """Files in the trash of one school, of which nothing is stored."""
    school, owner = await make_group(await make_group()), await make_user()
    long_ago = datetime.now(UTC) - timedelta(days=31)
    return [
        await make_file(
            owner,
            status=FileStatus.SOFT_DELETED,
            deleted_at=long_ago,
            group=school,
            location=runtime.storage.default,
            size_bytes=7,
        )
        for _ in range(count)
    ]


def assert_told(messages: list[Message], files: list[File]) -> None:
    counts = Counter(message.name for message in messages)
    assert (counts["file.purged"], counts["alert.raised"]) == (len(files), 1)
    purged = [message.data for message in messages if message.name == "file.purged"]
    assert {data["file_id"] for data in purged} == {str(file.id) for file in files}
    assert {(data["group_id"], len(data["ancestor_ids"])) for data in purged} == {(str(files[0].group_id), 1)}
    assert messages[-1].data["processed"] == messages[-1].data["total"] == len(files)


@pytest.mark.requirement("R49")
async def test_a_cleanup_in_a_worker_is_heard_in_the_web_process(deployment: Deployment) -> None:
    worker = await deployment.start("worker", ALERT_ORPHAN_THRESHOLD="1")
    async with deployment.web() as runtime, runtime.bus.subscribe(TOPICS) as subscription:
        files = await overdue_files(runtime, 5)
        await runtime.jobs.request(None, CLEANUP)
        assert_told(await until_the_end(subscription), files)
    assert await worker.terminate() == 0
    lines = [json.loads(line) for line in worker.log().splitlines() if line.startswith("{")]
    [finished] = [line for line in lines if line["event"] == "job.finished"]
    assert (finished["level"], finished["filesDeleted"], finished["job"]) == ("info", 5, CLEANUP)
    [purged] = [line for line in lines if line["event"] == "files.purged"]
    assert sorted(purged["file_ids"]) == sorted(str(file.id) for file in files)
    assert (purged["level"], purged["size_bytes"]) == ("info", 35)


async def test_a_cleanup_by_hand_is_heard_although_its_process_ends_with_it(deployment: Deployment) -> None:
    async with deployment.web() as runtime, runtime.bus.subscribe(TOPICS) as subscription:
        files = await overdue_files(runtime, 5)
        environment = {name.upper(): value for name, value in deployment.values.items()}
        command = await asyncio.create_subprocess_exec(
            *app_command("run-job", CLEANUP.value),
            cwd=ROOT,
            env=inherited_environment() | environment | {"ALERT_ORPHAN_THRESHOLD": "1"},
            stdout=asyncio.subprocess.PIPE,
        )
        await command.communicate()
        assert command.returncode == 0
        assert_told(await until_the_end(subscription), files)
