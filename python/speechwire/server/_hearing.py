"""Chooses the audio format and the options that the service gets for a caller's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from speechwire.audio import PcmPipeline
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.server.codec import AudioFormat
from speechwire.session.converter import ChunkedPassthrough, Converter

__all__ = ["Upstream", "is_flux", "upstream_of"]

# Deepgram advises 80 ms for Flux (flux/quickstart).
_CHUNK_MS: Final = 80
_WIDE, _NARROW = 16000, 8000


class Upstream:
    """The audio format that the service gets.

    Args:
        encoding: Deepgram's name: ``mulaw``, ``alaw`` or ``linear16``.
        sample_rate: In Hz.
        channels: More than 1 only with Nova, which then transcribes each channel separately.
    """

    def __init__(self, encoding: str, sample_rate: int, channels: int = 1) -> None:
        self.encoding = encoding
        self.sample_rate = sample_rate
        self.channels = channels

    def converter(self, form: AudioFormat) -> Converter:
        """Make a converter from the caller's format to this one."""
        if self.encoding != "linear16" or self.channels > 1:
            return ChunkedPassthrough(form.frame_bytes, form.sample_rate, _CHUNK_MS)
        return PcmPipeline(
            in_rate=form.sample_rate,
            out_rate=self.sample_rate,
            channels=form.channels,
            chunk_ms=_CHUNK_MS,
            format=form.encoding,
        )

    def message_s(self, form: AudioFormat) -> float:
        """Seconds of audio in one message to the service; 0 where audio is resampled.

        Without resampling, a message is complete as soon as its last frame has come. A resampler's filter
        holds samples back, so this cannot be said.
        """
        return _CHUNK_MS / 1000 if form.sample_rate == self.sample_rate else 0.0

    def options(self, settings: Mapping[str, Any]) -> ListenV1Options | ListenV2Options:
        """Make the options of a session.

        Args:
            settings: ``model`` and any other option of the endpoint.

        Raises:
            InvalidArgument: The service would refuse a value.
        """
        if is_flux(settings):
            return ListenV2Options(**{**settings, "encoding": self.encoding, "sample_rate": self.sample_rate})
        defaults = {"interim_results": True, "punctuate": True, "utterance_end_ms": 1000}
        own = {"encoding": self.encoding, "sample_rate": self.sample_rate, "channels": self.channels}
        if self.channels > 1:
            own["multichannel"] = True
        return ListenV1Options(**{**defaults, **settings, **own})


def is_flux(settings: Mapping[str, Any]) -> bool:
    """Whether the model is served on ``/v2/listen``."""
    return str(settings.get("model", "flux")).startswith("flux")


def upstream_of(form: AudioFormat, settings: Mapping[str, Any], *, may_change: bool) -> Upstream:
    """Choose what to send for a caller's format: unchanged where it is compact, else converted.

    Args:
        form: The caller's format.
        settings: Options for listening. ``multichannel`` asks for separate channels.
        may_change: Whether the caller may change its format during the call. The new format is then
            converted to this one.
    """
    narrow = form.sample_rate == _NARROW
    if form.channels > 1 and settings.get("multichannel") and not is_flux(settings):
        if form.encoding == "s16le" and not may_change:
            return Upstream("linear16", form.sample_rate, form.channels)
    elif form.encoding in ("mulaw", "alaw") and form.channels == 1 and narrow and not may_change:
        return Upstream(form.encoding, _NARROW)
    return Upstream("linear16", _NARROW if narrow and not may_change else _WIDE)
