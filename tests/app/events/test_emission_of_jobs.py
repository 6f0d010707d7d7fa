"""What jobs tell of on the bus and in the log: their runs, the files that go, what is given back, alerts."""

from datetime import timedelta
from io import StringIO

import pytest

from app.models import JobName
from tests.app.events.conftest import Ear, lines_of
from tests.fixtures.jobs import many_trashed, run_job, trashed


@pytest.mark.parametrize(
    "app_settings", [{"alert_orphan_threshold": 2, "trash_retention_days": 1, "job_batch_files": 2}]
)
async def test_a_cleanup_tells_of_its_run_its_files_and_its_alert(ear: Ear, log: StringIO) -> None:
    satchel = ear.satchel
    files = await many_trashed(satchel.runtime, [satchel.user("student")], 5, timedelta(days=3))
    await ear.heard()
    run = await run_job(satchel.runtime, JobName.ORPHANED_FILE_CLEANUP)
    messages = await ear.heard()
    purged = [message for message in messages if message.name == "file.purged"]
    assert {message.data["file_id"] for message in purged} == {str(file.id) for file in files}
    assert len(purged) == 5
    [alert] = [message for message in messages if message.name == "alert.raised"]
    assert (alert.data["severity"], alert.data["kind"]) == ("WARNING", "orphaned_files")
    progress = [message.data for message in messages if message.name == "job.progressed"]
    assert {data["run_id"] for data in progress} == {str(run.id)}
    assert [data["status"] for data in progress] == ["QUEUED"] + ["RUNNING"] * (len(progress) - 2) + ["SUCCEEDED"]
    assert [data["processed"] for data in progress] == sorted(data["processed"] for data in progress)
    assert (progress[-1]["processed"], progress[-1]["total"], progress[-1]["message"]) == (5, 5, None)
    [finished] = lines_of(log, "job.finished")
    assert (finished["level"], finished["filesDeleted"], finished["run_id"]) == ("info", 5, str(run.id))
    told = [file_id for line in lines_of(log, "files.purged") for file_id in line["file_ids"]]
    assert sorted(told) == sorted(str(file.id) for file in files)
    assert [line["kind"] for line in lines_of(log, "alert.raised")] == ["orphaned_files"]


async def test_a_run_tells_of_so_many_files_one_by_one_and_counts_the_others(ear: Ear, log: StringIO) -> None:
    satchel = ear.satchel
    files = await many_trashed(satchel.runtime, [satchel.user("student")], 1200, timedelta(days=99))
    await ear.heard()
    await run_job(satchel.runtime, JobName.ORPHANED_FILE_CLEANUP)
    purged = [message.data["file_id"] for message in await ear.heard() if message.name == "file.purged"]
    assert len(purged) == len(set(purged)) == 1000
    lines = lines_of(log, "files.purged")
    assert max(line["files"] for line in lines) == 100
    assert sorted(file_id for line in lines for file_id in line["file_ids"]) == sorted(str(file.id) for file in files)


async def test_a_dry_run_tells_of_no_file(ear: Ear) -> None:
    satchel = ear.satchel
    await many_trashed(satchel.runtime, [satchel.user("student")], 3, timedelta(days=99))
    await ear.heard()
    await run_job(satchel.runtime, JobName.ORPHANED_FILE_CLEANUP, dry_run=True)
    messages = await ear.heard()
    assert [(message.name, message.data["status"]) for message in messages] == [
        ("job.progressed", "QUEUED"),
        ("job.progressed", "SUCCEEDED"),
    ]


async def test_a_reconciliation_tells_of_its_progress(ear: Ear) -> None:
    await ear.heard()
    run = await run_job(ear.satchel.runtime, JobName.QUOTA_RECONCILIATION)
    messages = await ear.heard()
    assert {message.name for message in messages} == {"job.progressed"}
    last = messages[-1].data
    assert (last["job"], last["status"]) == ("quota_reconciliation", "SUCCEEDED")
    assert (last["processed"], last["total"]) == (run.processed, run.total)


async def test_what_a_file_in_the_trash_still_held_is_given_back_with_its_row(ear: Ear) -> None:
    runtime, student = ear.satchel.runtime, ear.satchel.user("student")
    await trashed(runtime, student, timedelta(days=31), content=b"x" * 30, charged_bytes=30)
    await trashed(runtime, ear.satchel.user("teacher"), timedelta(days=31), charged_bytes=0)
    await run_job(runtime, JobName.ORPHANED_FILE_CLEANUP)
    told = [message.data for message in await ear.heard() if message.name == "usage.changed"]
    assert told == [{"owner_id": str(student.id)}]
