"""The caller's voice: espeak-ng, in the variant that pocketsphinx understands best."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

from speechwire.audio import PcmPipeline
from speechwire.emulator import Phrase, Script
from speechwire.emulator.offline import NATIVE_RATE, Voice, synthesize

from .caller import SAMPLE_RATE

__all__ = ["espeak_voice", "write_talk"]

_VOICE = Voice("en-us+m6", words_per_minute=150)


def espeak_voice(text: str, rate: int = SAMPLE_RATE) -> bytes:
    """Speak ``text`` as mono s16le at ``rate``. Blocks for some milliseconds."""
    pipeline = PcmPipeline(in_rate=NATIVE_RATE, out_rate=rate, channels=1, chunk_ms=100, quality="best")
    return b"".join(pipeline.push(synthesize(text, _VOICE)) + pipeline.flush())


def write_talk(path: Path, lines: Sequence[str], *, rate: int = SAMPLE_RATE, pause_s: float = 0.8) -> Script:
    """Write a mono WAV file of spoken lines, a pause before, between and after them.

    Returns:
        What is said in it when.
    """
    pause = bytes(2 * int(rate * pause_s))
    audio, phrases = bytearray(pause), []
    for line in lines:
        start_s = len(audio) / 2 / rate
        audio += espeak_voice(line, rate)
        phrases.append(Phrase(start_s, f"{line.capitalize()}.", len(audio) / 2 / rate))
        audio += pause
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(audio)
    return Script(*phrases)
