"""Speech for one stream: espeak-ng sentence by sentence, resampled to the rate asked for."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import Executor

from speechwire.audio import PcmPipeline
from speechwire.emulator.engine import StreamInfo
from speechwire.emulator.offline._espeak import NATIVE_RATE, Voice, synthesize

__all__ = ["EspeakSynthesizer", "voice_for"]

_WORDS_PER_MINUTE = 165
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_VARIANTS = ("en-us", "en-us+f1", "en-us+f2", "en-us+f3", "en-us+f5", "en-us+m1", "en-us+m3", "en-us+m7")
# The default voice is the one that the offline recogniser understands best: half the word errors of "en-us".
_DEFAULT_MODEL = "aura-2-thalia-en"
_CLEAREST = "en-us+klatt3"


def voice_for(model: str, speed: float) -> Voice:
    """The same voice for the same model name, always."""
    variant = _VARIANTS[zlib.crc32(model.encode()) % len(_VARIANTS)]
    if model == _DEFAULT_MODEL:
        variant = _CLEAREST
    return Voice(variant, round(_WORDS_PER_MINUTE * speed))


class EspeakSynthesizer:
    """Speaks for one stream; the work is done by ``executor``'s thread."""

    def __init__(self, stream: StreamInfo, executor: Executor) -> None:
        self._stream = stream
        self._executor = executor
        self._speed = stream.speed

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield 20 ms pieces; the first sentence's while the second is still to be made."""
        voice = voice_for(self._stream.voice, self._speed)
        loop = asyncio.get_running_loop()
        pipeline = PcmPipeline(
            in_rate=NATIVE_RATE, out_rate=self._stream.sample_rate, channels=1, chunk_ms=20
        )
        for sentence in _SENTENCE_END.split(text):
            pcm = await loop.run_in_executor(self._executor, synthesize, sentence, voice)
            for piece in pipeline.push(pcm):
                yield piece
        for piece in pipeline.flush():
            yield piece

    def set_speed(self, speed: float) -> None:
        """Speak texts from now on at this rate."""
        self._speed = speed
