"""Reads the names that providers give audio formats, and bounds what a caller may declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from speechwire.server.codec import AudioFormat

__all__ = ["SILENCE", "audio_format", "bounded_parameters", "integer"]

SILENCE: Final[Mapping[str, bytes]] = {"mulaw": b"\xff", "alaw": b"\xd5", "s16le": b"\0", "f32le": b"\0"}
"""The byte that encodes silence, by encoding (ITU-T G.711)."""

_ENCODINGS: Final = (
    ("mulaw", re.compile(r"mu-?law|ulaw|pcmu", re.IGNORECASE)),
    ("alaw", re.compile(r"a-?law|pcma", re.IGNORECASE)),
    ("f32le", re.compile(r"f32|float", re.IGNORECASE)),
    ("s16le", re.compile(r"l16|linear|s16|slin|x-raw|pcm|base64", re.IGNORECASE)),
)
_RATE: Final = re.compile(r"(?:rate=|@|slin)(\d{1,6})")
_SLIN_KHZ: Final = 192
_LEAST_RATE, _MOST_RATE, _MOST_CHANNELS = 4000, 192_000, 32
_MOST_PARAMETERS, _LONGEST_NAME, _LONGEST_VALUE = 64, 128, 1024


def audio_format(
    encoding: str, sample_rate: int | None, channels: int | None, default: AudioFormat
) -> AudioFormat | None:
    """Return the declared format, or ``None`` if it is not supported.

    Args:
        encoding: As a provider writes it: ``audio/x-mulaw``, ``PCMU``, ``audio/l16;rate=16000``, ``slin16``.
        sample_rate: In Hz; ``None`` takes the rate from `encoding`, else from `default`.
        channels: ``None`` takes the channels of `default`.
        default: Gives the values that are not declared.
    """
    name = next((name for name, words in _ENCODINGS if words.search(encoding)), None)
    if encoding and name is None:
        return None
    rate = sample_rate or _rate_within(encoding) or default.sample_rate
    wanted = AudioFormat(
        encoding=name or default.encoding, sample_rate=rate, channels=channels or default.channels
    )
    possible = _LEAST_RATE <= rate <= _MOST_RATE and 1 <= wanted.channels <= _MOST_CHANNELS
    return wanted if possible else None


def bounded_parameters(*sources: Mapping[str, Any]) -> dict[str, str]:
    """The caller's parameters as strings, limited in number and length so that a call can keep them."""
    pairs = [(name, value) for source in sources for name, value in source.items() if value is not None]
    return {
        name[:_LONGEST_NAME]: (value if isinstance(value, str) else str(value))[:_LONGEST_VALUE]
        for name, value in pairs[:_MOST_PARAMETERS]
    }


def integer(text: str | None) -> int | None:
    """Parse up to 8 decimal digits; return ``None`` for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else None


def _rate_within(encoding: str) -> int | None:
    found = _RATE.search(encoding)
    if found is None:
        return None
    rate = int(found[1])
    return rate * 1000 if rate <= _SLIN_KHZ else rate  # Asterisk's slin16 has 16 kHz
