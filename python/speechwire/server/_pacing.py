"""A caller's audio, how fast it may come, and when a caller is given up: without a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server._ending import Ending
from speechwire.server.limits import Limits

__all__ = ["AudioPace", "CallTimers"]

_MOST_DELAY_S: Final = 0.5


class AudioPace:
    """Takes audio, counts it, and slows down who sends it faster than it may.

    Args:
        limits: ``audio_burst_s`` and ``audio_speed``.
        began_s: When the call began, on the clock.

    Attributes:
        push: Takes it from here; ``None`` before the call is on.
        seconds_per_byte: Of the format in force.
        audio_s: Seconds of audio that were pushed.
        early_s: Those that came before the call was on.
    """

    __slots__ = ("_began_s", "_is_deaf", "_limits", "audio_s", "early_s", "push", "seconds_per_byte")

    def __init__(self, limits: Limits, began_s: float) -> None:
        self.push: Callable[[bytes], None] | None = None
        self.seconds_per_byte = 0.0
        self.audio_s = self.early_s = 0.0
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
        return self.add(seconds, now_s)

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
