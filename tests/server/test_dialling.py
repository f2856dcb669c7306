"""Many callers at once, before the server has read their requests."""

from __future__ import annotations

import asyncio
import gc
import socket
import time

import pytest
from tests.server.callers import Twilio
from tests.server.hostility import upgrade
from tests.server.serving import Serving, dial, serving, until

from speechwire.server._http import _Protocol

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
        time.sleep(HANDSHAKE_S)  # noqa: ASYNC251  # as it takes to answer others
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


async def kept_of_requests() -> int:
    """How many readers of requests there are beside a call."""
    async with serving() as where, dial(where, Twilio()) as call:
        await call.say(b"\0\0" * 8000)
        gc.collect()
        return sum(type(each) is _Protocol for each in gc.get_objects())


def test_a_call_on_picows_keeps_nothing_of_its_request(request: pytest.FixtureRequest) -> None:
    uvloop = pytest.importorskip("uvloop")
    if "aiohttp" in request.node.name:
        pytest.skip("aiohttp reads the call itself")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(kept_of_requests()) == 0
