"""Plugins of VideoSDK Agents, fed as the framework does it; the installed ones, ours or the incumbent.

As in a room's input stream, every frame is announced on the session's event bus and then given to
``process_audio``. Every stream has a bus and a context of its own, as every agent session has.
"""

from __future__ import annotations

import asyncio
import contextvars
from types import SimpleNamespace
from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.feeding import CoroutineFeed, nothing_awaited
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from videosdk.agents import STTResponse, audio_format
from videosdk.agents.event_bus import get_current_event_bus, new_session_event_bus, set_current_event_bus
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2

__all__ = ["PluginStream", "idle", "session_context", "stream"]

_RATE, _CHANNELS = 48_000, 2
_ANNOUNCEMENT = {"frame": SimpleNamespace(sample_rate=_RATE, samples=_RATE // 50), "stream": None}


def session_context() -> contextvars.Context:
    """A context with a bus of its own."""
    context = contextvars.copy_context()
    context.run(set_current_event_bus, new_session_event_bus())
    return context


class _Announced:
    """A feed that announces each frame first."""

    def __init__(self, feed: CoroutineFeed, bus: Any) -> None:
        self._feed = feed
        self._bus = bus

    def __call__(self, frame: bytes) -> None:
        self._bus.emit("ON_SPEECH_IN", dict(_ANNOUNCEMENT))
        self._feed(frame)


class PluginStream:
    """A plugin in a session's context."""

    def __init__(self, plugin: Any, sink: Sink, first_frame: bytes) -> None:
        self._plugin = plugin
        self._sink = sink
        self._first_frame = first_frame
        self._context = session_context()
        self._context.run(plugin.on_stt_transcript, self._note)
        plugin.on("error", sink.complain)
        self.feed: Feed = announced(CoroutineFeed(plugin.process_audio, self._context), self._context)

    async def connect(self) -> int:
        """Push one frame: that is what makes a plugin connect."""
        self._context.run(_announce)
        await in_context(self._plugin.process_audio(self._first_frame), self._context)
        session: Any = self._plugin._session
        if hasattr(
            session, "push"
        ):  # ours connects behind `process_audio`; aiohttp's session has no such method
            await session.connect()
        return 1

    async def close(self) -> None:
        await in_context(self._plugin.aclose(), self._context)

    async def _note(self, response: STTResponse) -> None:
        self._sink(response.data.text)


def announced(feed: CoroutineFeed, context: contextvars.Context) -> Feed:
    """``feed``, with each frame announced on the context's bus."""
    return _Announced(feed, context.run(get_current_event_bus))


def _announce() -> None:
    get_current_event_bus().emit("ON_SPEECH_IN", dict(_ANNOUNCEMENT))


async def in_context(coroutine: Any, context: contextvars.Context) -> None:
    """Run a coroutine in a context."""
    await asyncio.get_running_loop().create_task(coroutine, context=context)


def stream(name: str, setup: Setup, index: int) -> PluginStream:
    """Make a plugin."""
    audio_format.publish(_RATE, _CHANNELS)
    plugin = _plugin(name, setup.base_url, key(index))
    return PluginStream(plugin, setup.sink, setup.frames[0])


def idle(name: str) -> Feed:
    """Pacing for an announced coroutine."""
    context = session_context()
    return announced(CoroutineFeed(nothing_awaited, context), context)


def _plugin(name: str, base_url: str, api_key: str) -> Any:
    flux: dict[str, Any] = {"api_key": api_key, "base_url": f"{base_url}/v2/listen"}
    nova: dict[str, Any] = {"api_key": api_key, "base_url": f"{base_url}/v1/listen", "interim_results": True}
    match name:
        case "stt_v2" | "incumbent_v2":
            return DeepgramSTTV2(**flux)
        case "incumbent_v2_16k":
            return DeepgramSTTV2(target_sample_rate=16_000, **flux)
        case "stt_mono":
            return DeepgramSTT(downmix=True, target_sample_rate=16_000, **nova)
    return DeepgramSTT(**nova)
