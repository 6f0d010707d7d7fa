"""Persisted queries, introspection and GraphiQL as clients meet them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.app import Satchel, answer_of

QUERY = "{ me { name } }"
HASH = hashlib.sha256(QUERY.encode()).hexdigest()
EXTENSIONS = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}


async def _post(satchel: Satchel, **body: Any) -> httpx.Response:
    return await satchel.client.post("/graphql", json=body, headers=satchel.headers("student"))


async def _get(satchel: Satchel, **parameters: str) -> httpx.Response:
    headers = satchel.headers("student") | {"Accept": "text/html,*/*"}
    return await satchel.client.get("/graphql", params=parameters, headers=headers)


@pytest.mark.parametrize("app_settings", [{"persisted_queries": "allow"}])
async def test_a_client_sends_a_document_once_and_from_then_on_its_hash(embedded: Satchel) -> None:
    unknown = await _post(embedded, extensions=EXTENSIONS)
    assert unknown.status_code == 200
    assert answer_of(unknown).codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert answer_of(unknown).error["message"] == "PersistedQueryNotFound"

    assert answer_of(await _post(embedded, query=QUERY, extensions=EXTENSIONS)).ok()["me"]

    assert answer_of(await _post(embedded, extensions=EXTENSIONS)).ok()["me"]
    assert answer_of(await _get(embedded, extensions=json.dumps(EXTENSIONS))).ok()["me"]


@pytest.mark.parametrize("app_settings", [{"persisted_queries": "allow"}])
async def test_a_document_that_is_refused_is_not_kept(embedded: Satchel) -> None:
    query = "{ nothing }"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}}

    assert answer_of(await _post(embedded, query=query, extensions=extensions)).codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert answer_of(await _post(embedded, extensions=extensions)).codes == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_hashes_are_not_taken_unless_they_are_switched_on(embedded: Satchel) -> None:
    answer = answer_of(await _post(embedded, extensions=EXTENSIONS))

    assert answer.codes == ["PERSISTED_QUERY_NOT_SUPPORTED"]
    assert answer.error["message"] == "PersistedQueryNotSupported"


@pytest.fixture
def app_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({HASH: QUERY, "add": "mutation { logout { userId } }"}))
    settings: dict[str, Any] = getattr(request, "param", {})
    return settings | ({"persisted_queries_file": manifest} if settings.get("persisted_queries") == "only" else {})


@pytest.mark.parametrize("app_settings", [{"persisted_queries": "only"}], indirect=True)
async def test_nothing_but_registered_documents_runs_where_only_they_are_allowed(embedded: Satchel) -> None:
    assert answer_of(await _post(embedded, extensions=EXTENSIONS)).ok()["me"]
    assert answer_of(await _post(embedded, query=QUERY)).ok()["me"]

    other = await _post(embedded, query="{ me { id } }")
    assert answer_of(other).codes == ["FORBIDDEN"]
    introspection = await _post(embedded, query="{ __schema { queryType { name } } }")
    assert answer_of(introspection).codes == ["FORBIDDEN"]
    by_get = await _get(embedded, extensions=json.dumps({"persistedQuery": {"version": 1, "sha256Hash": "add"}}))
    assert by_get.status_code == 405  # a registered mutation is a mutation
    assert answer_of(await _post(embedded, query=QUERY)).ok()["me"]  # nobody was logged out


async def test_the_embedded_service_shows_its_schema_and_graphiql(embedded: Satchel) -> None:
    assert (await embedded.graphql("{ __schema { queryType { name } } }")).ok()
    assert "graphiql" in (await _get(embedded)).text.lower()


@pytest.mark.parametrize("app_settings", [{"graphql_ide": False, "graphql_introspection": False}])
async def test_neither_is_shown_where_they_are_switched_off(embedded: Satchel) -> None:
    refused = await embedded.graphql("{ __schema { queryType { name } } }")
    assert set(refused.codes) == {"GRAPHQL_VALIDATION_FAILED"}
    assert {error["extensions"]["validationErrorCode"] for error in refused.errors} == {"INTROSPECTION_DISABLED"}
    assert (await _get(embedded)).status_code == 404


@pytest.mark.parametrize("app_settings", [{"graphql_introspection": False}])
@pytest.mark.parametrize(
    "query, variables",
    [
        ("{ mee { id } }", {}),
        ("query ($f: FileFilter) { files(filter: $f) { nodes { id } } }", {"f": {"statu": "ACTIVE"}}),
        ("query ($o: FileOrder) { files(orderBy: $o) { nodes { id } } }", {"o": "NAME_AS"}),
    ],
)
async def test_no_error_suggests_a_name_of_a_schema_that_is_not_shown(
    embedded: Satchel, query: str, variables: dict[str, Any]
) -> None:
    answer = await embedded.graphql(query, variables, by="student")

    assert len(answer.errors) == 1
    assert "Did you mean" not in answer.error["message"]
