"""A process that begins to write an object and never ends: `python -m tests.contract.half_writer ROOT KEY`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from app.clock import SystemClock
from app.storage.local import LocalBackend
from app.storage.urls import UrlSigner
from tests.contract.harness import PUBLIC_URL, SECRET, NoDigest, data_of


async def half() -> AsyncIterator[bytes]:
    # A third batch is asked for when the first one is on the disk: at most two are held.
    yield data_of(600_000)
    yield data_of(600_000)
    print("half-way", flush=True)
    await asyncio.Event().wait()


async def main(root: Path, key: str) -> None:
    backend = LocalBackend(root, location="main", signer=UrlSigner(SECRET, PUBLIC_URL, SystemClock()))
    await backend.open(create=False)
    await backend.write(key, half(), digest=NoDigest())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
