"""Receive buffers stay in the heap: freeing and taking them again costs no page faults."""

import asyncio
import json
import os
import platform
import sys

from tests.fixtures.server import ROOT

# In a process of its own, for the setting cannot be taken back. 2 MiB in blocks of 256 KiB, a hundred times over.
_PROGRAM = """
import json, resource
from app.allocator import keep_receive_buffers

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        blocks = [b"x" * 262_144 for _ in range(8)]
        blocks.clear()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

stock = faults()
done = keep_receive_buffers()
faults()
print(json.dumps([stock, done, faults()]))
"""


async def test_buffers_are_reused_without_page_faults() -> None:
    # What the developer's own environment sets of the allocator stays out.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "LD_", "GLIBC_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    stock, done, kept = json.loads(out)
    assert done is (platform.libc_ver()[0] == "glibc")
    if done:
        assert kept < 200, "the blocks went back to the system"
        assert stock > 10_000, "the stock allocator does it too by now: app/allocator.py has had its day"
