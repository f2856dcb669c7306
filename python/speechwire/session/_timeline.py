"""From a connection's clock to the caller's. Pure.

A service counts the seconds of audio it received on one connection. The caller counts the seconds it
pushed. The two differ once audio was replayed on a new connection, dropped, or silence was put in that the
caller never pushed. A timeline is the piecewise linear map between them: each piece begins at a connection
position and a caller position and either runs along with it (audio) or stands still (silence put in).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

__all__ = ["Sent", "Timeline"]

# Times on the wire are rounded, to 32-bit floats at least. A word that begins where a piece begins is of it.
_ROUNDED_S: Final = 0.0005
# A service may repeat a final result: its pieces are kept for a while.
_MOST_PAST: Final = 16


class _Piece(NamedTuple):
    connection: int
    caller: int
    moving: bool


_CONNECTION = itemgetter(0)


class Sent(Protocol):
    """What knows how much was handed to the connection; :class:`speechwire.audio.AudioRing` does."""

    @property
    def connection_frames(self) -> int:
        """Frames, silence included."""


class Timeline:
    """The map of one connection. Positions are frames, times seconds.

    Args:
        sent: What was handed to the connection.
        frame_rate: Frames per second; 0 if unknown (compressed audio): then times are only shifted by
            ``offset_s``.
        offset_s: When the connection began on the caller's clock, for compressed audio.
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
        """Seconds of audio handed to the connection so far; 0 for compressed audio."""
        return self._sent.connection_frames / self._frame_rate if self._frame_rate else 0.0

    def audio(self, connection: int, caller: int) -> None:
        """Record that audio from the caller's position ``caller`` follows on the connection's ``connection``.

        What continues the audio before it need not be recorded.
        """
        last = self._pieces[-1] if self._pieces else None
        if last is None or not last.moving or caller - last.caller != connection - last.connection:
            self._pieces.append(_Piece(connection, caller, True))

    def silence(self, connection: int, caller: int) -> None:
        """Record that silence was put in after the caller's position ``caller``."""
        last = self._pieces[-1] if self._pieces else None
        if last is None or last.moving or last.caller != caller:
            self._pieces.append(_Piece(connection, caller, False))

    def start_s(self, time_s: float) -> float:
        """When something that begins at ``time_s`` on the connection begins for the caller."""
        return self._at(bisect_right, time_s, _ROUNDED_S)

    def end_s(self, time_s: float) -> float:
        """When something that ends at ``time_s`` on the connection ends for the caller."""
        return self._at(bisect_left, time_s, -_ROUNDED_S)

    def is_silence(self, time_s: float) -> bool:
        """Whether what ends at ``time_s`` on the connection ends in silence that was put in."""
        return bool(self._pieces) and not self._piece(bisect_left, time_s, -_ROUNDED_S).moving

    def end_position(self, time_s: float) -> int:
        """The caller's position of an end at ``time_s`` on the connection, to the nearest frame."""
        return round(self.end_s(time_s) * self._frame_rate)

    def forget(self, time_s: float) -> None:
        """Drop what lies long before ``time_s`` on the connection."""
        now = bisect_left(self._pieces, time_s * self._frame_rate, key=_CONNECTION) - 1
        del self._pieces[: max(0, now - _MOST_PAST)]

    def _at(self, bisect: Callable[..., int], time_s: float, rounded_s: float) -> float:
        if not self._frame_rate:
            return time_s + self._offset_s
        # Whatever a service claims, it has heard no more than what was sent, and nothing before that.
        time_s = min(max(0.0, time_s), self.position_s)
        if self.identical:
            return time_s
        piece = self._piece(bisect, time_s, rounded_s)
        advance = max(0.0, time_s * self._frame_rate - piece.connection) if piece.moving else 0.0
        return (piece.caller + advance) / self._frame_rate

    def _piece(self, bisect: Callable[..., int], time_s: float, rounded_s: float) -> _Piece:
        near = (time_s + rounded_s) * self._frame_rate
        return self._pieces[max(0, bisect(self._pieces, near, key=_CONNECTION) - 1)]
