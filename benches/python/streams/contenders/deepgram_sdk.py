"""The vendor's asynchronous SDK, one client object for all streams.

It converts nothing, so it is given ready-made 16 kHz mono.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import CoroutineFeed, nothing_awaited
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.events import EventType

__all__ = ["idle", "stream"]

_FORMAT: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16_000}
_NOVA: dict[str, Any] = {"model": "nova-2", "channels": 1, "interim_results": True, **_FORMAT}
_FLUX: dict[str, Any] = {"model": "flux-general-en", **_FORMAT}
_clients: dict[str, AsyncDeepgramClient] = {}


class SdkStream:
    """A socket, and the task that listens."""

    def __init__(self, name: str, base_url: str, api_key: str, sink: Sink) -> None:
        listen = _client(base_url).listen
        authorization = f"Token {api_key}"
        self._connecting: Any = (
            listen.v2.connect(authorization=authorization, **_FLUX)
            if name == "sdk_v2"
            else listen.v1.connect(authorization=authorization, **_NOVA)
        )
        self._sink = sink

    async def connect(self) -> int:
        self._socket = await self._connecting.__aenter__()
        self._socket.on(EventType.MESSAGE, self._note)
        self._socket.on(EventType.ERROR, self._sink.complain)
        self._listening = asyncio.create_task(self._socket.start_listening())
        self.feed: Feed = CoroutineFeed(self._socket.send_media, contextvars.copy_context())
        return 0

    async def close(self) -> None:
        await self._connecting.__aexit__(None, None, None)
        self._listening.cancel()

    def _note(self, message: Any) -> None:
        text = getattr(message, "transcript", "")
        if hasattr(message, "is_final"):
            text = message.channel.alternatives[0].transcript
        if text:
            self._sink(text)


def stream(name: str, setup: Setup, index: int) -> SdkStream:
    """Make a stream."""
    return SdkStream(name, setup.base_url, key(index), setup.sink)


def idle(name: str) -> Feed:
    """Pacing for a coroutine."""
    return CoroutineFeed(nothing_awaited, contextvars.copy_context())


def _client(base_url: str) -> AsyncDeepgramClient:
    if base_url not in _clients:
        http = f"http{base_url.removeprefix('ws')}"
        places = DeepgramClientEnvironment(base=http, production=base_url, agent=base_url, agent_rest=http)
        _clients[base_url] = AsyncDeepgramClient(api_key=key(0), environment=places)
    return _clients[base_url]
