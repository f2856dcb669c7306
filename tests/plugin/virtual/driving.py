"""Plugins that talk to a scripted peer, fed with counted audio at real pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.plugin.conftest import KEY, Listener
from tests.session.counted import RATE, counted
from tests.session.fake_service import FakeFlux, FakeNova, FakeService
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2

from speechwire.session import ListenSettings, _connector
from speechwire.transport import ConnectRequest, MemoryPeer, MemoryTransport, WebSocket

Plugin = DeepgramSTT | DeepgramSTTV2
Serve = Callable[[MemoryPeer], Awaitable[None]]
FRAME_S = 0.02
FRAME_SAMPLES = RATE // 50


class Lease:
    """A share of a transport, as sessions take it from their event loop."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def connect(self, request: ConnectRequest) -> WebSocket:
        return await self._transport.connect(request)

    async def aclose(self) -> None: ...


class Service:
    """A scripted peer in the place of the network."""

    def __init__(self, endpoint: str, serve: Serve, patch: pytest.MonkeyPatch) -> None:
        self.endpoint = endpoint
        self.transport = MemoryTransport(serve)
        patch.setattr(_connector, "shared_transport", lambda: Lease(self.transport))

    @property
    def peers(self) -> list[MemoryPeer]:
        return self.transport.peers

    def plugin(self, **arguments: Any) -> Plugin:
        """A plugin for mono audio of `RATE`."""
        arguments = {"api_key": KEY, **arguments}
        if self.endpoint == "nova":
            return DeepgramSTT(**{"sample_rate": RATE, "channels": 1, **arguments})
        return DeepgramSTTV2(**{"input_sample_rate": RATE, "input_channels": 1, **arguments})

    def listen(self, **arguments: Any) -> tuple[Plugin, Listener]:
        """A plugin and what it says, with the plugin's own settings."""
        stt = self.plugin(**arguments)
        listener = Listener(stt)
        stt.settings = ListenSettings()
        return stt, listener


def service_of(endpoint: str, turns: Any, faults: Any = None) -> FakeService:
    """A recognition service that says which quarter seconds it heard."""
    return FakeNova(turns, faults) if endpoint == "nova" else FakeFlux(turns, faults)


async def speak(stt: Plugin, seconds: float, *, start_s: float = 0.0) -> None:
    """Push counted audio in frames of 20 ms, one each 20 ms."""
    for start in range(round(start_s * RATE), round((start_s + seconds) * RATE), FRAME_SAMPLES):
        await stt.process_audio(counted(start, FRAME_SAMPLES))
        await asyncio.sleep(FRAME_S)


def words(listener: Listener) -> list[int]:
    """The words of all finals, which are the numbers of the quarter seconds they were said in."""
    return [int(word) for text in listener.finals for word in text.split()]


def of(kind: type, listener: Listener) -> list[Any]:
    """The events of one type."""
    return [event for event in listener.events if isinstance(event, kind)]
