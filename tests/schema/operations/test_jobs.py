"""Jobs through GraphQL: started and seen by system admins, and by nobody else."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import JobName, JobRun
from tests.fixtures.app import Satchel
from tests.fixtures.jobs import trashed

FIELDS = (
    """id uuid job status dryRun requestedBy { name } createdAt startedAt finishedAt processed total summary error"""
)
RUN = f"mutation ($input: RunJobInput!) {{ runJob(input: $input) {{ jobRun {{ {FIELDS} }} }} }}"
RUNS = f"""query ($job: JobName, $status: JobStatus, $first: Int, $after: String) {{
  jobRuns(job: $job, status: $status, first: $first, after: $after) {{
    nodes {{ {FIELDS} }} edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}
  }}
}}"""
NODE = f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on JobRun {{ {FIELDS} }} }} }}"
OTHERS = ["student", "teacher", "group_admin", "stranger"]


async def _run(school: Satchel, **fields: Any) -> dict[str, Any]:
    answer = await school.graphql(RUN, {"input": fields}, by="system_admin")
    run: dict[str, Any] = answer.ok()["runJob"]["jobRun"]
    return run


async def _finished(school: Satchel, **fields: Any) -> dict[str, Any]:
    run = await _run(school, **fields)
    await school.runtime.jobs.work(UUID(run["uuid"]))
    found: dict[str, Any] = (await school.graphql(NODE, {"id": run["id"]}, by="system_admin")).ok()["node"]
    return found


async def _page(school: Satchel, **variables: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await school.graphql(RUNS, variables, by="system_admin")).ok()["jobRuns"]
    return page


@pytest.mark.requirement("R31")
async def test_a_system_admin_starts_a_cleanup_and_sees_what_it_did(school: Satchel) -> None:
    for _ in range(3):
        await trashed(school.runtime, school.user("student"), timedelta(days=31), content=b"12345")
    now = school.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")

    run = await _finished(school, job="ORPHANED_FILE_CLEANUP")

    assert run.pop("__typename") == "JobRun"
    assert run == {
        "id": run["id"],
        "uuid": run["uuid"],
        "job": "ORPHANED_FILE_CLEANUP",
        "status": "SUCCEEDED",
        "dryRun": False,
        "requestedBy": {"name": school.user("system_admin").name},
        "createdAt": now,
        "startedAt": now,
        "finishedAt": now,
        "processed": 3,
        "total": 3,
        "summary": {"filesDeleted": 3, "bytesFreed": 15, "failed": 0, "seconds": 0.0},
        "error": None,
    }
    assert await school.stored_keys() == set()


async def test_a_dry_run_tells_and_does_nothing(school: Satchel) -> None:
    file = await trashed(school.runtime, school.user("student"), timedelta(days=31), content=b"12345")

    run = await _finished(school, job="ORPHANED_FILE_CLEANUP", dryRun=True)

    assert (run["dryRun"], run["status"]) == (True, "SUCCEEDED")
    assert run["summary"] == {"filesDeleted": 1, "bytesFreed": 5, "failed": 0, "seconds": 0.0}
    assert await school.stored_keys() == {file.storage_key}


async def test_every_job_can_be_started(school: Satchel) -> None:
    for job in JobName:
        run = await _finished(school, job=job.name)
        assert (run["job"], run["status"], run["error"]) == (job.name, "SUCCEEDED", None)


async def test_nobody_else_starts_or_sees_jobs_and_a_refusal_comes_before_anything_is_read(school: Satchel) -> None:
    run = await _run(school, job="QUOTA_RECONCILIATION")
    before = await JobRun.all().count()

    for who in OTHERS:
        assert (await school.graphql(RUN, {"input": {"job": "QUOTA_RECONCILIATION"}}, by=who)).codes == ["FORBIDDEN"]
        answer = await school.graphql(RUNS, {"after": "no cursor", "first": -1}, by=who)
        assert (answer.data, answer.codes) == ({"jobRuns": None}, ["FORBIDDEN"])
        hidden = await school.graphql(NODE, {"id": run["id"]}, by=who)
        assert (hidden.data, hidden.codes) == ({"node": None}, ["NOT_FOUND"])
    assert (await school.graphql(RUN, {"input": {"job": "QUOTA_RECONCILIATION"}})).codes == ["UNAUTHENTICATED"]
    assert (await school.graphql(RUNS)).codes == ["UNAUTHENTICATED"]
    assert await JobRun.all().count() == before


async def test_runs_are_listed_newest_first_and_found_by_job_and_status(school: Satchel) -> None:
    made: list[str] = []
    for job in (JobName.ORPHANED_FILE_CLEANUP, JobName.QUOTA_RECONCILIATION, JobName.ORPHANED_FILE_CLEANUP):
        made.insert(0, (await _finished(school, job=job.name))["id"])
        school.clock.advance(seconds=1)
    await JobRun.create(
        id=uuid4(), job=JobName.EXPIRED_UPLOAD_CLEANUP, status="FAILED", created_at=school.clock.now(), error="Broken."
    )

    assert [run["id"] for run in (await _page(school))["nodes"]][1:] == made
    cleanups = await _page(school, job="ORPHANED_FILE_CLEANUP")
    assert [run["id"] for run in cleanups["nodes"]] == [made[0], made[2]]
    failed = await _page(school, status="FAILED")
    assert [(run["error"], run["summary"]) for run in failed["nodes"]] == [("Broken.", None)]
    assert (await _page(school, job="QUOTA_RECONCILIATION", status="FAILED"))["nodes"] == []


async def test_pages_of_runs_go_on_where_the_last_one_ended_though_runs_are_added(school: Satchel) -> None:
    made: list[str] = []
    for _ in range(5):
        made.insert(0, (await _finished(school, job="QUOTA_RECONCILIATION", dryRun=True))["id"])
        school.clock.advance(seconds=1)

    first = await _page(school, first=2)
    await _finished(school, job="QUOTA_RECONCILIATION")
    second = await _page(school, first=2, after=first["pageInfo"]["endCursor"])
    third = await _page(school, first=2, after=second["pageInfo"]["endCursor"])

    assert [run["id"] for page in (first, second, third) for run in page["nodes"]] == made
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second)] == [False, True]
    bad = await school.graphql(RUNS, {"after": "no cursor"}, by="system_admin")
    assert bad.codes == ["BAD_USER_INPUT"]
