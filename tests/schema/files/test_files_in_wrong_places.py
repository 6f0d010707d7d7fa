"""A file that is mapped to a variable which is none: the answer names no class of ours."""

import pytest

from app.models import File
from tests.fixtures.app import Part, Satchel


@pytest.mark.parametrize(
    "query, variables, path",
    [
        ("query ($v: ID!) { file(id: $v) { id } }", {"v": None}, "variables.v"),
        ("query ($v: String) { files(after: $v) { nodes { id } } }", {"v": None}, "variables.v"),
        ("query ($v: Int) { files(first: $v) { nodes { id } } }", {"v": None}, "variables.v"),
        ("query ($v: FileFilter) { files(filter: $v) { nodes { id } } }", {"v": None}, "variables.v"),
        (
            "query ($v: FileFilter) { files(filter: $v) { nodes { id } } }",
            {"v": {"status": None}},
            "variables.v.status",
        ),
        (
            "query ($v: FileFilter) { files(filter: $v) { nodes { id } } }",
            {"v": {"createdAfter": None}},
            "variables.v.createdAfter",
        ),
        ("query ($v: FileOrder) { files(orderBy: $v) { nodes { id } } }", {"v": None}, "variables.v"),
        (
            "mutation ($v: RenameFileInput!) { renameFile(input: $v) { file { id } } }",
            {"v": {"id": None, "name": "x"}},
            "variables.v.id",
        ),
        (
            "mutation ($v: SetUserLimitsInput!) { setUserLimits(input: $v) { user { id } } }",
            {"v": {"userId": "x", "storageQuotaBytes": None}},
            "variables.v.storageQuotaBytes",
        ),
        (
            "mutation ($v: Boolean) { runJob(input: {job: QUOTA_RECONCILIATION, dryRun: $v}) { jobRun { id } } }",
            {"v": None},
            "variables.v",
        ),
    ],
)
async def test_a_file_where_none_belongs_is_bad_input(
    embedded: Satchel, query: str, variables: dict[str, object], path: str
) -> None:
    answer = await embedded.send(query, variables, {"0": [path]}, {"0": Part(b"data")}, by="student")

    assert answer.codes == ["BAD_USER_INPUT"]
    assert "UploadStream" not in str(answer)
    assert "instance" not in str(answer)
    assert await File.all().count() == 0
