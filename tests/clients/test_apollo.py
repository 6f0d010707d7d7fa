"""Apollo Client with apollo-upload-client against the running server."""

import hashlib

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node

MIB = 1024 * 1024


async def test_apollo_uploads_renames_pages_and_reads_refusals(node: Node, embedded: Satchel) -> None:
    said = await node.run(
        "apollo.js", url=embedded.graphql_url, token=embedded.people["student"].token, tooLarge=10 * MIB + 1
    )

    file = said["uploaded"]["file"]
    assert (file["name"], file["sizeBytes"], file["mimeType"]) == ("dog.txt", 6, "text/plain")
    assert file["sha256"] == hashlib.sha256(b"A dog.").hexdigest()
    assert said["uploaded"]["quota"]["usedBytes"] == 6
    good, bad, unicode = said["several"]
    assert (good["file"]["name"], good["errorCode"]) == ("ant.txt", None)
    assert (bad["file"], bad["errorCode"]) == (None, "UNSUPPORTED_MEDIA_TYPE")
    assert (unicode["file"]["name"], unicode["errorCode"]) == ("cät.txt", None)
    assert said["firstPage"] == ["ant.txt", "cät.txt"]
    assert said["bothPages"] == ["ant.txt", "cät.txt", "zebra.txt"]
    [refusal] = said["tooLarge"]
    assert refusal["code"] == "FILE_TOO_LARGE"
    assert refusal["maxFileSizeBytes"] == 10 * MIB
    assert [refusal["code"] for refusal in said["unknown"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert (await embedded.quota("student"))["usedBytes"] == len("A dog.") + len("An ant.") + len("A cat.")
