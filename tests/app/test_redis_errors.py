"""Connections to Redis that break, on the event loop that servers run on, which tells of it in words of its own."""

import asyncio
from uuid import UUID

import uvloop

from app.rates import Rates, open_rates
from app.settings import Settings
from tests.faults.tcp import TcpProxy
from tests.fixtures.redis import StartValkey

ROUNDS = 14
AT_ONCE = 5


async def _break_again_and_again(port: int) -> None:
    """Operations are counted while connections break, each time at another moment of sending. Raises what a request would."""
    async with TcpProxy(("127.0.0.1", port)) as proxy:
        settings = Settings.load(secret_key="x" * 32, redis_url=f"redis://127.0.0.1:{proxy.port}/0")
        for turns in range(ROUNDS):
            async with open_rates(settings) as rates:
                await _count(rates)
                breaking = asyncio.create_task(proxy.break_connections())
                for _ in range(turns % 7):
                    await asyncio.sleep(0)
                await _count(rates)
                await breaking


async def _count(rates: Rates) -> None:
    await asyncio.gather(*(rates.operations(UUID(int=number), None, 1) for number in range(AT_ONCE)))


async def test_a_connection_to_redis_that_breaks_stops_no_request(valkey: StartValkey) -> None:
    await asyncio.to_thread(lambda: uvloop.run(_break_again_and_again(valkey().port)))
