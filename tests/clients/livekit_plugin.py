"""LiveKit Agents' Deepgram plugin, outside a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents.stt import SpeechEventType
from livekit.plugins import deepgram
from tests.clients.drivers import KEY, Client, Heard, Spoken
from tests.clients.speech import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, FLUX_VOICE, RATE, VOICE, chunks
from tests.clients.waiting import connected, until

from speechwire.emulator import Emulator

_TRANSCRIPTS = {SpeechEventType.FINAL_TRANSCRIPT: "finals", SpeechEventType.INTERIM_TRANSCRIPT: "interims"}


@asynccontextmanager
async def recognizer(emulator: Emulator, endpoint: str, told: Heard) -> AsyncIterator[Any]:
    """An STT that notes its errors."""
    async with aiohttp.ClientSession() as http:
        common: dict[str, Any] = {"api_key": KEY, "http_session": http, "sample_rate": RATE}
        common["base_url"] = emulator.http_url + endpoint
        if endpoint == "/v1/listen":
            stt: Any = deepgram.STT(**common)
        else:
            stt = deepgram.STTv2(
                eager_eot_threshold=EAGER_EOT_THRESHOLD, eot_threshold=EOT_THRESHOLD, **common
            )
        stt.on("error", lambda error: told.problems.append(repr(error)))
        yield stt
        await stt.aclose()


@asynccontextmanager
async def synthesizer(emulator: Emulator, endpoint: str, told: Spoken) -> AsyncIterator[Any]:
    """A TTS that notes its errors."""
    kind, voice = (deepgram.TTS, VOICE) if endpoint == "/v1/speak" else (deepgram.TTSv2, FLUX_VOICE)
    async with aiohttp.ClientSession() as http:
        url = emulator.http_url + endpoint
        tts: Any = kind(api_key=KEY, model=voice, sample_rate=RATE, base_url=url, http_session=http)
        tts.on("error", lambda error: told.problems.append(repr(error)))
        yield tts
        await tts.aclose()


async def _listen(emulator: Emulator, endpoint: str, pcm: bytes) -> Heard:
    heard = Heard()
    async with recognizer(emulator, endpoint, heard) as stt, stt.stream() as stream:
        connection = await connected(emulator, endpoint)
        if endpoint == "/v1/listen":
            # As in a call, the caller speaks when the connection stands; it has been kept alive by then.
            await until(lambda: connection.types == ["KeepAlive"])
        for chunk in chunks(pcm):
            stream.push_frame(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))
        stream.end_input()
        async for event in stream:
            heard.events.append(event.type.value)
            if event.type in _TRANSCRIPTS:
                getattr(heard, _TRANSCRIPTS[event.type]).append(event.alternatives[0].text)
    return heard


async def _speak(emulator: Emulator, endpoint: str, text: str) -> Spoken:
    spoken = Spoken()
    async with synthesizer(emulator, endpoint, spoken) as tts, tts.stream() as stream:
        stream.push_text(text)
        stream.end_input()
        async for audio in stream:
            spoken.audio += audio.frame.data.tobytes()
            if audio.is_final:
                spoken.events.append("final")
    return spoken


async def listen_v1(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Nova; the stream ends when the server has closed."""
    return await _listen(emulator, "/v1/listen", pcm)


async def listen_v2(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Flux; the stream ends when the server has closed."""
    return await _listen(emulator, "/v2/listen", pcm)


async def speak_v1(emulator: Emulator, text: str) -> Spoken:
    """Have Aura speak."""
    return await _speak(emulator, "/v1/speak", text)


async def speak_v2(emulator: Emulator, text: str) -> Spoken:
    """Have Flux TTS speak."""
    return await _speak(emulator, "/v2/speak", text)


LIVEKIT = Client(
    "livekit-plugins-deepgram", "livekit-plugins-deepgram", listen_v1, listen_v2, speak_v1, speak_v2
)
