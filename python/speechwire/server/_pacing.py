"""Limits how fast a caller's audio is read, and ends idle and overlong calls. Needs no task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server._early import EarlyAudio
from speechwire.server._ending import Ending
from speechwire.server._rests import rest_after
from speechwire.server.codec import AudioFormat, Started
from speechwire.server.limits import Limits

__all__ = ["AudioPace", "CallTimers", "Hearing"]

_MOST_DELAY_S: Final = 0.5
_ROUNDING_S: Final = 1e-6
# A message is read when the last frame of five in six has come: as even as frames are, it waits no longer.
_LATER_S: Final = 0.001
_EARLIER_S: Final = _LATER_S / 5
_PAUSE_S: Final = 0.2  # a longer delay is a pause of the caller


class Hearing(Protocol):
    """Takes a call's audio."""

    def push(self, pcm: bytes) -> None:
        """Take audio.

        Raises:
            SpeechwireError: Listening has failed or ended.
        """

    def queued_s(self) -> float:
        """Return how many seconds of the pushed audio are in messages to the service."""


class AudioPace:
    """Takes audio, counts it, and slows down a caller that sends it too fast.

    Args:
        limits: ``audio_burst_s`` and ``audio_speed`` are used.
        began_s: The clock's time at which the call began.

    Attributes:
        rest_s: For how many seconds no audio that comes can complete a message.
        seconds_per_byte: The duration of one byte in the current format.
        audio_s: Seconds of audio that were taken.
    """

    __slots__ = (
        "_began_s",
        "_completed_s",
        "_early",
        "_is_awaited",
        "_hearing",
        "_is_deaf",
        "_limits",
        "_message_s",
        "_offset_s",
        "audio_s",
        "rest_s",
        "seconds_per_byte",
    )

    def __init__(self, limits: Limits, began_s: float) -> None:
        self._hearing: Hearing | None = None
        self.seconds_per_byte = 0.0
        self.audio_s = self._message_s = self.rest_s = self._completed_s = 0.0
        self._offset_s = began_s
        self._early = EarlyAudio(limits.audio_burst_s)
        self._limits = limits
        self._began_s = began_s
        self._is_deaf = False
        self._is_awaited = True  # the connection was read before the last frame of a message had come

    @property
    def has_begun(self) -> bool:
        """Whether audio is taken, and no longer kept."""
        return self._hearing is not None

    @property
    def waits(self) -> bool:
        """Whether audio is kept of a caller who can wait: it is not over before that was understood."""
        return self._early.can_wait and self._early.has_audio

    def start(self, started: Started) -> None:
        """The caller has said what its audio is."""
        self.seconds_per_byte = 1 / started.format.bytes_per_s
        self._early.can_wait = started.may_resume

    def change_format(self, form: AudioFormat) -> None:
        """The audio from here on is in another format."""
        self.seconds_per_byte = 1 / form.bytes_per_s
        if self._hearing is None:
            self._early.change_format(form)

    def take_early(
        self, started: Started, change_format: Callable[[AudioFormat, float], None], now_s: float
    ) -> float:
        """Take what came before the call began; return how many seconds of it were dropped."""
        self.seconds_per_byte = 1 / started.format.bytes_per_s
        for entry in self._early.release():
            if isinstance(entry, AudioFormat):
                self.change_format(entry)
                change_format(entry, self.audio_s)
            else:
                self.take(entry, now_s)
        return self._early.dropped_s

    def begin(self, hearing: Hearing, *, message_s: float) -> None:
        """The call begins.

        Args:
            hearing: Takes the audio, which so far was kept.
            message_s: Seconds of audio in a message to the service, if the caller's messages may be read
                late; else 0.
        """
        self._hearing = hearing
        self._message_s = message_s

    def take(self, data: bytes, now_s: float, *, frames: int = 1) -> float:
        """Take audio of one frame or more; return for how many seconds to stop reading, at most 0.5."""
        seconds = len(data) * self.seconds_per_byte
        hearing = self._hearing
        if hearing is None:
            return self._early.add(data, seconds)
        if self._is_deaf:
            return 0.0
        try:
            hearing.push(data)
        except SpeechwireError:  # listening has failed or ended; the call's task reports why
            self._is_deaf = True
        delay_s = self.add(seconds, now_s)
        if self._message_s:
            self._find_rest(hearing, seconds, frames, now_s)
        return delay_s

    def _find_rest(self, hearing: Hearing, seconds: float, frames: int, now_s: float) -> None:
        into_s = self.audio_s - hearing.queued_s() + _ROUNDING_S
        if into_s >= seconds:
            self.rest_s = 0.0
            self._is_awaited = True
            return
        since_s, self._completed_s = now_s - self._completed_s, now_s
        self.rest_s = rest_after(into_s, seconds / frames, self._message_s, since_s, self._late_s(now_s))

    def _late_s(self, now_s: float) -> float:
        """How many seconds later than usual the audio that completes a message has been read.

        Audio that the connection waited for shows when it comes. After a rest, it was there already: when it
        came is unknown, so the next rest is a little shorter.
        """
        offset_s = now_s - self.audio_s
        late_s = offset_s - self._offset_s
        is_awaited, self._is_awaited = self._is_awaited, False
        if not 0.0 <= late_s < _PAUSE_S:
            self._offset_s = offset_s
            return 0.0
        self._offset_s += _LATER_S if is_awaited else -_EARLIER_S
        return offset_s - self._offset_s

    def add(self, seconds: float, now_s: float) -> float:
        """Count audio; return for how many seconds to stop reading, at most 0.5."""
        if self._hearing is None:
            return self._early.delay_s
        self.audio_s += seconds
        excess_s = self.audio_s - self._limits.audio_burst_s
        if excess_s <= 0:
            return 0.0
        ahead_s = excess_s - (now_s - self._began_s) * self._limits.audio_speed
        return min(max(0.0, ahead_s / self._limits.audio_speed), _MOST_DELAY_S)


class CallTimers:
    """Ends a call that is idle or too long.

    Args:
        limits: ``idle_s`` and ``call_s`` are used.
        quiet_s: Returns for how many seconds nothing has come.
        finish: Ends the call.
    """

    def __init__(
        self, limits: Limits, quiet_s: Callable[[], float], finish: Callable[[Ending], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_s = limits.idle_s
        self._quiet_s = quiet_s
        self._finish = finish
        self._idle = self._loop.call_later(limits.idle_s, self._check_idle)
        too_long = endings.limit(f"a call may take {limits.call_s:g} s")
        self._longest = self._loop.call_later(limits.call_s, finish, too_long)

    def cancel(self) -> None:
        """Stop the timers: the call is over."""
        self._idle.cancel()
        self._longest.cancel()

    def _check_idle(self) -> None:
        left_s = self._idle_s - self._quiet_s()
        if left_s <= 0:
            self._finish(endings.IDLE)
        else:
            self._idle = self._loop.call_later(max(left_s, 0.1), self._check_idle)
