"""What a process does not need it does not load: libraries are most of what a start takes."""

import json
import subprocess
import sys

from tests.architecture.sources import ROOT

# One process after the other in the same interpreter, each a larger part of the product than the one before.
_LOAD = """
import importlib, json, sys
loaded = {}
for name in ("app.cli", "app.runtime", "workers.main", "app.main"):
    importlib.import_module(name)
    loaded[name] = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps(loaded))
"""

_WITH_A_SETTING = {"aioboto3", "asyncpg", "boto3", "botocore", "redis", "taskiq_redis"}
_OF_JOBS = {"pycron", "taskiq"}
_OF_SERVERS = {"graphql", "starlette", "strawberry", "uvicorn"}


def test_a_process_loads_no_library_that_it_does_not_need() -> None:
    run = subprocess.run([sys.executable, "-c", _LOAD], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {name: set(modules) for name, modules in json.loads(run.stdout).items()}

    # Help, usage errors, and the health check of a container.
    assert loaded["app.cli"] & {"asyncio", "pydantic", "tortoise"} == set()
    # Commands.
    assert loaded["app.runtime"] & (_WITH_A_SETTING | _OF_JOBS | _OF_SERVERS | {"aiohttp"}) == set()
    # A worker that nobody looks at.
    assert loaded["workers.main"] & (_WITH_A_SETTING | _OF_SERVERS) == set()
    # An embedded server.
    assert loaded["app.main"] & _WITH_A_SETTING == set()
