"""Fetching the provider's keys: how often, how long they are kept, and what a provider cannot do to those who ask."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from app.auth.jwks import ProviderKeys
from app.clock import FixedClock
from app.errors import Unauthenticated
from tests.fixtures.identity_provider import Gate, IdentityProvider, SigningKey, rsa_key
from tests.fixtures.servers.ports import free_port

FIRST, SECOND = rsa_key("first"), rsa_key("second")
DAY = 86_400


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def keys(provider: IdentityProvider, clock: FixedClock) -> AsyncIterator[ProviderKeys]:
    keys = ProviderKeys(provider.url, clock, timeout_seconds=60)
    yield keys
    await keys.close()


async def knows(keys: ProviderKeys, *wanted: SigningKey) -> bool:
    """Whether each of the keys is found."""
    return all([await keys.find(key.algorithm, key.key_id) is not None for key in wanted])


async def test_the_keys_are_fetched_once_and_kept_for_ten_minutes(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert provider.requests == 0
    assert await knows(keys, FIRST)
    clock.advance(seconds=599)
    assert await knows(keys, FIRST)
    assert provider.requests == 1

    clock.advance(seconds=1)
    assert await knows(keys, FIRST)
    assert provider.requests == 2


async def test_a_key_that_the_provider_has_withdrawn_stops_counting(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    provider.keys = [SECOND]
    clock.advance(seconds=600)
    assert not await knows(keys, FIRST)
    assert await knows(keys, SECOND)


async def test_a_provider_that_withdraws_every_key_is_believed(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    provider.keys = []
    clock.advance(seconds=600)
    assert not await knows(keys, FIRST)


async def test_an_unknown_key_is_asked_for_at_most_every_half_minute(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    provider.keys = [FIRST, SECOND]
    for number in range(20):
        assert await keys.find("RS256", f"unknown {number}") is None
    assert not await knows(keys, SECOND)
    assert provider.requests == 1

    clock.advance(seconds=30)
    assert await knows(keys, FIRST, SECOND)
    assert provider.requests == 2
    for number in range(20):
        assert await keys.find("RS256", f"unknown {number}") is None
    assert provider.requests == 2


async def test_everybody_who_comes_at_once_waits_for_one_request(
    keys: ProviderKeys, provider: IdentityProvider
) -> None:
    gate = Gate(provider)
    waiting = [asyncio.create_task(keys.find("RS256", "first")) for _ in range(50)]
    await gate.reached.wait()
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)

    gate.open()

    assert all(await asyncio.gather(*waiting))
    assert provider.requests == 1


async def test_one_who_goes_away_takes_nothing_from_those_who_wait(
    keys: ProviderKeys, provider: IdentityProvider
) -> None:
    gate = Gate(provider)
    impatient = asyncio.create_task(keys.find("RS256", "first"))
    await gate.reached.wait()
    patient = asyncio.create_task(keys.find("RS256", "first"))
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient

    gate.open()

    assert await patient is not None
    assert provider.requests == 1


async def test_nobody_waits_for_an_unknown_key_of_somebody_else(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    clock.advance(seconds=30)
    gate = Gate(provider)
    stranger = asyncio.create_task(keys.find("RS256", "unknown"))
    await gate.reached.wait()

    assert await knows(keys, FIRST)

    assert not stranger.done()
    gate.open()
    assert await stranger is None


async def test_while_the_provider_is_down_its_last_keys_count_for_a_day(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    await provider.stop()
    for _ in range(24):
        clock.advance(seconds=DAY / 24 - 1)
        assert await knows(keys, FIRST)
    clock.advance(seconds=24)
    assert await refusal(keys) == "unavailable"

    await provider.start()
    clock.advance(seconds=30)
    assert await knows(keys, FIRST)


async def test_an_unknown_key_is_unknown_while_the_provider_is_down(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    await provider.stop()
    clock.advance(seconds=30)
    assert await keys.find("RS256", "unknown") is None


async def test_nobody_waits_for_a_provider_that_is_known_to_be_down(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    await provider.stop()
    clock.advance(seconds=600)
    assert await knows(keys, FIRST)  # and now it is known
    await provider.start()
    gate = Gate(provider)
    clock.advance(seconds=30)

    async with asyncio.timeout(20):  # the attempt itself would take a minute
        assert await knows(keys, FIRST)
        await gate.reached.wait()

    provider.keys = [FIRST, SECOND]
    gate.open()
    assert await knows(keys, SECOND)
    assert provider.requests == 2


async def test_a_provider_that_starts_later_is_asked_again_after_five_seconds(
    provider: IdentityProvider, clock: FixedClock, keys: ProviderKeys
) -> None:
    await provider.stop()
    assert await refusal(keys) == "unavailable"
    await provider.start()
    clock.advance(seconds=4)
    assert await refusal(keys) == "unavailable"
    assert provider.requests == 0
    clock.advance(seconds=1)
    assert await knows(keys, FIRST)


async def test_a_clock_that_is_put_back_neither_keeps_old_keys_nor_stops_new_ones(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock
) -> None:
    assert await knows(keys, FIRST)
    provider.keys = [SECOND]
    clock.advance(days=-400)
    assert not await knows(keys, FIRST)
    assert await knows(keys, SECOND)
    assert provider.requests == 2


async def test_a_provider_that_answers_too_slowly_is_given_up(provider: IdentityProvider, clock: FixedClock) -> None:
    Gate(provider)
    keys = ProviderKeys(provider.url, clock, timeout_seconds=0.1)
    async with asyncio.timeout(20):
        assert await refusal(keys) == "unavailable"


async def test_a_provider_that_drips_is_given_up(provider: IdentityProvider, clock: FixedClock) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    provider.answer = drip
    keys = ProviderKeys(provider.url, clock, timeout_seconds=0.2)
    async with asyncio.timeout(20):
        assert await refusal(keys) == "unavailable"


async def test_an_endless_answer_is_not_read_to_its_end(keys: ProviderKeys, provider: IdentityProvider) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100_000_000:
            await response.write(b" " * 65_536)
            sent += 65_536
        return response

    provider.answer = flood
    assert await refusal(keys) == "unavailable"
    assert sent < 20_000_000  # what the sockets' buffers took


@pytest.mark.parametrize("unfolded_bytes", [0, 100_000_000], ids=["small", "bomb"])
async def test_a_compressed_answer_that_nobody_asked_for_is_not_unfolded(
    keys: ProviderKeys, provider: IdentityProvider, unfolded_bytes: int
) -> None:
    whole = gzip.compress(json.dumps({"keys": [FIRST.jwk()]}).encode() + b" " * unfolded_bytes)

    async def bomb(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=whole, headers={"Content-Encoding": "gzip"})

    provider.answer = bomb
    assert await refusal(keys) == "unavailable"


async def test_a_redirect_is_not_followed(keys: ProviderKeys, provider: IdentityProvider) -> None:
    other = IdentityProvider(port=free_port())
    await other.start()

    async def redirect(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(other.url)

    provider.answer = redirect
    try:
        assert await refusal(keys) == "unavailable"
        assert other.requests == 0
    finally:
        await other.stop()


GARBAGE = {
    "nothing": (200, b""),
    "a page": (200, b"<html>Sign in</html>"),
    "a list": (200, b"[]"),
    "no keys": (200, b'{"error": "none"}'),
    "deep": (200, b"[" * 100_000),
    "an error": (500, json.dumps({"keys": [SECOND.jwk()]}).encode()),
    "not found": (404, b""),
    "another success": (203, json.dumps({"keys": [SECOND.jwk()]}).encode()),
}


@pytest.mark.parametrize("status, body", GARBAGE.values(), ids=GARBAGE)
async def test_an_answer_that_is_no_key_set_takes_nothing_away(
    keys: ProviderKeys, provider: IdentityProvider, clock: FixedClock, status: int, body: bytes
) -> None:
    assert await knows(keys, FIRST)

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body)

    provider.answer = answer
    clock.advance(seconds=600)
    assert await knows(keys, FIRST)
    assert provider.requests == 2
    assert not await knows(keys, SECOND)


async def test_closing_ends_a_fetch_that_is_under_way(keys: ProviderKeys, provider: IdentityProvider) -> None:
    gate = Gate(provider)
    waiting = asyncio.create_task(keys.find("RS256", "first"))
    await gate.reached.wait()
    async with asyncio.timeout(20):
        await keys.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def refusal(keys: ProviderKeys) -> str:
    """Why there is no answer."""
    with pytest.raises(Unauthenticated) as caught:
        await keys.find("RS256", "first")
    return caught.value.reason
