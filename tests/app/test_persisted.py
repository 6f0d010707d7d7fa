"""Documents that clients name by their hash: what is found, what is kept, and what is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from app.errors import BadUserInput, Forbidden, PersistedQueryNotFound, PersistedQueryNotSupported
from app.persisted import MAX_CHARACTERS, MAX_ENTRIES, PersistedQueries, open_persisted_queries, read_manifest
from app.settings import SettingsError
from tests.fixtures.redis import StartValkey

QUERY = "{ me { name } }"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(digest: object, version: object = 1) -> dict[str, object]:
    return {"persistedQuery": {"version": version, "sha256Hash": digest}}


async def test_a_document_is_asked_for_once_and_then_known_by_its_hash() -> None:
    queries, extensions = PersistedQueries("allow"), hashed(sha256(QUERY))

    with pytest.raises(PersistedQueryNotFound):
        await queries.find(None, extensions)
    assert await queries.find(QUERY, extensions) == QUERY
    with pytest.raises(PersistedQueryNotFound):  # only good documents are kept, and nobody has said that it is one
        await queries.find(None, extensions)
    await queries.keep(QUERY, extensions)

    assert await queries.find(None, extensions) == QUERY


async def test_a_request_without_a_hash_is_what_it_is() -> None:
    for mode in ("off", "allow"):
        assert await PersistedQueries(mode).find(QUERY, None) == QUERY
        assert await PersistedQueries(mode).find(QUERY, {"tracing": True}) == QUERY
        assert await PersistedQueries(mode).find(None, {}) is None


async def test_hashes_are_not_taken_when_they_are_switched_off() -> None:
    queries = PersistedQueries("off")

    for query in (None, QUERY):
        with pytest.raises(PersistedQueryNotSupported):
            await queries.find(query, hashed(sha256(QUERY)))


@pytest.mark.parametrize(
    "extensions",
    [
        {"persistedQuery": "x"},
        {"persistedQuery": []},
        {"persistedQuery": {}},
        hashed(None),
        hashed(5),
        hashed("a" * 129),
        hashed(sha256(QUERY), version=2),
        hashed(sha256(QUERY), version="1"),
        hashed(sha256("another")),
        hashed(sha256(QUERY).upper()),
    ],
)
async def test_a_hash_that_is_none_or_of_another_document_is_bad_input_and_nothing_is_kept(
    extensions: dict[str, object],
) -> None:
    queries = PersistedQueries("allow")

    with pytest.raises(BadUserInput):
        await queries.find(QUERY, extensions)
    with pytest.raises(PersistedQueryNotFound):
        await queries.find(None, hashed(sha256(QUERY)))


async def test_only_registered_documents_are_served_by_id_by_hash_and_by_text() -> None:
    queries = PersistedQueries("only", {"an-id": QUERY, sha256(QUERY): QUERY})

    assert await queries.find(None, hashed("an-id")) == QUERY
    assert await queries.find(None, hashed(sha256(QUERY))) == QUERY
    assert await queries.find(QUERY, None) == QUERY
    with pytest.raises(PersistedQueryNotFound):
        await queries.find(None, hashed(sha256("{ me { id } }")))
    with pytest.raises(Forbidden):
        await queries.find("{ me { id } }", None)
    with pytest.raises(Forbidden):
        await queries.find("{ me { id } }", hashed(sha256("{ me { id } }")))


async def test_what_is_kept_is_bounded_in_number_and_in_size() -> None:
    queries = PersistedQueries("allow")
    texts = [f"{{ a{number} }}" for number in range(1_001)]
    for text in [*texts, "{ me }" + " " * MAX_CHARACTERS]:
        await queries.keep(text, hashed(sha256(text)))

    assert await queries.find(None, hashed(sha256(texts[-1]))) == texts[-1]
    for text in (texts[0], "{ me }" + " " * MAX_CHARACTERS):
        with pytest.raises(PersistedQueryNotFound):
            await queries.find(None, hashed(sha256(text)))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that answers late, on a busy machine, does not pass for one that is away."""
    monkeypatch.setattr("app.persisted._REDIS_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
async def test_processes_share_what_clients_have_brought_through_redis(redis_url: str) -> None:
    one, other = (open_persisted_queries("allow", None, redis_url) for _ in range(2))
    await one.keep(QUERY, hashed(sha256(QUERY)))

    assert await other.find(None, hashed(sha256(QUERY))) == QUERY
    async with Redis.from_url(redis_url) as redis:
        for key in ("satchel:persisted", "satchel:persisted:ages"):
            assert 0 < await redis.ttl(key) <= 7 * 24 * 3600
    await one.close()
    await other.close()


@pytest.mark.usefixtures("patient")
async def test_redis_keeps_a_bounded_number_the_newest(redis_url: str) -> None:
    queries = open_persisted_queries("allow", None, redis_url)
    async with Redis.from_url(redis_url) as redis:
        old = sha256("an old one")
        await redis.hset("satchel:persisted", old, "an old one")
        await redis.zadd("satchel:persisted:ages", {old: 1})
        for number in range(MAX_ENTRIES):
            text = f"{{ a{number} }}"
            await queries.keep(text, hashed(sha256(text)))
        kept: Any = await redis.hkeys("satchel:persisted")
        assert (len(kept), old.encode() in kept) == (MAX_ENTRIES, False)
        assert await redis.zcard("satchel:persisted:ages") == MAX_ENTRIES
    await queries.close()


async def test_a_redis_that_is_away_costs_a_second_request_and_nothing_else(valkey: StartValkey) -> None:
    process = valkey()
    queries = open_persisted_queries("allow", None, process.url)
    process.stop()

    with pytest.raises(PersistedQueryNotFound):
        await queries.find(None, hashed(sha256(QUERY)))
    await queries.keep(QUERY, hashed(sha256(QUERY)))

    assert await queries.find(None, hashed(sha256(QUERY))) == QUERY
    await queries.close()


@pytest.mark.parametrize(
    "manifest",
    [
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "body": QUERY}]},
        {"one": QUERY},
    ],
    ids=["Apollo's", "plain"],
)
def test_a_manifest_is_read_in_both_forms(tmp_path: Path, manifest: object) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))

    assert read_manifest(path) == {"one": QUERY, sha256(QUERY): QUERY}


@pytest.mark.parametrize(
    "text", ["", "[]", "5", '{"a": 5}', '{"": "{ me }"}', '{"operations": [{"id": "a"}]}', '{"operations": [5]}']
)
def test_a_manifest_that_is_none_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(SettingsError, match=r"^PERSISTED_QUERIES_FILE: "):
        read_manifest(path)


def test_a_manifest_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        open_persisted_queries("only", tmp_path / "nothing.json", "")
