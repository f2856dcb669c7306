"""The two plugins under test, made alike: ours, and the framework's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.plugins import deepgram, speechwire

__all__ = [
    "KEY",
    "NAMES",
    "RATE",
    "Told",
    "frame",
    "frames",
    "listen",
    "speak",
    "speech_to_text",
    "text_to_speech",
    "until",
]

KEY = "a-key-that-no-message-may-hold"
RATE = 16_000
NAMES = ("speechwire", "deepgram")
_PATIENCE_S = 30.0
_MODULES = {"speechwire": speechwire, "deepgram": deepgram}
_STT = {"/v1/listen": "STT", "/v2/listen": "STTv2"}
_TTS = {"/v1/speak": "TTS", "/v2/speak": "TTSv2"}


@dataclass
class Told:
    """What a component said beside its stream."""

    errors: list[Any] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)

    def watch(self, component: Any) -> None:
        component.on("error", self.errors.append)
        component.on("metrics_collected", self.metrics.append)

    @property
    def final_errors(self) -> list[Any]:
        return [error for error in self.errors if not error.recoverable]


@asynccontextmanager
async def speech_to_text(
    name: str, base_url: str, endpoint: str, told: Told | None = None, **arguments: Any
) -> AsyncIterator[Any]:
    """A recogniser of either plugin."""
    async with _component(name, _STT[endpoint], base_url + endpoint, told, arguments) as component:
        yield component


@asynccontextmanager
async def text_to_speech(
    name: str, base_url: str, endpoint: str, told: Told | None = None, **arguments: Any
) -> AsyncIterator[Any]:
    """A synthesiser of either plugin."""
    async with _component(name, _TTS[endpoint], base_url + endpoint, told, arguments) as component:
        yield component


@asynccontextmanager
async def _component(
    name: str, kind: str, url: str, told: Told | None, arguments: dict[str, Any]
) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        if name == "deepgram":
            arguments["http_session"] = http
        component = getattr(_MODULES[name], kind)(
            **{"api_key": KEY, "base_url": url.replace("ws://", "http://"), **arguments}
        )
        if told is not None:
            told.watch(component)
        try:
            yield component
        finally:
            await component.aclose()


def frame(pcm: bytes, rate: int = RATE, channels: int = 1) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, rate, channels, len(pcm) // 2 // channels)


def frames(pcm: bytes, rate: int = RATE, channels: int = 1, ms: int = 20) -> list[rtc.AudioFrame]:
    """As a room gives them; the last may be shorter."""
    size = rate * ms // 1000 * 2 * channels
    return [frame(pcm[at : at + size], rate, channels) for at in range(0, len(pcm), size)]


async def listen(stt: Any, pcm: bytes, options: APIConnectOptions | None = None, **format: int) -> list[Any]:
    """Push all audio at once, end the input, and read to the end."""
    async with stt.stream(**({} if options is None else {"conn_options": options})) as stream:
        for each in frames(pcm, **format):
            stream.push_frame(each)
        stream.end_input()
        return [event async for event in stream]


async def speak(tts: Any, *pieces: str, options: APIConnectOptions | None = None) -> bytes:
    """Push the pieces, end the input, and read all audio."""
    async with tts.stream(**({} if options is None else {"conn_options": options})) as stream:
        for piece in pieces:
            stream.push_text(piece)
        stream.end_input()
        return b"".join([audio.frame.data.tobytes() async for audio in stream])


async def until(condition: Callable[[], object], *, timeout_s: float = _PATIENCE_S) -> None:
    """Wait for what is observed from outside.

    Raises:
        TimeoutError: It did not come true.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
