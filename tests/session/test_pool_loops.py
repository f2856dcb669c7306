"""A pool outside of the event loop it was used in: it returns or raises at once."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.fake_service import stall

from speechwire.errors import LocalProtocolError, SessionClosed
from speechwire.session import ListenSettings, SessionPool
from speechwire.transport import MemoryTransport


async def used() -> SessionPool:
    pool = SessionPool("k", transport=MemoryTransport(stall))
    pool.listen_v2(settings=ListenSettings(drain_timeout_s=0.1)).push(bytes(3200))
    await asyncio.sleep(0.01)
    return pool


async def close(pool: SessionPool) -> None:
    await asyncio.wait_for(pool.aclose(), 5)


def test_a_pool_whose_loop_has_ended_closes_at_once() -> None:
    pool = asyncio.run(used())
    asyncio.run(close(pool))
    with pytest.raises(SessionClosed, match="the pool has been closed"):
        pool.listen_v2()


def test_a_pool_whose_loop_still_exists_is_to_be_closed_there() -> None:
    with asyncio.Runner() as first:
        pool = first.run(used())
        with asyncio.Runner() as second, pytest.raises(LocalProtocolError, match="another event loop"):
            second.run(close(pool))
        first.run(close(pool))
