"""The layers of a live stream's way up, each with nothing below it: a socket that takes everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock

from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import ListenSettings, ListenV1Session, ListenV2Session
from speechwire.transport import CloseEvent, ConnectRequest
from speechwire.transport.base import Take

__all__ = ["FRAME", "LAYERS", "Push"]

FRAME = bytes(range(256)) * 15
"""20 ms of 48 kHz stereo."""

Push = Callable[[bytes], object]

# A loop that pushes and does nothing else runs ahead of real time: nothing may hold that up.
_SETTINGS = ListenSettings(replay_speed=None, replay_s=2.0, progress_timeout_s=None, pause_after_s=None)


class _Socket:
    """Open for ever, silent, and always ready."""

    request_id = "none"
    ready = True

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    async def send(self, frame: str | bytes) -> None:
        pass

    def send_now(self, frame: bytes) -> None:
        pass

    async def receive(self) -> str | bytes | CloseEvent:
        await self._ended.wait()
        return CloseEvent(1000)

    async def receive_each(self, take: Take) -> CloseEvent | None:
        await self._ended.wait()
        return CloseEvent(1000)

    async def ping(self) -> None:
        pass

    async def aclose(self, code: int = 1000) -> None:
        self._ended.set()

    def abort(self) -> None:
        self._ended.set()


class _Nowhere:
    """Opens such sockets."""

    async def connect(self, request: ConnectRequest) -> _Socket:
        return _Socket()

    async def aclose(self) -> None:
        pass


async def nothing() -> Push:
    """What the loop itself costs."""
    return len


async def pipeline() -> Push:
    """The converter alone."""
    return PcmPipeline(chunk_ms=100).push


async def flux() -> Push:
    """Converted, in chunks of 100 ms."""
    converter = PcmPipeline(chunk_ms=100)
    return await _warm(
        ListenV2Session("k", ListenV2Options(), converter=converter, transport=_Nowhere(), settings=_SETTINGS)
    )


async def raw() -> Push:
    """As it comes: a message for every frame."""
    options = ListenV1Options(encoding="linear16", sample_rate=48_000, channels=2)
    return await _warm(ListenV1Session("k", options, transport=_Nowhere(), settings=_SETTINGS))


async def stt_v2() -> Push:
    """`flux` through the plugin."""
    return await _plugin("DeepgramSTTV2")


async def stt() -> Push:
    """`raw` through the plugin."""
    return await _plugin("DeepgramSTT")


LAYERS: dict[str, Callable[[], Awaitable[Push]]] = {
    layer.__name__: layer for layer in (nothing, pipeline, flux, raw, stt_v2, stt)
}
"""What is measured, by name."""


async def _warm(session: Any) -> Push:
    """Connect, and let the first messages go."""
    await session.connect()
    for _ in range(20):
        session.push(FRAME)
        await asyncio.sleep(0)
    push: Push = session.push
    return push


async def _plugin(name: str) -> Push:
    from videosdk.plugins import deepgram  # noqa: PLC0415  # takes a minute to import under valgrind

    plugin = getattr(deepgram, name)(api_key="k", base_url="ws://127.0.0.1:1")
    plugin.settings = _SETTINGS
    with mock.patch("speechwire.transport.shared.new_transport", _Nowhere):
        await plugin.process_audio(FRAME)
        await plugin._stream.session.connect()
    process = plugin.process_audio

    def push(frame: bytes) -> None:
        try:
            process(frame).send(None)
        except StopIteration:
            return

    for _ in range(20):
        push(FRAME)
        await asyncio.sleep(0)
    return push
