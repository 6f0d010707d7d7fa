"""Documents that clients name by their hash: Apollo's automatic persisted queries, and registered documents.

https://www.apollographql.com/docs/apollo-server/performance/apq: a client sends the SHA-256 of a document; when the service does not
know it, it says so, and the client sends hash and document together, once.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import structlog

from app.errors import BadUserInput, Forbidden, PersistedQueryNotFound, PersistedQueryNotSupported
from app.redis_errors import Rest, redis_away
from app.settings import SettingsError

if TYPE_CHECKING:
    from redis.asyncio import Redis

Mode = Literal["off", "allow", "only"]

MAX_CHARACTERS = 20_000  # of one document that is kept
MAX_ENTRIES = 1_000  # in a process, and in Redis, which carries jobs and events too
_MAX_KEPT_CHARACTERS = 4_000_000
_REDIS_DOCUMENTS = "satchel:persisted"  # by hash
_REDIS_AGES = "satchel:persisted:ages"  # the hashes, by the moment that they were brought
_REDIS_EXPIRES_SECONDS = 7 * 24 * 3600  # after the last one that was brought
_REDIS_SECONDS = 1.0  # patience with Redis: the client can send the document again
_REDIS_REST_SECONDS = 10.0  # how long one that does not answer is left alone

# One atomic step: keep a document, and let go of the oldest when there are too many. KEYS: documents, ages. ARGV: hash, document,
# the most, seconds.
_KEEP = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
        redis.call('HDEL', KEYS[1], old)
        redis.call('ZREM', KEYS[2], old)
    end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""

_log = structlog.get_logger(__name__)


class PersistedQueries:
    """Finds documents by their hashes. `registered` are those that administrators have given, by the ids they gave them.

    What clients bring is kept in memory, the least recently used out first, and beside it in Redis where there is one, the oldest out
    first, so that all processes know it. A Redis that is away costs clients a second request and nothing else.
    """

    def __init__(self, mode: Mode, registered: Mapping[str, str] | None = None, redis: "Redis | None" = None) -> None:
        self._mode = mode
        self._registered = dict(registered or {})
        self._texts = set(self._registered.values())
        self._redis = redis
        self._redis_rest = Rest(_REDIS_REST_SECONDS)
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    async def find(self, query: str | None, extensions: Mapping[str, object] | None) -> str | None:
        """The document to execute; None when the request has none.

        Raises PersistedQueryNotFound, PersistedQueryNotSupported, BadUserInput for a hash that is none or of another document, and
        Forbidden for a document that would have to be registered.
        """
        asked = (extensions or {}).get("persistedQuery")
        if asked is None:
            return self._allowed(query)
        if self._mode == "off":
            raise PersistedQueryNotSupported
        digest = _digest_of(asked)
        if query is None:
            known = self._registered.get(digest) or (await self._recall(digest) if self._mode == "allow" else None)
            if known is None:
                raise PersistedQueryNotFound
            return known
        if hashlib.sha256(query.encode("utf-8", "replace")).hexdigest() != digest:
            raise BadUserInput("extensions.persistedQuery.sha256Hash is not the SHA-256 of the query.", "extensions")
        return self._allowed(query)

    async def keep(self, query: str | None, extensions: Mapping[str, object] | None) -> None:
        """Remember a document that a client sent together with its hash, once it has turned out to be a good one."""
        asked = (extensions or {}).get("persistedQuery")
        if query is None or asked is None or self._mode != "allow" or len(query) > MAX_CHARACTERS:
            return
        digest = _digest_of(asked)
        if digest not in self._kept:
            self._remember(digest, query)
            if self._redis is not None and self._redis_rest.over:
                try:
                    bounds = (MAX_ENTRIES, _REDIS_EXPIRES_SECONDS)
                    await self._redis.eval(_KEEP, 2, _REDIS_DOCUMENTS, _REDIS_AGES, digest, query, *bounds)
                except redis_away() as error:
                    self._let_redis_rest(error)

    async def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            await self._redis.aclose()

    def _allowed(self, query: str | None) -> str | None:
        if self._mode == "only" and query is not None and query not in self._texts:
            raise Forbidden("Only registered documents are served here.")
        return query

    async def _recall(self, digest: str) -> str | None:
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        if self._redis is None or not self._redis_rest.over:
            return None
        try:
            found: Any = await self._redis.hget(_REDIS_DOCUMENTS, digest)
        except redis_away() as error:
            self._let_redis_rest(error)
            return None
        if found is None:
            return None
        query = found if isinstance(found, str) else found.decode()
        self._remember(digest, query)
        return query

    def _remember(self, digest: str, query: str) -> None:
        self._kept[digest] = query
        self._characters += len(query)
        while len(self._kept) > MAX_ENTRIES or self._characters > _MAX_KEPT_CHARACTERS:
            _, forgotten = self._kept.popitem(last=False)
            self._characters -= len(forgotten)

    def _let_redis_rest(self, error: Exception) -> None:
        self._redis_rest.begin()
        _log.warning("persisted_queries.redis_away", error=type(error).__name__)


def open_persisted_queries(mode: Mode, file: Path | None, redis_url: str) -> PersistedQueries:
    """As the settings have it. Raises SettingsError for a file that cannot be used."""
    redis = None
    if mode == "allow" and redis_url:
        from redis.asyncio import Redis  # not where there is none

        redis = Redis.from_url(redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS)
    return PersistedQueries(mode, read_manifest(file) if file is not None and mode != "off" else {}, redis)


def read_manifest(path: Path) -> dict[str, str]:
    """Documents by their ids, and by the SHA-256 of their text: Apollo's manifest (`operations` with `id` and `body`), or an object of
    ids and documents, as Relay and GraphQL Code Generator write it.

    Raises SettingsError.
    """
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"PERSISTED_QUERIES_FILE: {path} cannot be read: {_reason(error)}") from error
    pairs = _pairs(manifest)
    found = {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str) and key and text}
    if len(found) != len(pairs) or not isinstance(manifest, dict):
        raise SettingsError(
            "PERSISTED_QUERIES_FILE: must be Apollo's manifest or a JSON object of hashes and documents"
        )
    return found | {hashlib.sha256(text.encode()).hexdigest(): text for text in found.values()}


def _pairs(manifest: object) -> list[tuple[object, object]]:
    if not isinstance(manifest, dict):
        return []
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        return list(manifest.items())
    known = [operation if isinstance(operation, dict) else {} for operation in operations]
    return [(operation.get("id"), operation.get("body")) for operation in known]


def _digest_of(asked: object) -> str:
    digest = asked.get("sha256Hash") if isinstance(asked, dict) else None
    if not isinstance(asked, dict) or asked.get("version") != 1 or not isinstance(digest, str) or len(digest) > 128:
        problem = "extensions.persistedQuery must hold version 1 and a sha256Hash."
        raise BadUserInput(problem, "extensions")
    return digest


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no JSON"
