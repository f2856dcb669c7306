"""LiveKit Agents' Deepgram plugin, outside a job, with one HTTP session for all streams as in a job.

It is given 48 kHz mono: a room's audio stream has mixed the channels by then. It resamples by itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import nothing
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from livekit import rtc
from livekit.agents.stt import SpeechEventType
from livekit.plugins import deepgram

__all__ = ["idle", "stream"]

_RATE, _WIRE_RATE = 48_000, 16_000
_TRANSCRIPTS = frozenset({SpeechEventType.INTERIM_TRANSCRIPT, SpeechEventType.FINAL_TRANSCRIPT})
_shared: dict[str, aiohttp.ClientSession] = {}


class _Watched:
    """The shared HTTP session, and whether it has opened this stream's socket."""

    def __init__(self) -> None:
        if not _shared:
            _shared["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.opened = asyncio.Event()

    async def ws_connect(self, *arguments: Any, **options: Any) -> Any:
        socket = await _shared["session"].ws_connect(*arguments, **options)
        self.opened.set()
        return socket


class LivekitStream:
    """A recognizer's stream, and its reader."""

    def __init__(self, name: str, base_url: str, api_key: str, sink: Sink) -> None:
        self._http = _Watched()
        endpoint = "/v2/listen" if name == "livekit_v2" else "/v1/listen"
        make = deepgram.STTv2 if name == "livekit_v2" else deepgram.STT
        url = f"http{base_url.removeprefix('ws')}{endpoint}"
        common = {"sample_rate": _WIRE_RATE, "base_url": url, "http_session": self._http}
        self._stt: Any = make(api_key=api_key, **common)
        self._stt.on("error", sink.complain)
        self._sink = sink
        self.feed: Feed = self._push

    async def connect(self) -> int:
        self._stream = self._stt.stream()
        self._reading = asyncio.create_task(self._read())
        await self._http.opened.wait()
        return 0

    async def close(self) -> None:
        await self._stream.aclose()
        await self._stt.aclose()

    def _push(self, frame: bytes) -> None:
        self._stream.push_frame(rtc.AudioFrame(frame, _RATE, 1, len(frame) // 2))

    async def _read(self) -> None:
        async for event in self._stream:
            if event.type in _TRANSCRIPTS:
                self._sink(event.alternatives[0].text)


def stream(name: str, setup: Setup, index: int) -> LivekitStream:
    """Make a stream."""
    return LivekitStream(name, setup.base_url, key(index), setup.sink)


def idle(name: str) -> Feed:
    """Pacing for a plain call."""
    return nothing
