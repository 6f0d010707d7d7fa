"""A fault of ours: the client is told an id and nothing else, and the log has what the id stands for."""

import json
import sqlite3
from contextlib import closing

from tests.hostile.cases import STUDENT, gql
from tests.hostile.conftest import Target


def test_a_fault_is_told_by_an_id_that_is_in_the_log(target: Target) -> None:
    with closing(sqlite3.connect(f"{target.folder}/satchel.sqlite3")) as database:
        database.execute("ALTER TABLE limit_changes RENAME TO elsewhere")

    answer = target.send(gql("a fault", "{ me { name limitHistory { nodes { id } } } }", None, by=STUDENT))

    [error] = answer.json["errors"]
    request_id = answer.headers["x-request-id"]
    assert answer.status == 200
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}
    assert answer.json["data"]["me"]["name"]  # the rest of the answer is there
    assert b"limit_changes" not in answer.body
    lines = [json.loads(line) for line in target.process.log().splitlines() if line.startswith("{")]
    [logged] = [line for line in lines if line.get("event") == "graphql.error"]
    assert logged["request_id"] == request_id
    assert "limit_changes" in logged["exception"]
    assert target.is_alive()
