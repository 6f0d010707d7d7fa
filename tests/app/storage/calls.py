"""Every call on a backend, for tests of what all of them do when something is wrong."""

from collections.abc import Awaitable, Callable

import pytest

from app.storage.local import LocalBackend
from tests.contract.harness import data_of, fetch, put

Call = Callable[[LocalBackend, str], Awaitable[object]]


async def list_all(backend: LocalBackend, _: str) -> list[str]:
    return [info.key async for info in backend.list()]


async def delete_in_bulk(backend: LocalBackend, key: str) -> None:
    for error in (await backend.delete_many([key])).values():
        raise error


OBJECT_CALLS: dict[str, Call] = {
    "write": lambda backend, key: put(backend, key, b"new"),
    "large-write": lambda backend, key: put(backend, key, data_of(600_000)),
    "read": fetch,
    "stat": lambda backend, key: backend.stat(key),
    "delete": lambda backend, key: backend.delete(key),
    "delete_many": delete_in_bulk,
}
ALL_CALLS: dict[str, Call] = OBJECT_CALLS | {"list": list_all, "check": lambda backend, _: backend.check()}

each_call = pytest.mark.parametrize("call", ALL_CALLS.values(), ids=ALL_CALLS)
each_object_call = pytest.mark.parametrize("call", OBJECT_CALLS.values(), ids=OBJECT_CALLS)
