"""The services with an identity provider beside them, on a database of each kind."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.clock import FixedClock
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.fixtures.identity_provider import IdentityProvider


@pytest.fixture
def auto_provision() -> bool:
    """Whether unknown users are made. Override it with `parametrize`."""
    return False


@pytest.fixture
def settings(database_url: str, provider: IdentityProvider, auto_provision: bool) -> dict[str, Any]:
    fixed = {"database_url": database_url, "secret_key": "x" * 32, "storage_backend": "memory"}
    return fixed | provider.settings | {"jwt_auto_provision": auto_provision}


@pytest.fixture
async def runtime(settings: dict[str, Any], clock: FixedClock) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings.load(**settings), clock) as runtime:
        runtime.database.bind()
        yield runtime
