"""Spoken words as a WAV, made by the emulator's own synthesis."""

from __future__ import annotations

import wave
from pathlib import Path

from speechwire.emulator import StreamInfo
from speechwire.emulator.offline import OfflineEngine

__all__ = ["speak"]

RATE = 48_000
LEAD_S = 1.0  # the capture begins while the page is still getting ready


async def speak(engine: OfflineEngine, text: str, file: Path, *, lead_s: float = LEAD_S) -> None:
    """Write a second of silence and the text; the microphone is silent after its end."""
    info = StreamInfo(connection=0, endpoint="/v1/speak", sample_rate=RATE)
    speaker = await engine.synthesizer(info)
    pcm = b"".join([piece async for piece in speaker.speak(text)])
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(bytes(2 * int(RATE * lead_s)) + pcm)
