"""Speech of counted words in mu-law, which the emulator's tagged engine hears."""

from __future__ import annotations

from collections.abc import Sequence

from speechwire.emulator._audio_format import encode
from speechwire.emulator.tagged import Singer, TaggedEngine, tone

__all__ = ["SILENCE", "WORD_BYTES", "ContentEngine", "Singer", "in_encoding", "spoken", "tone"]

RATE = 8000
WORD_BYTES = RATE // 4
SILENCE = b"\xff"
ContentEngine = TaggedEngine


def spoken(words: Sequence[int], *, pause_s: float = 1.0) -> bytes:
    """The audio of a turn, and the silence after it, in mu-law."""
    said = b"".join(bytes([word]) * WORD_BYTES for word in words)
    return said + SILENCE * int(RATE * pause_s)


def in_encoding(pcm: bytes, encoding: str) -> bytes:
    """Samples in a telephone's encoding."""
    return pcm if encoding == "s16le" else encode(pcm, encoding)
