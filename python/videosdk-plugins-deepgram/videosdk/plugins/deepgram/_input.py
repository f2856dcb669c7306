"""The rate and the channel count of this stream's audio.

The framework hands a speech-to-text component bytes without a format. It keeps one format for the whole
process (`videosdk.agents.audio_format`), so two calls with different codecs overwrite each other's. What is
true about *this* stream is announced on the session's own event bus: each frame, with its sample rate and
its samples per channel, just before its bytes are passed on. That is what this module listens to; the
process-wide format and the documented default (48 kHz stereo) are only for transports that announce nothing.

Frames wait in the framework's queues between their announcement and their arrival here. Where participants
with different formats take turns, a frame is recognised by its size, among the sizes announced lately.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from videosdk.agents import audio_format
from videosdk.agents.event_bus import get_current_event_bus

__all__ = ["BYTES_PER_SAMPLE", "DEFAULT_CHANNELS", "DEFAULT_SAMPLE_RATE", "InputFormat", "InputWatch"]

DEFAULT_SAMPLE_RATE = 48_000
DEFAULT_CHANNELS = 2
BYTES_PER_SAMPLE = 2
_LOWEST_RATE = 4_000
_HIGHEST_RATE = 192_000
_MOST_CHANNELS = 32
_MOST_KNOWN = 64
_MOST_ANNOUNCED = 4


class InputFormat(NamedTuple):
    """Rate in Hz and number of interleaved channels of s16le audio."""

    sample_rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of each channel."""
        return BYTES_PER_SAMPLE * self.channels

    def seconds(self, byte_count: int) -> float:
        """How long so many bytes last."""
        return byte_count / (self.sample_rate * self.frame_bytes)


class InputWatch:
    """Finds out the format of one stream.

    Args:
        sample_rate: A rate that is pinned by the user, or None to follow the stream.
        channels: A pinned channel count, or None to follow the stream.

    Attributes:
        steady_bytes: As long as frames have this size, the format is the one that was last found; 0 if that
            may not be so.
        changed: Called when what is announced has changed, and `steady_bytes` with it.
    """

    __slots__ = (
        "_announced",
        "_bus",
        "_known",
        "_last",
        "_pinned_channels",
        "_pinned_rate",
        "_sizes",
        "changed",
        "steady_bytes",
    )

    def __init__(self, sample_rate: int | None, channels: int | None) -> None:
        self._pinned_rate = sample_rate
        self._pinned_channels = channels
        self.steady_bytes = 0
        self.changed: Callable[[], None] = _nothing
        self._announced: tuple[int, int] | None = None  # rate, samples per channel of the last frame
        self._sizes: dict[int, InputFormat] = {}  # by byte count: what was announced of late, the last last
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
        fitting = self._sizes.get(byte_count)
        if fitting is None and self._announced is not None:
            fitting = _fitting(*self._announced, byte_count)
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
        if announced != self._announced and _is_possible(announced[0]) and announced[1] > 0:
            rate, samples = self._announced = int(announced[0]), int(announced[1])
            self._note_size(InputFormat(rate, _channel_count(frame)), samples)
            self._known.clear()
            self.steady_bytes = 0
            self.changed()

    def _note_size(self, format: InputFormat, samples: int) -> None:
        size = samples * format.frame_bytes
        self._sizes.pop(size, None)
        if 1 <= format.channels <= _MOST_CHANNELS:
            self._sizes[size] = format
        if len(self._sizes) > _MOST_ANNOUNCED:
            del self._sizes[next(iter(self._sizes))]


def _nothing() -> None: ...


def _is_possible(rate: float) -> bool:
    return _LOWEST_RATE <= rate <= _HIGHEST_RATE


def _channel_count(frame: object) -> int:
    """How many channels a frame says it has; 0 where it does not say."""
    return len(getattr(getattr(frame, "layout", None), "channels", ()))


def _fitting(rate: int, samples: int, byte_count: int) -> InputFormat | None:
    """The format of a frame of so many samples per channel and so many bytes, if there is one."""
    channels, rest = divmod(byte_count, samples * BYTES_PER_SAMPLE)
    return InputFormat(rate, channels) if rest == 0 and 1 <= channels <= _MOST_CHANNELS else None


def _process_wide() -> InputFormat:
    """What the framework keeps for all calls. Asked once a stream: it may soon be another call's."""
    rate, channels = audio_format.get()
    known = InputFormat(rate or DEFAULT_SAMPLE_RATE, channels or DEFAULT_CHANNELS)
    is_possible = _is_possible(known.sample_rate) and 1 <= known.channels <= _MOST_CHANNELS
    return known if is_possible else InputFormat(DEFAULT_SAMPLE_RATE, DEFAULT_CHANNELS)
