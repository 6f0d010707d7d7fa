"""The product as a side, with users who may upload, and how to ask it for things."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.db.migrations import migrate
from app.runtime import open_runtime
from app.settings import Settings
from tests.bench.harness import BenchFailed, Side, ask_one, serving
from tests.bench.wire import Sample, bearer, get, graphql, graphql_upload, sha256_of
from tests.factories import make_user, make_user_limit

TIB = 1024**4
_SECRET = "a secret of the benchmarks, long enough"
_DELETE = "mutation ($id: ID!) { deleteFile(input: {id: $id}) { file { id } } }"
_PURGE = "mutation ($id: ID!) { purgeFile(input: {id: $id}) { fileId } }"
_URL = "query ($id: ID!) { file(id: $id) { signedUrl { url } } }"
_GONE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Product:
    """A running server of the product, and tokens of its users."""

    side: Side
    tokens: Sequence[str]
    user_ids: Sequence[str]

    def upload(self, sample: Sample) -> dict[str, Any]:
        """Upload as the first user; the file as the server tells it."""
        return self.uploaded(ask_one(self.side, graphql_upload(sample, self.tokens[0]))["body"])

    def uploaded(self, body: str) -> dict[str, Any]:
        """The file in the reply to an upload."""
        file: dict[str, Any] = json.loads(body)["data"]["uploadFile"]["file"]
        return file

    def purge(self, *files: dict[str, Any]) -> None:
        """Remove files of the first user for good, and wait until nothing is stored any more."""
        for file in files:
            for mutation in (_DELETE, _PURGE):
                ask_one(self.side, graphql(mutation, {"id": file["id"]}, bearer(self.tokens[0])))
        deadline = time.monotonic() + _GONE_SECONDS
        while self.side.stored():
            if time.monotonic() > deadline:
                raise BenchFailed("a purged file is still there")
            time.sleep(0.01)

    def download(self, file: dict[str, Any]) -> dict[str, Any]:
        """Fetch a file by its signed URL: `size` and `sha256` of what came."""
        reply = ask_one(self.side, graphql(_URL, {"id": file["id"]}, bearer(self.tokens[0])))
        path = json.loads(reply["body"])["data"]["file"]["signedUrl"]["url"].partition(f":{self.side.port}")[2]
        told: dict[str, Any] = json.loads(ask_one(self.side, get(path), "download")["body"])
        return told


@contextlib.contextmanager
def product(
    folder: Path,
    *,
    database_url: str = "",
    users: int = 1,
    quota: int = 64 * TIB,
    module: Sequence[str] = ("app", "serve"),
    name: str = "product",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """The product on SQLite, or on the empty database of the URL; on local storage, unless `environment`, its further settings,
    says otherwise. Every user has the same limits.
    """
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings.load(
        data_dir=home, database_url=database_url, local_storage_path=home / "files", secret_key=_SECRET
    )
    people = asyncio.run(_populate(settings, users, quota))
    own = {
        "HOST": "127.0.0.1",
        "DATA_DIR": str(home),
        "LOCAL_STORAGE_PATH": str(home / "files"),
        "DATABASE_URL": database_url,
        "SECRET_KEY": _SECRET,
        "RATE_LIMITS": "false",
    }
    with serving(name, folder, ["-m", *module], {**own, **(environment or {})}) as side:
        yield Product(side, [token for _, token in people], [user_id for user_id, _ in people])


async def _populate(settings: Settings, users: int, quota: int) -> list[tuple[str, str]]:
    """The ids and tokens of new users."""
    await migrate(settings.resolved_database_url)
    async with open_runtime(settings) as runtime:
        people = []
        for _ in range(users):
            user = await make_user()
            await make_user_limit(user, max_file_size_bytes=TIB, storage_quota_bytes=quota)
            people.append((str(user.id), (await runtime.accounts.token_for(user.email)).token))
        return people


def check_stored(side: Side, sample: Sample, count: int = 1) -> None:
    """Raise BenchFailed unless the side has stored the sample so many times, and nothing else."""
    stored = side.stored()
    if len(stored) != count:
        raise BenchFailed(f"{side.name} has stored {len(stored)} files in place of {count}")
    for path in stored:
        if path.stat().st_size != sample.size or sha256_of(path) != sample.sha256:
            raise BenchFailed(f"{side.name} has stored other bytes than it was sent")
