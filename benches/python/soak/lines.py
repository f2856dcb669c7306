"""What a call is made over: a session of the core, or a plugin as the framework uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, Protocol

from benches.python.soak.ledger import CallAccount, HeardWord
from benches.python.soak.units import CHANNELS, RATE
from videosdk.agents import SpeechEventType, STTResponse
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2

from speechwire.audio import PcmPipeline
from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenSettings, SessionPool

__all__ = ["KEY", "LISTENING", "Line"]

KEY: Final = "no-real-key"
_WIRE_RATE = 16_000
# A call may end right after its connection: then the last results need a watchdog's patience, a new
# connection and a replay.
_DRAIN_S = 30.0


class Line(Protocol):
    """One call's way to the service."""

    async def push(self, frame: bytes) -> None:
        """Send a frame."""

    async def hang_up(self) -> None:
        """Take the last words and close."""


class SessionLine:
    """A session, and a task that reads its events."""

    def __init__(self, session: Any, account: CallAccount) -> None:
        self._session = session
        self._reading = asyncio.create_task(_read(session, account))

    async def push(self, frame: bytes) -> None:
        if not self._session.closed:
            self._session.push(frame)

    async def hang_up(self) -> None:
        await self._session.aclose()
        await self._reading


class PluginLine:
    """A plugin whose transcripts go where the framework's would."""

    def __init__(self, plugin: DeepgramSTT | DeepgramSTTV2, account: CallAccount) -> None:
        plugin.settings = replace(plugin.settings, drain_timeout_s=_DRAIN_S)
        clock = asyncio.get_running_loop().time

        async def on_transcript(response: STTResponse) -> None:
            if response.event_type is SpeechEventType.FINAL:
                account.words(
                    (word["word"], word["start"], word["end"]) for word in response.metadata["words"]
                )

        def on_event(event: object) -> None:
            account.event(event, clock())

        def on_error(message: object) -> None:
            account.failed(RuntimeError(str(message)))

        plugin.on("event", on_event)
        plugin.on("error", on_error)
        plugin.on_stt_transcript(on_transcript)
        self._plugin = plugin

    async def push(self, frame: bytes) -> None:
        await self._plugin.process_audio(frame)

    async def hang_up(self) -> None:
        await self._plugin.aclose()


async def _read(session: Any, account: CallAccount) -> None:
    clock = asyncio.get_running_loop().time
    try:
        async for event in session:
            account.words(_final_words(event))
            account.event(event, clock())
    except SpeechwireError as error:
        account.failed(error)


def _final_words(event: object) -> Iterator[HeardWord]:
    if isinstance(event, TurnInfo) and event.event == "EndOfTurn":
        yield from ((word.word, word.start, word.end) for word in event.words)
    elif isinstance(event, Results) and event.is_final:
        words = event.channel.alternatives[0].words
        yield from ((word.punctuated_word or word.word, word.start, word.end) for word in words)


def _pipeline() -> PcmPipeline:
    return PcmPipeline(in_rate=RATE, out_rate=_WIRE_RATE, channels=CHANNELS, chunk_ms=100)


def _flux(pool: SessionPool, base_url: str, account: CallAccount) -> Line:
    settings = ListenSettings(drain_timeout_s=_DRAIN_S)
    return SessionLine(pool.listen_v2(converter=_pipeline(), settings=settings), account)


def _nova(pool: SessionPool, base_url: str, account: CallAccount) -> Line:
    settings = ListenSettings(drain_timeout_s=_DRAIN_S)
    options = ListenV1Options(
        encoding="linear16", sample_rate=_WIRE_RATE, interim_results=True, endpointing=300
    )
    return SessionLine(pool.listen_v1(options, converter=_pipeline(), settings=settings), account)


def _plugin_flux(pool: SessionPool, base_url: str, account: CallAccount) -> Line:
    plugin = DeepgramSTTV2(api_key=KEY, base_url=f"{base_url}/v2/listen", input_channels=CHANNELS)
    return PluginLine(plugin, account)


def _plugin_nova(pool: SessionPool, base_url: str, account: CallAccount) -> Line:
    plugin = DeepgramSTT(
        api_key=KEY,
        base_url=f"{base_url}/v1/listen",
        channels=CHANNELS,
        target_sample_rate=_WIRE_RATE,
        downmix=True,
    )
    return PluginLine(plugin, account)


def _plugin_nova_as_it_is(pool: SessionPool, base_url: str, account: CallAccount) -> Line:
    return PluginLine(DeepgramSTT(api_key=KEY, base_url=f"{base_url}/v1/listen", channels=CHANNELS), account)


LISTENING: Final[dict[str, Callable[[SessionPool, str, CallAccount], Line]]] = {
    "ListenV2Session": _flux,
    "ListenV1Session": _nova,
    "DeepgramSTTV2": _plugin_flux,
    "DeepgramSTT, 16 kHz mono": _plugin_nova,
    "DeepgramSTT, 48 kHz stereo": _plugin_nova_as_it_is,
}
