"""A process that begins to write an object in parts and never ends: `STORE='{…}' python -m tests.contract.s3_half_writer KEY`."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator

from app.storage.s3 import S3Backend, S3Config
from tests.contract.harness import NoDigest


async def half(part_bytes: int) -> AsyncIterator[bytes]:
    # With one part in flight, the fourth is not taken before the first one is stored.
    for _ in range(4):
        yield bytes(part_bytes)
    print("half-way", flush=True)
    await asyncio.Event().wait()


async def main(config: S3Config, key: str) -> None:
    backend = S3Backend(config, location="main")
    await backend.open(create=False)
    await backend.write(key, half(config.part_bytes), digest=NoDigest())


if __name__ == "__main__":
    asyncio.run(main(S3Config(**json.loads(os.environ["STORE"])), sys.argv[1]))
