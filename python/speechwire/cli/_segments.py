"""What either endpoint heard, as one kind of thing: segments of speech with word times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from speechwire.protocol import TurnEvent, Utterance, Utterances
from speechwire.protocol.listen_v1_events import Results, UtteranceEnd
from speechwire.protocol.listen_v2_events import TurnInfo

__all__ = ["Hearing", "NovaHearing", "Segment", "SpokenWord", "TurnHearing"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it is to be read; times in seconds from the beginning of the file."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """An utterance or a turn.

    Args:
        text: Never empty.
        start_s: In seconds from the beginning of the file.
        end_s: In seconds from the beginning of the file.
        words: Empty if the service gave no times.
    """

    text: str
    start_s: float
    end_s: float
    words: tuple[SpokenWord, ...] = field(default=())


class Hearing(Protocol):
    """Turns one session's events into segments."""

    partial: str
    """What is being said and may still change."""

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments it completes."""

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""


class NovaHearing:
    """Utterances of ``/v1/listen``."""

    def __init__(self) -> None:
        self.partial = ""
        self._utterances = Utterances()

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments it completes."""
        if not isinstance(event, (Results, UtteranceEnd)):
            return []
        utterances = self._utterances.receive(event)
        self.partial = "".join(utterance.transcript for utterance in utterances if not utterance.ended_by)
        return [_from_utterance(utterance) for utterance in utterances if utterance.ended_by]

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""
        return [_from_utterance(utterance) for utterance in self._utterances.close()]


class TurnHearing:
    """Turns of ``/v2/listen``."""

    def __init__(self) -> None:
        self.partial = ""
        self._open: TurnInfo | None = None

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments it completes."""
        if not isinstance(event, TurnInfo):
            return []
        self._open = event if event.transcript else None
        self.partial = event.transcript
        return self.close() if event.event == TurnEvent.END_OF_TURN else []

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""
        turn, self._open, self.partial = self._open, None, ""
        return [_from_turn(turn)] if turn else []


def _from_utterance(utterance: Utterance) -> Segment:
    words = tuple(
        SpokenWord(word.punctuated_word or word.word, word.start, word.end, word.confidence)
        for word in utterance.words
    )
    return Segment(utterance.transcript, utterance.start, utterance.end, words)


def _from_turn(turn: TurnInfo) -> Segment:
    words = tuple(
        SpokenWord(word.word, word.start, word.end, word.confidence)
        for word in turn.words
        if word.start is not None and word.end is not None
    )
    if not words or len(words) < len(turn.words):
        return Segment(turn.transcript, turn.audio_window_start, turn.audio_window_end)
    return Segment(turn.transcript, words[0].start_s, words[-1].end_s, words)
