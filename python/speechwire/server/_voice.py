"""Chooses the audio format to request from the service for the format that a caller wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from speechwire.audio import PcmPipeline
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.server.codec import AudioFormat
from speechwire.session.converter import Converter

__all__ = ["Voice"]

_TELEPHONE_RATES: Final = (8000, 16000)
_RATES: Final = (8000, 16000, 24000, 32000, 48000)
_CHUNK_MS: Final = 100


class _AsItIs:
    """No conversion."""

    def push(self, pcm: bytes, /) -> list[bytes]:
        return [pcm]

    def flush(self) -> list[bytes]:
        return []


class Voice:
    """The service's format, and the conversion from it to the caller's.

    mu-law and A-law at telephone rates and 16-bit samples at the service's rates need no conversion. For any
    other rate, the service's next higher rate is resampled. Speech has one channel; it is 16-bit where the
    caller wants any other encoding.

    Args:
        wanted: The format that the caller wants.
        settings: ``model`` and any other option for speaking.

    Raises:
        InvalidArgument: The service would refuse an option.

    Attributes:
        format: The format that the caller gets.
        options: The options of the session.
    """

    def __init__(self, wanted: AudioFormat, settings: Mapping[str, Any]) -> None:
        is_g711 = wanted.encoding in ("mulaw", "alaw") and wanted.sample_rate in _TELEPHONE_RATES
        encoding = wanted.encoding if is_g711 else "s16le"
        self.format = msgspec.structs.replace(wanted, encoding=encoding, channels=1)
        rate = wanted.sample_rate
        self._rate = next((each for each in _RATES if each >= rate), _RATES[-1])
        named = "linear16" if encoding == "s16le" else encoding
        kind = SpeakV2Options if str(settings.get("model", "")).startswith("flux") else SpeakV1Options
        self.options: SpeakV1Options | SpeakV2Options = kind(
            **{**settings, "encoding": named, "sample_rate": self._rate}
        )

    def converter(self) -> Converter:
        """Make a new converter for one utterance."""
        if self._rate == self.format.sample_rate:
            return _AsItIs()
        return PcmPipeline(
            in_rate=self._rate, out_rate=self.format.sample_rate, channels=1, chunk_ms=_CHUNK_MS
        )
