"""Maps times on a connection's clock to the caller's clock. Without I/O.

The service counts the seconds of audio it received on one connection. The caller counts the seconds it
pushed. The two differ after a replay on a new connection, after audio was dropped, and after silence was
inserted that the caller never pushed. A timeline is the piecewise linear map between them. Each piece begins
at a connection position and a caller position. Within audio both advance; within inserted silence only the
connection's does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

__all__ = ["Sent", "Timeline"]

# Times on the wire are rounded, at least to 32-bit floats. A word at the start of a piece belongs to it.
_ROUNDED_S: Final = 0.0005
# A service may repeat a final result, so old pieces are kept for a while.
_MOST_PAST: Final = 16


class _Piece(NamedTuple):
    connection: int
    caller: int
    moving: bool


_CONNECTION = itemgetter(0)


class Sent(Protocol):
    """Counts what was sent to the connection, as :class:`speechwire.audio.AudioRing` does."""

    @property
    def connection_frames(self) -> int:
        """Frames sent on the connection, including inserted silence."""


class Timeline:
    """The map of one connection. Positions are in frames, times in seconds.

    Args:
        sent: Counts the frames sent to the connection.
        frame_rate: Frames per second. 0 for compressed audio, whose times are only shifted by ``offset_s``.
        offset_s: The start of the connection on the caller's clock, for compressed audio.
    """

    def __init__(self, sent: Sent, frame_rate: int, offset_s: float = 0.0) -> None:
        self._sent = sent
        self._frame_rate = frame_rate
        self._offset_s = offset_s
        self._pieces: list[_Piece] = []

    @property
    def identical(self) -> bool:
        """Whether the two clocks still agree."""
        if not self._frame_rate:
            return not self._offset_s
        return not self._pieces or (len(self._pieces) == 1 and self._pieces[0] == (0, 0, True))

    @property
    def position_s(self) -> float:
        """Seconds of audio sent to the connection so far; 0 for compressed audio."""
        return self._sent.connection_frames / self._frame_rate if self._frame_rate else 0.0

    def audio(self, connection: int, caller: int) -> None:
        """Record that audio from the caller's position ``caller`` follows on the connection's ``connection``.

        Audio that continues the audio before it need not be recorded.
        """
        last = self._pieces[-1] if self._pieces else None
        if last is None or not last.moving or caller - last.caller != connection - last.connection:
            self._pieces.append(_Piece(connection, caller, True))

    def silence(self, connection: int, caller: int) -> None:
        """Record that silence was inserted after the caller's position ``caller``."""
        last = self._pieces[-1] if self._pieces else None
        if last is None or last.moving or last.caller != caller:
            self._pieces.append(_Piece(connection, caller, False))

    def start_s(self, time_s: float) -> float:
        """Map the beginning of something from the connection's clock to the caller's."""
        return self._at(bisect_right, time_s, _ROUNDED_S)

    def end_s(self, time_s: float) -> float:
        """Map the end of something from the connection's clock to the caller's."""
        return self._at(bisect_left, time_s, -_ROUNDED_S)

    def is_silence(self, time_s: float) -> bool:
        """Whether an end at ``time_s`` on the connection lies in inserted silence."""
        return bool(self._pieces) and not self._piece(bisect_left, time_s, -_ROUNDED_S).moving

    def end_position(self, time_s: float) -> int:
        """The caller's position of an end at ``time_s`` on the connection, to the nearest frame."""
        return round(self.end_s(time_s) * self._frame_rate)

    def forget(self, time_s: float) -> None:
        """Drop pieces long before ``time_s`` on the connection."""
        now = bisect_left(self._pieces, time_s * self._frame_rate, key=_CONNECTION) - 1
        del self._pieces[: max(0, now - _MOST_PAST)]

    def _at(self, bisect: Callable[..., int], time_s: float, rounded_s: float) -> float:
        if not self._frame_rate:
            return time_s + self._offset_s
        # A service may report times outside the audio that it was sent: limit them.
        time_s = min(max(0.0, time_s), self.position_s)
        if self.identical:
            return time_s
        piece = self._piece(bisect, time_s, rounded_s)
        advance = max(0.0, time_s * self._frame_rate - piece.connection) if piece.moving else 0.0
        return (piece.caller + advance) / self._frame_rate

    def _piece(self, bisect: Callable[..., int], time_s: float, rounded_s: float) -> _Piece:
        near = (time_s + rounded_s) * self._frame_rate
        return self._pieces[max(0, bisect(self._pieces, near, key=_CONNECTION) - 1)]
