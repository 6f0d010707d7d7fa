"""The data plane: bodies in and out, over one HTTP session, in requests that are signed by hand.

The vendor's library costs 1.4 ms of CPU time a call, more than all the rest of a small upload; here it is 0.3 ms.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from app.storage.backend import BATCH_BYTES
from app.storage.errors import IntegrityFailed, Reason, Unavailable
from app.storage.s3.body import Body, Outgoing, Passage
from app.storage.s3.config import S3Config, authorities
from app.storage.s3.errors import PASSING_STATUSES, S3Refused, translated
from app.storage.s3.patience import Patience
from app.storage.s3.signing import Signer, query_string
from app.telemetry.tracing import SpanKind, span

T = TypeVar("T")

# The waits before the second and the third attempt, in seconds. A request that ran out of time is not tried again: the
# caller's own time would run out.
RETRY_DELAYS = (0.1, 0.4)

_CHECKSUM = "x-amz-checksum-crc32c"
_ERROR_BODY_BYTES = 64 * 1024
# No compression: what is stored is what is sent. Redirections are for clients that know other regions; ours is configured.
_PLAIN = {"accept-encoding": "identity"}


class DataPlane:
    """PUT and GET of one bucket. All calls raise `StorageError` only."""

    def __init__(self, config: S3Config, signer: Signer) -> None:
        self._config = config
        self._address = config.address
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session. No connection is made yet."""
        url = self._config.endpoint_url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_ssl_context(self._config)),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Bounds that know what progress is are set around every call.
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            read_bufsize=BATCH_BYTES,
            proxy=_proxy_for(url),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def put(
        self,
        key: str,
        body: Body,
        *,
        query: Mapping[str, str] | None = None,
        checksum: str = "",
        only_new: bool = False,
    ) -> str:
        """Store an object, or with a query a part of one, from a complete body; its ETag. Tried again when that may help.

        `checksum` is the body's CRC32C, for the store to compare. With `only_new` the store is asked not to replace an object,
        to which not every store listens.
        """
        headers = {"if-none-match": "*"} if only_new else {}
        if checksum:
            headers[_CHECKSUM] = checksum
        with translated(key):
            return await _tenaciously(lambda: self._put(key, body, body.size, query or {}, headers))

    async def stream(self, key: str, body: Passage, length: int, *, query: Mapping[str, str]) -> str:
        """Store a part of an object while its body grows; its ETag. Tried again only as long as the body can be repeated.

        Raises `Unavailable` for a body that does not become as long: a request that was cut off stores nothing.
        """
        with translated(key):
            return await _tenaciously(
                lambda: self._put(key, body, length, query, {}), may_repeat=lambda: body.repeatable
            )

    @contextlib.asynccontextmanager
    async def get(self, key: str, byte_range: str | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a GET, whose body is to be read by `pieces`; raises on entry what the answer says."""
        headers = {"range": byte_range} if byte_range else {}
        async with contextlib.AsyncExitStack() as stack:

            async def attempt() -> aiohttp.ClientResponse:
                async with Patience(self._config.timeout_seconds):
                    return await stack.enter_async_context(self._request("GET", key, {}, headers, None))

            with translated(key):
                answer = await _tenaciously(attempt)
            # Whatever of the body has not been read then: the connection is not kept for it.
            stack.callback(answer.close)
            yield answer

    async def pieces(self, key: str, answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """The body of an answer, in the pieces in which it comes. Raises `Unavailable` when it ends too early."""
        while True:
            with translated(key):
                async with Patience(self._config.timeout_seconds):
                    piece = await answer.content.readany()
            if not piece:
                return
            yield piece

    async def _put(
        self, key: str, body: Body, length: int, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> str:
        async with Patience(self._config.timeout_seconds) as patience:
            outgoing = Outgoing(body, length, patience)
            try:
                async with self._request("PUT", key, query, headers, outgoing) as answer:
                    expected = headers.get(_CHECKSUM)
                    if expected and answer.headers.get(_CHECKSUM, expected) != expected:
                        raise IntegrityFailed(key)
                    return answer.headers.get("etag", "")
            except (S3Refused, IntegrityFailed):
                raise  # there was an answer: the connection is in order, and somebody else's by now
            except BaseException:
                outgoing.break_off()
                raise

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Outgoing | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None or self._session.closed:
            raise Unavailable(Reason.NOT_OPENED if self._session is None else Reason.CLOSED, key)
        path, written = self._address.path(key), query_string(query)
        signed = self._signer.headers(method, self._address, path, written, headers, datetime.now(UTC))
        url = URL(
            f"{self._address.origin}{path}?{written}" if written else f"{self._address.origin}{path}", encoded=True
        )
        request = self._session.request(method, url, headers=signed | _PLAIN, data=body, allow_redirects=False)
        # The span ends with the answer's head: it names no key, and nothing of the query.
        async with contextlib.AsyncExitStack() as stack:
            with span(f"S3 {method}", SpanKind.CLIENT, {"http.request.method": method}) as present:
                answer = await stack.enter_async_context(request)
                present.set_attribute("http.response.status_code", answer.status)
                if not 200 <= answer.status < 300:
                    raise S3Refused.from_body(answer.status, await _error_body(answer))
            yield answer


def _always() -> bool:
    return True


async def _tenaciously(attempt: Callable[[], Awaitable[T]], *, may_repeat: Callable[[], bool] = _always) -> T:
    for delay in RETRY_DELAYS:
        try:
            return await attempt()
        except S3Refused as refusal:
            if refusal.status not in PASSING_STATUSES or not may_repeat():
                raise
        except TimeoutError:
            raise
        except aiohttp.ClientConnectionError:
            if not may_repeat():
                raise
        await asyncio.sleep(delay)
    return await attempt()


async def _error_body(answer: aiohttp.ClientResponse) -> bytes:
    """What a refusal says. One that is cut off is a refusal all the same."""
    received = b""
    with contextlib.suppress(aiohttp.ClientPayloadError):
        while len(received) < _ERROR_BODY_BYTES and (piece := await answer.content.readany()):
            received += piece
    return received


def _ssl_context(config: S3Config) -> ssl.SSLContext | bool:
    """Trusts whom the vendor's library trusts, and whom the system trusts."""
    if not config.over_tls:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(authorities())
    return context


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this URL: the one that the vendor's library goes through."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
