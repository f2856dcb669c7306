"""LiveKit Agents' Deepgram plugin, and ours for LiveKit Agents, outside a job.

Theirs has one HTTP session for all streams as in a job; ours has one transport. Both are given 48 kHz mono: a
room's audio stream has mixed the channels by then. Both resample by themselves.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import aiohttp
from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import nothing
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from livekit import rtc
from livekit.agents.stt import SpeechEventType

__all__ = ["idle", "stream"]

_RATE, _WIRE_RATE = 48_000, 16_000
_TRANSCRIPTS = frozenset({SpeechEventType.INTERIM_TRANSCRIPT, SpeechEventType.FINAL_TRANSCRIPT})
_OURS = frozenset({"livekit_speechwire_v1", "livekit_speechwire_v2"})
_shared: dict[str, aiohttp.ClientSession] = {}


class _Watched:
    """The shared HTTP session, and whether it has opened this stream's socket."""

    def __init__(self, opened: asyncio.Event) -> None:
        if not _shared:
            _shared["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._opened = opened

    async def ws_connect(self, *arguments: Any, **options: Any) -> Any:
        socket = await _shared["session"].ws_connect(*arguments, **options)
        self._opened.set()
        return socket


class LivekitStream:
    """A recognizer's stream, and its reader."""

    def __init__(self, name: str, base_url: str, api_key: str, sink: Sink) -> None:
        self._opened = asyncio.Event()
        flux = name.endswith("_v2")
        url = f"http{base_url.removeprefix('ws')}{'/v2/listen' if flux else '/v1/listen'}"
        common: dict[str, Any] = {"sample_rate": _WIRE_RATE, "base_url": url, "api_key": api_key}
        if name in _OURS:
            plugin = import_module("livekit.plugins.speechwire")
        else:
            plugin = import_module("livekit.plugins.deepgram")
            common["http_session"] = _Watched(self._opened)
        self._stt: Any = (plugin.STTv2 if flux else plugin.STT)(**common)
        self._stt.on("error", sink.complain)
        self._stt.on("metrics_collected", self._note_metrics)
        self._sink = sink
        self.feed: Feed = self._push

    async def connect(self) -> int:
        self._stream = self._stt.stream()
        self._reading = asyncio.create_task(self._read())
        await self._opened.wait()
        return 0

    async def close(self) -> None:
        await self._stream.aclose()
        await self._stt.aclose()

    def _note_metrics(self, metrics: Any) -> None:
        if metrics.acquire_time:  # so tells ours that the connection is open
            self._opened.set()

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
