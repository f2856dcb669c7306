"""The service's answer to a close ends the wait for it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tests.transport.plain_server import serving, websocket

from speechwire.transport import CloseEvent, ConnectRequest, _aiohttp, _picows_connection, new_transport

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.parametrize("receiving", [False, True])
async def test_a_close_that_is_answered_does_not_wait_for_its_deadline(
    receiving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (_aiohttp, _picows_connection):
        monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 3600.0)

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        async for _ in response:
            pass

    transport = new_transport()
    async with asyncio.timeout(60), serving(websocket(serve)) as url:
        connection = await transport.connect(ConnectRequest(url, {}))
        reading = asyncio.create_task(connection.receive_each(lambda taken: True)) if receiving else None
        await asyncio.sleep(0)
        await connection.aclose()
        if reading is not None:
            assert isinstance(await reading, CloseEvent)
        await transport.aclose()


async def test_a_transport_that_is_closed_closes_its_connections() -> None:
    ended: list[int | None] = []

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        async for _ in response:
            pass
        ended.append(response.close_code)

    transport = new_transport()
    async with asyncio.timeout(60), serving(websocket(serve)) as url:
        connections = [await transport.connect(ConnectRequest(url, {})) for _ in range(2)]
        await transport.aclose()
        for connection in connections:
            assert isinstance(await connection.receive(), CloseEvent)
            assert not connection.ready
        while len(ended) < 2:
            await asyncio.sleep(0.01)
