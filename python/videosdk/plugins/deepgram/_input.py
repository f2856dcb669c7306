"""What this stream's audio really is: its rate and its channel count.

The framework hands a speech-to-text component bytes without a format. It keeps one format for the whole
process (`videosdk.agents.audio_format`), so two calls with different codecs overwrite each other's. What is
true about *this* stream is announced on the session's own event bus: each frame, with its sample rate and
its samples per channel, just before its bytes are passed on. That is what this module listens to; the
process-wide format and the documented default (48 kHz stereo) are only for transports that announce nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from videosdk.agents import audio_format
from videosdk.agents.event_bus import get_current_event_bus

DEFAULT_SAMPLE_RATE = 48_000
DEFAULT_CHANNELS = 2
_BYTES_PER_SAMPLE = 2
_MOST_CHANNELS = 32
_MOST_KNOWN = 64


class InputFormat(NamedTuple):
    """Rate in Hz and number of interleaved channels of s16le audio."""

    sample_rate: int
    channels: int


class InputWatch:
    """Finds out the format of one stream.

    Args:
        sample_rate: A rate that is pinned by the user, or None to follow the stream.
        channels: A pinned channel count, or None to follow the stream.

    Attributes:
        steady_bytes: As long as frames have this size, the format is the one that was last found.
    """

    def __init__(self, sample_rate: int | None, channels: int | None) -> None:
        self._pinned_rate = sample_rate
        self._pinned_channels = channels
        self.steady_bytes = 0
        self._announced: tuple[int, int] | None = None  # rate, samples per channel of the last frame
        self._last: InputFormat | None = None
        self._known: dict[int, InputFormat] = {}  # by byte count, while the announcement stays the same
        self._bus: Any = None

    def attach(self) -> None:
        """Listen to the session whose context this is called in. Calling it again costs next to nothing."""
        bus = get_current_event_bus()
        if bus is not self._bus:
            self.detach()
            self._bus = bus
            bus.on("ON_SPEECH_IN", self._on_frame)

    def detach(self) -> None:
        """Stop listening."""
        if self._bus is not None:
            self._bus.off("ON_SPEECH_IN", self._on_frame)
            self._bus = None

    def format(self, byte_count: int) -> InputFormat:
        """Return the format of a frame of ``byte_count`` bytes that has just arrived on this stream."""
        format = self._known.get(byte_count) or self._find_out(byte_count)
        self.steady_bytes = byte_count if byte_count in self._known else 0
        return format

    def _find_out(self, byte_count: int) -> InputFormat:
        fitting = None if self._announced is None else _fitting(*self._announced, byte_count)
        self._last = fitting or self._last or _process_wide()
        format = self._pinned(self._last)
        if fitting or self._announced is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[byte_count] = format
        return format

    def _pinned(self, followed: InputFormat) -> InputFormat:
        return InputFormat(
            followed.sample_rate if self._pinned_rate is None else self._pinned_rate,
            followed.channels if self._pinned_channels is None else self._pinned_channels,
        )

    def _on_frame(self, data: dict[str, Any]) -> None:
        frame = data.get("frame")
        announced = getattr(frame, "sample_rate", 0), getattr(frame, "samples", 0)
        if announced != self._announced and min(announced) > 0:
            self._announced = int(announced[0]), int(announced[1])
            self._known.clear()
            self.steady_bytes = 0


def _fitting(rate: int, samples: int, byte_count: int) -> InputFormat | None:
    """The format of a frame of so many samples per channel and so many bytes, if there is one."""
    channels, rest = divmod(byte_count, samples * _BYTES_PER_SAMPLE)
    return InputFormat(rate, channels) if rest == 0 and 1 <= channels <= _MOST_CHANNELS else None


def _process_wide() -> InputFormat:
    """What the framework keeps for all calls. Asked once a stream: it may soon be another call's."""
    rate, channels = audio_format.get()
    return InputFormat(rate or DEFAULT_SAMPLE_RATE, channels or DEFAULT_CHANNELS)
