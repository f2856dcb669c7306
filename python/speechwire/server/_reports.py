"""Passes reports of recognition and speech on to the caller, the application and the counters."""

from __future__ import annotations

from typing import Protocol

from speechwire.server._counters import Counters
from speechwire.server._outbox import Weight
from speechwire.server.call import BargeIn, Call, CallLogger, Turn
from speechwire.server.codec import Acknowledged, Caption, Digit, Notice, Outgoing

__all__ = ["Reports"]


class Reported(Protocol):
    """The call that the reports are about."""

    call: Call | None
    log: CallLogger

    def send(self, outgoing: Outgoing, weight: Weight = ...) -> bool:
        """Send a value to the caller."""

    def barge_in(self) -> None:
        """Stop the speech: the caller speaks."""


class Reports:
    """Takes the reports of one call's ears and mouth.

    Args:
        line: The call.
        counters: The server's counters.
    """

    __slots__ = ("_counters", "_line")

    def __init__(self, line: Reported, counters: Counters) -> None:
        self._line = line
        self._counters = counters

    def on_caption(self, caption: Caption) -> None:
        """A turn has a new state."""
        self._counters.captions += 1
        line = self._line
        if caption.is_interim:
            line.send(caption, Weight.INTERIM)
            return
        if caption.event == "StartOfTurn" and caption.transcript:
            line.barge_in()
        line.send(caption)
        if line.call is not None:
            line.call.put(caption)
            if caption.is_final and caption.transcript:
                line.call.put(_turn(caption))
        if caption.is_final:
            self._counters.turns += 1

    def on_acknowledged(self, acknowledged: Acknowledged) -> None:
        """Audio is covered by captions."""
        self._line.send(acknowledged)

    def on_notice(self, notice: Notice) -> None:
        """Something happened on the connection to the service."""
        self._line.log.warning("%s: %s", notice.code, notice.description)
        self._counters.notices[notice.code] += 1
        self._line.send(notice)
        if self._line.call is not None:
            self._line.call.put(notice)

    def on_early_audio(self, seconds: float) -> None:
        """`seconds` of audio came before the call had a place, and were dropped."""
        if seconds:
            words = "audio came before there was a place for the call"
            self.on_notice(Notice(code="audio_dropped", description=words, seconds=seconds))

    def on_digit(self, digit: Digit) -> None:
        """A key of the telephone was pressed."""
        self._counters.digits += 1
        if self._line.call is not None:
            self._line.call.put(digit)

    def on_barge_in(self, barge_in: BargeIn) -> None:
        """The caller has interrupted speech."""
        self._counters.barge_ins += 1
        if self._line.call is not None:
            self._line.call.put(barge_in)


def _turn(caption: Caption) -> Turn:
    return Turn(
        index=caption.turn_index,
        text=caption.transcript,
        words=caption.words,
        start_s=caption.start_s,
        end_s=caption.end_s,
        channel=caption.channel,
    )
