"""The caller's voice: espeak-ng, in the variant that pocketsphinx understands best."""

from __future__ import annotations

from speechwire.audio import PcmPipeline
from speechwire.emulator.offline import NATIVE_RATE, Voice, synthesize

from .caller import SAMPLE_RATE

__all__ = ["espeak_voice"]


def espeak_voice(text: str) -> bytes:
    """Speak ``text`` as mono s16le at 48 kHz. Blocks for some milliseconds."""
    pipeline = PcmPipeline(
        in_rate=NATIVE_RATE, out_rate=SAMPLE_RATE, channels=1, chunk_ms=100, quality="best"
    )
    speech = synthesize(text, Voice("en-us+m6", words_per_minute=150))
    return b"".join(pipeline.push(speech) + pipeline.flush())
