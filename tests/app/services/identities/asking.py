"""What the tests of identities ask."""

from typing import Any

import pytest

from app.errors import Unauthenticated
from app.models import User
from app.runtime import Runtime

VERIFIED: dict[str, Any] = {"email_verified": True}
auto_provisioning = pytest.mark.parametrize("auto_provision", [True], ids=["auto"])


async def refusal(runtime: Runtime, token: str) -> str:
    """Why there is no caller. Nobody's row has changed."""
    before = await User.all().order_by("id").values()
    with pytest.raises(Unauthenticated) as caught:
        await runtime.authenticator.authenticate(token)
    assert await User.all().order_by("id").values() == before
    return caught.value.reason


async def identity(user: User) -> tuple[str | None, str | None]:
    """Who the user is to a provider."""
    row = await User.get(id=user.id)
    return row.identity_issuer, row.identity_subject
