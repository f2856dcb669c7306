"""Frames that are taken as they come."""

from __future__ import annotations

import asyncio

import pytest
from tests.transport.plain_server import connected, echo

pytestmark = pytest.mark.usefixtures("transport")


async def test_an_open_connection_is_ready_until_it_is_dropped() -> None:
    async with connected(echo) as connection:
        assert connection.ready
        connection.send_now(b"at once")
        assert await connection.receive() == b"at once"
        connection.abort()
        assert not connection.ready


async def test_who_has_taken_enough_does_not_wait_for_more() -> None:
    async with connected(echo) as connection:
        taking = asyncio.create_task(connection.receive_each(lambda frame: False))
        await asyncio.sleep(0.02)
        await connection.send("the only one")
        assert await asyncio.wait_for(taking, 20.0) is None
