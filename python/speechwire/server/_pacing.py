"""A caller's audio, how fast it may come, and when a caller is given up: without a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server._ending import Ending
from speechwire.server._rests import rest_after
from speechwire.server.limits import Limits

__all__ = ["AudioPace", "CallTimers"]

_MOST_DELAY_S: Final = 0.5
_ROUNDING_S: Final = 1e-6
_FORGOTTEN: Final = 0.01  # with each message: clocks drift
_PAUSE_S: Final = 0.2  # who is later than that has paused


class AudioPace:
    """Takes audio, counts it, and slows down who sends it faster than it may.

    Args:
        limits: ``audio_burst_s`` and ``audio_speed``.
        began_s: When the call began, on the clock.

    Attributes:
        push: Takes it from here; ``None`` before the call is on.
        message_s: The length of a message to the service, if other messages of the caller may wait for it;
            else 0.
        rest_s: How long nothing that comes can complete a message.
        seconds_per_byte: Of the format in force.
        audio_s: Seconds of audio that were pushed.
        early_s: Those that came before the call was on.
    """

    __slots__ = (
        "_began_s",
        "_completed_s",
        "_is_deaf",
        "_limits",
        "_offset_s",
        "audio_s",
        "early_s",
        "message_s",
        "push",
        "rest_s",
        "seconds_per_byte",
    )

    def __init__(self, limits: Limits, began_s: float) -> None:
        self.push: Callable[[bytes], None] | None = None
        self.seconds_per_byte = 0.0
        self.audio_s = self.early_s = self.message_s = self.rest_s = self._completed_s = 0.0
        self._offset_s = began_s
        self._limits = limits
        self._began_s = began_s
        self._is_deaf = False

    def take(self, data: bytes, now_s: float) -> float:
        """Audio has come; returns how long to read no more."""
        seconds = len(data) * self.seconds_per_byte
        if self.push is None:
            self.early_s += seconds
            return 0.0
        if self._is_deaf:
            return 0.0
        try:
            self.push(data)
        except SpeechwireError:  # listening has failed or ended; who waits for it says why
            self._is_deaf = True
        delay_s = self.add(seconds, now_s)
        if self.message_s:
            self._find_rest(seconds, now_s)
        return delay_s

    def _find_rest(self, frame_s: float, now_s: float) -> None:
        into_s = (self.audio_s + _ROUNDING_S) % self.message_s
        if into_s >= frame_s:
            self.rest_s = 0.0
            return
        since_s, self._completed_s = now_s - self._completed_s, now_s
        self.rest_s = rest_after(into_s, frame_s, self.message_s, since_s, self._late_s(now_s))

    def _late_s(self, now_s: float) -> float:
        """How much later than usual the audio has come."""
        offset_s = now_s - self.audio_s
        late_s = offset_s - self._offset_s
        if not 0.0 <= late_s < _PAUSE_S:
            self._offset_s = offset_s
            return 0.0
        self._offset_s += late_s * _FORGOTTEN
        return late_s

    def add(self, seconds: float, now_s: float) -> float:
        """So much audio has come; returns how long to read no more."""
        self.audio_s += seconds
        excess_s = self.audio_s - self._limits.audio_burst_s
        if excess_s <= 0:
            return 0.0
        ahead_s = excess_s - (now_s - self._began_s) * self._limits.audio_speed
        return min(max(0.0, ahead_s / self._limits.audio_speed), _MOST_DELAY_S)


class CallTimers:
    """Ends a call that is idle, and one that lasts too long.

    Args:
        limits: ``idle_s`` and ``call_s``.
        quiet_s: For how long nothing has come, asked when it matters.
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
        """The call is over."""
        self._idle.cancel()
        self._longest.cancel()

    def _check_idle(self) -> None:
        left_s = self._idle_s - self._quiet_s()
        if left_s <= 0:
            self._finish(endings.IDLE)
        else:
            self._idle = self._loop.call_later(max(left_s, 0.1), self._check_idle)
