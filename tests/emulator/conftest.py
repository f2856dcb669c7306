"""Plain aiohttp against the emulator: this package's own client must not vouch for its own opponent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
import pytest

KEY = "an-api-key"
PATIENCE_S = 60.0  # the offline recogniser has a busy machine to itself rarely


class Socket:
    """A client connection that sends JSON and reads to the end."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.close: tuple[int, str] | None = None

    async def send(self, *messages: dict[str, Any] | bytes | str) -> None:
        for message in messages:
            if isinstance(message, bytes):
                await self.ws.send_bytes(message)
            else:
                await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> dict[str, Any] | bytes | None:
        """The next message; None at the end, with ``close`` set: 1005 for no status, 1006 for no frame."""
        message = await asyncio.wait_for(self.ws.receive(), PATIENCE_S)
        if message.type is aiohttp.WSMsgType.TEXT:
            return dict(json.loads(message.data))
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data)
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.close = (message.data or 1005, message.extra or "")
        else:
            self.close = self.close or (1006, "")
        return None

    async def rest(self) -> list[Any]:
        """Everything up to the end."""
        messages = []
        while (message := await self.receive()) is not None:
            messages.append(message)
        return messages

    async def until(self, kind: str) -> list[Any]:
        """Everything up to and including a message of this type."""
        messages: list[Any] = []
        while not (messages and isinstance(messages[-1], dict) and messages[-1]["type"] == kind):
            message = await self.receive()
            assert message is not None, f"closed with {self.close} before {kind}: {messages}"
            messages.append(message)
        return messages


class Client:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def open(self, url: str, **options: Any) -> Socket:
        headers = options.pop("headers", {"Authorization": f"Token {KEY}"})
        ws = await self.session.ws_connect(url, headers=headers, autoping=True, **options)
        self._sockets.append(ws)
        return Socket(ws)

    async def refusal(self, url: str, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
        """Status, headers and body of a refused upgrade."""
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        headers = {"Authorization": f"Token {KEY}"} if headers is None else headers
        target = url.replace("ws://", "http://")
        async with self.session.get(target, headers=upgrade | headers) as response:
            return response.status, response.headers, await response.json()

    async def aclose(self) -> None:
        for ws in self._sockets:
            await ws.close()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        yield client
        await client.aclose()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the other side of a socket has got there."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


def types(messages: Sequence[Any]) -> list[str]:
    """``type`` of each text, ``event`` for turn events, ``audio`` for binary."""
    return [
        "audio" if isinstance(message, bytes) else message.get("event", message["type"])
        for message in messages
    ]
