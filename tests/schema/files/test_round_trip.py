"""A file goes up, comes down and goes away, through GraphQL and HTTP."""

import hashlib

import pytest

from tests.fixtures.app import EVERY_SETUP, Satchel


@pytest.mark.requirement("R1")
@pytest.mark.requirement("R9")
@pytest.mark.requirement("R10")
@pytest.mark.parametrize("setup", EVERY_SETUP, indirect=True, ids="-".join)
async def test_a_file_goes_up_comes_down_and_goes_away(satchel: Satchel, backend: str) -> None:
    content = b"%PDF-1.7\n" + bytes(range(256)) * 2000

    uploaded = (await satchel.upload(content, name="report.pdf")).ok()["uploadFile"]
    file = uploaded["file"]
    assert file == {
        "id": file["id"],
        "uuid": file["uuid"],
        "name": "report.pdf",
        "mimeType": "application/pdf",
        "sizeBytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "status": "ACTIVE",
        "storageBackend": backend,
    }
    assert (uploaded["quota"]["usedBytes"], uploaded["quota"]["trashBytes"]) == (len(content), 0)

    found = await satchel.graphql(
        "query ($id: ID!) { file(id: $id) { name signedUrl { url } } }", {"id": file["id"]}, by="student"
    )
    url = found.ok()["file"]["signedUrl"]["url"]
    download = await satchel.client.get(url)
    assert (download.status_code, download.content) == (200, content)
    assert download.headers["content-type"] == "application/pdf"

    deleted = await satchel.graphql(
        "mutation ($id: ID!) { deleteFile(input: {id: $id}) { file { status } quota { usedBytes trashBytes } } }",
        {"id": file["id"]},
        by="student",
    )
    assert deleted.ok()["deleteFile"] == {
        "file": {"status": "SOFT_DELETED"},
        "quota": {"usedBytes": 0, "trashBytes": len(content)},
    }
    # A local URL dies with the file; a store that signs for itself honours its signature until that expires.
    assert (await satchel.client.get(url)).status_code == (200 if backend == "s3" else 404)

    purged = await satchel.graphql(
        "mutation ($id: ID!) { purgeFile(input: {id: $id}) { fileId quota { usedBytes trashBytes } } }",
        {"id": file["id"]},
        by="student",
    )
    assert purged.ok()["purgeFile"] == {"fileId": file["id"], "quota": {"usedBytes": 0, "trashBytes": 0}}
    assert await satchel.stored_keys() == set()
    assert (await satchel.client.get(url)).status_code == 404
