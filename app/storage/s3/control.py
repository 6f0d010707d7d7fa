"""The control plane: everything but bodies, through one client of the vendor's library for each bucket.

No body goes this way. The library announces bodies with `Expect: 100-continue`, and then waits without any bound for a
server that does not answer that.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import aioboto3
from botocore.config import Config

from app.storage.backend import PAGE_OBJECTS, ObjectInfo
from app.storage.errors import ObjectNotFound, Reason, StorageError, Unavailable
from app.storage.s3.config import S3Config, authorities
from app.storage.s3.errors import S3Refused, meaning_of, translated
from app.storage.s3.patience import Patience
from app.telemetry.tracing import SpanKind, span

# One failure that may pass is tried again by the library, after less than a second.
_ATTEMPTS = 2
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload in parts. When its beginning was `repeated`, the store may hold another one, of which nobody knows the id: that
    of a first attempt whose answer was lost.
    """

    upload_id: str
    repeated: bool


@functools.cache
def _library() -> aioboto3.Session:
    """Reads the library's descriptions of S3, 70 ms of CPU time, once in a process. Keys and connections are each client's own."""
    return aioboto3.Session()


class Control:
    """Calls on one bucket. All raise `StorageError` only, and none takes longer than the configured time-out."""

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._opened = contextlib.AsyncExitStack()
        # The library makes its methods at run time: there are no types to check against.
        self._client: Any = None
        self._closed = False

    async def open(self) -> None:
        """Make the client, the only one."""
        config = self._config
        settings = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if config.path_style else "virtual"},
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            connect_timeout=min(_CONNECT_SECONDS, config.timeout_seconds),
            read_timeout=config.timeout_seconds,
            max_pool_connections=config.max_connections,
            # Newer checksum headers only where S3 insists on them: other stores may refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Behind a proxy the library checks no certificate unless it is told this.
            proxies_config={"proxy_ca_bundle": authorities()} if config.over_tls else None,
        )
        client = _library().client(
            "s3",
            region_name=config.region,
            endpoint_url=config.endpoint_url,
            aws_access_key_id=config.access_key_id,
            aws_secret_access_key=config.secret_access_key,
            config=settings,
            # None: by whom the environment trusts. Without TLS the authorities need not be read, which takes 50 ms.
            verify=None if config.over_tls else False,
        )
        self._client = await self._opened.enter_async_context(client)

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        await self._opened.aclose()

    async def find_bucket(self) -> None:
        """Raises `Unavailable` when there is no such bucket, `Denied` when it is not ours."""
        try:
            await self._call("head_bucket")
        except ObjectNotFound as error:
            raise Unavailable(Reason.ROOT_MISSING) from error.__cause__

    async def head(self, key: str) -> ObjectInfo:
        """The facts of an object; raises `ObjectNotFound`."""
        try:
            answer = await self._call("head_object", key, Key=key)
        except ObjectNotFound:
            # The answer to a HEAD has no words: a missing bucket looks the same.
            await self.find_bucket()
            raise
        return ObjectInfo(key, answer["ContentLength"], answer["LastModified"].astimezone(UTC))

    async def page(self, prefix: str, after: str) -> tuple[list[ObjectInfo], str | None]:
        """The objects of a prefix that come after a key, at most `PAGE_OBJECTS`, and where to go on from, None at the end."""
        position = {"StartAfter": after} if after else {}
        answer = await self._call("list_objects_v2", Prefix=prefix, MaxKeys=PAGE_OBJECTS, **position)
        found = [
            ObjectInfo(item["Key"], item["Size"], item["LastModified"].astimezone(UTC))
            for item in answer.get("Contents", [])
        ]
        return found, found[-1].key if found and answer.get("IsTruncated") else None

    async def remove(self, key: str) -> None:
        """Delete an object. A missing one is no error; a missing bucket is."""
        with contextlib.suppress(ObjectNotFound):
            await self._call("delete_object", key, Key=key)

    async def remove_many(self, keys: Sequence[str]) -> dict[str, StorageError]:
        """Delete at most `PAGE_OBJECTS` objects in one request; the failures."""
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = await self._call("delete_objects", Delete=wanted)
        failures = {}
        for item in answer.get("Errors", []):
            # A refusal of one key comes without a status; what was refused for good or for now is told by its code.
            refusal = S3Refused(403 if item.get("Code") == "AccessDenied" else 500, item.get("Code", ""))
            failure = meaning_of(refusal, item["Key"])
            failure.__cause__ = refusal
            failures[item["Key"]] = failure
        return failures

    async def begin_upload(self, key: str) -> Begun:
        """Begin an upload in parts."""
        answer = await self._call("create_multipart_upload", key, Key=key)
        return Begun(answer["UploadId"], repeated=bool(answer["ResponseMetadata"]["RetryAttempts"]))

    async def abort_others(self, key: str, upload_id: str) -> None:
        """Throw away all unfinished uploads of a key but this one."""
        async for found, other in self.uploads(key):
            if found == key and other != upload_id:
                await self.abort_upload(key, other)

    async def complete_upload(self, key: str, upload_id: str, parts: Sequence[dict[str, Any]]) -> None:
        """Make the parts an object: from here on it is visible."""
        await self._call(
            "complete_multipart_upload", key, Key=key, UploadId=upload_id, MultipartUpload={"Parts": list(parts)}
        )

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw an unfinished upload away. One that is not there any more is no error."""
        with _nothing_unfinished():
            await self._call("abort_multipart_upload", key, Key=key, UploadId=upload_id)

    async def uploads(self, prefix: str = "") -> AsyncIterator[tuple[str, str]]:
        """The unfinished uploads of keys that start with `prefix`, as key and id, page by page.

        MinIO knows only whole keys as a prefix, or none at all; nothing else is asked for here.
        """
        position: dict[str, str] = {}
        while True:
            answer: dict[str, Any] = {}
            with _nothing_unfinished():
                answer = await self._call("list_multipart_uploads", Prefix=prefix, MaxUploads=PAGE_OBJECTS, **position)
            for item in answer.get("Uploads", []):
                yield item["Key"], item["UploadId"]
            if not answer.get("IsTruncated"):
                return
            position = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    async def _call(self, method: str, key: str | None = None, **parameters: Any) -> dict[str, Any]:
        if self._client is None or self._closed:
            raise Unavailable(Reason.CLOSED if self._closed else Reason.NOT_OPENED, key)
        with translated(key), span(f"S3 {method}", SpanKind.CLIENT):
            async with Patience(self._config.timeout_seconds):
                answer: dict[str, Any] = await getattr(self._client, method)(Bucket=self._config.bucket, **parameters)
                return answer


@contextlib.contextmanager
def _nothing_unfinished() -> Iterator[None]:
    """Takes it for an answer that there is no such upload. rclone says so too of a bucket that never had any."""
    try:
        yield
    except ObjectNotFound:
        return
    except Unavailable as error:
        if error.reason is not Reason.INTERRUPTED:
            raise
