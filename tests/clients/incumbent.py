"""The plugin published under this project's distribution name before it, driven as the framework does."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.clients.drivers import KEY, Client, Heard, Spoken
from tests.clients.speech import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, RATE, VOICE, chunks
from videosdk.agents import STTResponse
from videosdk.plugins import deepgram

from speechwire.emulator import Emulator


class Track:
    """The framework's audio track, as far as a TTS uses it."""

    def __init__(self) -> None:
        self.audio = b""
        self.interruptions = 0

    async def add_new_bytes(self, data: bytes) -> None:
        """Take what is to be played."""
        self.audio += data

    def interrupt(self) -> None:
        """Drop what has not been played."""
        self.interruptions += 1


def nova(emulator: Emulator) -> Any:
    """Nova; it forwards untouched, so the format has to be pinned to what is streamed here."""
    url = f"{emulator.base_url}/v1/listen"
    return deepgram.DeepgramSTT(api_key=KEY, base_url=url, sample_rate=RATE, channels=1, interim_results=True)


def flux(emulator: Emulator) -> Any:
    """Flux, reporting eager ends of turns."""
    return deepgram.DeepgramSTTV2(
        api_key=KEY,
        base_url=f"{emulator.base_url}/v2/listen",
        input_sample_rate=RATE,
        input_channels=1,
        target_sample_rate=RATE,
        eager_eot_threshold=EAGER_EOT_THRESHOLD,
        eot_threshold=EOT_THRESHOLD,
        enable_preemptive_generation=True,
    )


def aura(emulator: Emulator, track: Track) -> Any:
    """Aura, playing into a track."""
    url = f"{emulator.base_url}/v1/speak"
    tts = deepgram.DeepgramTTS(api_key=KEY, base_url=url, model=VOICE, sample_rate=RATE)
    tts.audio_track, tts.loop = track, asyncio.get_running_loop()
    return tts


async def _listen(stt: Any, pcm: bytes, turns: int) -> Heard:
    heard, complete = Heard(), asyncio.Event()

    async def note(response: STTResponse) -> None:
        kind = response.event_type.value
        heard.events.append(kind)
        (heard.finals if kind == "final_transcript" else heard.interims).append(response.data.text)
        if len(heard.finals) == turns:
            complete.set()

    stt.on_stt_transcript(note)
    stt.on("error", lambda error: heard.problems.append(str(error)))
    for chunk in chunks(pcm):
        await stt.process_audio(chunk)
    await complete.wait()
    await stt.aclose()
    return heard


async def listen_v1(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Nova."""
    return await _listen(nova(emulator), pcm, turns)


async def listen_v2(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Flux."""
    return await _listen(flux(emulator), pcm, turns)


async def speak_v1(emulator: Emulator, text: str) -> Spoken:
    """Have Aura speak."""
    track, spoken = Track(), Spoken()
    tts = aura(emulator, track)
    tts.on("error", lambda error: spoken.problems.append(str(error)))
    await tts.synthesize(text)
    await tts.aclose()
    spoken.audio = track.audio
    return spoken


INCUMBENT = Client("videosdk-plugins-deepgram", "videosdk-plugins-deepgram", listen_v1, listen_v2, speak_v1)
