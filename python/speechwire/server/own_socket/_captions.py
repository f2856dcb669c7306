"""Turns captions into messages, and continues the numbers of a resumed call. Without I/O."""

from __future__ import annotations

from typing import Final

from msgspec.structs import asdict, replace

from speechwire.server import codec as seam
from speechwire.server.own_socket import messages as wire

__all__ = ["Captions"]

_START: Final = "StartOfTurn"
_UPDATE: Final = "Update"
_END: Final = "EndOfTurn"
_TOLERANCE_S: Final = 0.01  # the service's times are 32-bit floats


class Captions:
    """Numbers captions, and leaves out text that the client got on an earlier connection.

    Args:
        number: The number of the client's last caption.
        open_turn: The turn of which the client has the start but not the end; ``None`` without one.
        heard_s: For each channel, the position in seconds up to which the client has final text.
    """

    def __init__(
        self, number: int = 0, open_turn: int | None = None, heard_s: tuple[float, ...] = ()
    ) -> None:
        self._number = number
        self._open_turn = open_turn
        self._heard_s = heard_s

    @classmethod
    def of(cls, resume: wire.Resume) -> Captions:
        """Make one for a resumed call."""
        return cls(resume.number, resume.turn if resume.turn_open else None, resume.heard_s)

    def place(self, value: seam.Caption) -> wire.Caption | None:
        """Make the message of a caption; return ``None`` where the client has all of its text."""
        fresh = self._fresh(value)
        if fresh is None:
            return None
        self._number += 1
        return _as_message(self._of_the_turn(fresh), self._number)

    def _fresh(self, value: seam.Caption) -> seam.Caption | None:
        """Remove words that the client has as final; return ``None`` where nothing is left."""
        heard_s = self._heard_s[value.channel] if value.channel < len(self._heard_s) else 0.0
        if heard_s <= 0.0 or value.start_s >= heard_s - _TOLERANCE_S:
            return value
        if value.end_s <= heard_s + _TOLERANCE_S:
            return None
        words = tuple(word for word in value.words if not _is_before(word, heard_s))
        if len(words) == len(value.words):
            return value
        if not words and value.event in (_START, _END):
            return None
        text = " ".join(word.word for word in words)
        return replace(value, words=words, transcript=text, start_s=heard_s)

    def _of_the_turn(self, value: seam.Caption) -> seam.Caption:
        """Make the start of a turn an update where the client has the start already."""
        if value.turn_index != self._open_turn:
            return value
        if value.event == _END:
            self._open_turn = None
        return replace(value, event=_UPDATE) if value.event == _START else value


def _is_before(word: seam.Word, heard_s: float) -> bool:
    """Whether the middle of a word lies before `heard_s`; a word without times counts as new."""
    if word.start_s is None or word.end_s is None:
        return False
    return (word.start_s + word.end_s) / 2 < heard_s


def _as_message(value: seam.Caption, number: int) -> wire.Caption:
    return wire.Caption(
        number=number,
        event=value.event,
        turn=value.turn_index,
        transcript=value.transcript,
        words=tuple(wire.Word(**asdict(word)) for word in value.words),
        start_s=value.start_s,
        end_s=value.end_s,
        confidence=value.confidence,
        channel=value.channel,
        lag_s=value.lag_s,
    )
