"""Many callers at once, before the server has read their requests."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from tests.server.serving import Serving, serving, until
from tests.server.test_hostile import upgrade

pytestmark = pytest.mark.usefixtures("each_socket")

HANDSHAKE_S = 0.3


def dialled(where: Serving) -> socket.socket:
    """A connection that has sent nothing."""
    host, port = where.url.removeprefix("http://").split(":")
    caller = socket.create_connection((host, int(port)))
    caller.setblocking(False)
    return caller


async def test_a_request_that_came_while_the_loop_stood_still_is_answered() -> None:
    async with serving(handshake_s=HANDSHAKE_S) as where:
        loop = asyncio.get_running_loop()
        callers = [dialled(where) for _ in range(20)]
        await asyncio.sleep(HANDSHAKE_S / 2)
        for caller in callers:
            caller.send(upgrade())
        time.sleep(HANDSHAKE_S)  # as it takes to answer others
        for caller in callers:
            answer = await asyncio.wait_for(loop.sock_recv(caller, 1000), 20)
            assert b" 101 " in answer[:20]
            caller.close()
        await until(lambda: not where.server.lines)


async def test_a_connection_without_a_request_is_closed() -> None:
    async with serving(handshake_s=HANDSHAKE_S) as where:
        caller = dialled(where)
        with pytest.raises(ConnectionResetError):
            assert not await asyncio.wait_for(asyncio.get_running_loop().sock_recv(caller, 1), 20)
            raise ConnectionResetError
        caller.close()
