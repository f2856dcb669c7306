"""What either endpoint heard, as one kind of thing: segments of speech with word times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from speechwire.protocol import TurnEvent, Utterance, Utterances
from speechwire.protocol.listen_v1_events import Results, UtteranceEnd
from speechwire.protocol.listen_v1_events import Word as ListenV1Word
from speechwire.protocol.listen_v2_events import TurnInfo

__all__ = ["Hearing", "ListenV1Hearing", "ListenV2Hearing", "Segment", "SpokenWord"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it is to be read; times in seconds from the beginning of the file."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """An utterance, a speaker's part of one, or a turn.

    Args:
        text: Never empty.
        start_s: In seconds from the beginning of the file.
        end_s: In seconds from the beginning of the file.
        words: Empty if the service gave no times.
        channel: From 0, where channels are heard separately.
        speaker: From 0, if speakers are separated.
    """

    text: str
    start_s: float
    end_s: float
    words: tuple[SpokenWord, ...] = field(default=())
    channel: int | None = None
    speaker: int | None = None

    @property
    def label(self) -> str:
        """The channel and the speaker in words: ``channel 0, speaker 1``; empty without separation."""
        named = (("channel", self.channel), ("speaker", self.speaker))
        return ", ".join(f"{what} {number}" for what, number in named if number is not None)


class Hearing(Protocol):
    """Turns one session's events into segments."""

    partial: str
    """What is being said and may still change."""

    heard_s: float
    """Up to where results have come."""

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments it completes."""

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""


class ListenV1Hearing:
    """Utterances of ``/v1/listen``, in the order in which they began.

    Args:
        channels: As many as are heard separately.
        multichannel: Whether segments name their channel.
        diarize: Whether segments name their speaker, and end where another begins.
    """

    def __init__(self, channels: int = 1, *, multichannel: bool = False, diarize: bool = False) -> None:
        self.partial = ""
        self.heard_s = 0.0
        self._multichannel = multichannel
        self._diarize = diarize
        self._utterances = Utterances()
        self._begun_s = dict.fromkeys(range(channels), 0.0)
        self._waiting: list[Segment] = []

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments that are complete, those of other channels before them too."""
        if not isinstance(event, (Results, UtteranceEnd)):
            return []
        utterances = self._utterances.receive(event)
        if isinstance(event, Results):
            self.heard_s = max(self.heard_s, event.end)
            self._note_begin(event, utterances)
        self.partial = "".join(utterance.transcript for utterance in utterances if not utterance.ended_by)
        self._waiting += [
            part for utterance in utterances if utterance.ended_by for part in self._parts(utterance)
        ]
        return self._in_order(min(self._begun_s.values()))

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""
        self._waiting += [part for utterance in self._utterances.close() for part in self._parts(utterance)]
        return self._in_order(float("inf"))

    def _note_begin(self, event: Results, utterances: Sequence[Utterance]) -> None:
        """Note from where on something of this channel may still come."""
        channel = event.channel_index[0] if event.channel_index else 0
        open_s = [utterance.start for utterance in utterances if not utterance.ended_by]
        settled_s = event.end if event.is_final else event.start
        self._begun_s[channel] = open_s[0] if open_s else settled_s

    def _in_order(self, until_s: float) -> list[Segment]:
        self._waiting.sort(key=lambda segment: segment.start_s)
        ready = [segment for segment in self._waiting if segment.start_s <= until_s]
        del self._waiting[: len(ready)]
        return ready

    def _parts(self, utterance: Utterance) -> list[Segment]:
        channel = utterance.channel if self._multichannel else None
        if not self._diarize or not utterance.words:
            words = _spoken(utterance.words)
            return [Segment(utterance.transcript, utterance.start, utterance.end, words, channel)]
        runs = [(who, tuple(words)) for who, words in groupby(utterance.words, key=lambda word: word.speaker)]
        if len(runs) == 1:
            words = _spoken(utterance.words)
            return [Segment(utterance.transcript, utterance.start, utterance.end, words, channel, runs[0][0])]
        return [_said_by(speaker, words, channel) for speaker, words in runs]


class ListenV2Hearing:
    """Turns of ``/v2/listen``."""

    def __init__(self) -> None:
        self.partial = ""
        self.heard_s = 0.0
        self._open: TurnInfo | None = None

    def receive(self, event: object) -> list[Segment]:
        """Take an event; return the segments it completes."""
        if not isinstance(event, TurnInfo):
            return []
        self.heard_s = max(self.heard_s, event.audio_window_end)
        self._open = event if event.transcript else None
        self.partial = event.transcript
        return self.close() if event.event == TurnEvent.END_OF_TURN else []

    def close(self) -> list[Segment]:
        """Return what was still open at the end."""
        turn, self._open, self.partial = self._open, None, ""
        return [_from_turn(turn)] if turn else []


def _spoken(words: Sequence[ListenV1Word]) -> tuple[SpokenWord, ...]:
    return tuple(
        SpokenWord(word.punctuated_word or word.word, word.start, word.end, word.confidence) for word in words
    )


def _said_by(speaker: int | None, words: tuple[ListenV1Word, ...], channel: int | None) -> Segment:
    spoken = _spoken(words)
    text = " ".join(word.text for word in spoken)
    return Segment(text, spoken[0].start_s, spoken[-1].end_s, spoken, channel, speaker)


def _from_turn(turn: TurnInfo) -> Segment:
    words = tuple(
        SpokenWord(word.word, word.start, word.end, word.confidence)
        for word in turn.words
        if word.start is not None and word.end is not None
    )
    if not words or len(words) < len(turn.words):
        return Segment(turn.transcript, turn.audio_window_start, turn.audio_window_end)
    return Segment(turn.transcript, words[0].start_s, words[-1].end_s, words)
