"""Results of ``/v1/listen`` put together to utterances.

Deepgram docs: understand-endpointing-interim-results, understanding-end-of-speech-detection, utterance-end,
finalize.
"""

from __future__ import annotations

import enum

import msgspec

from speechwire.protocol.listen_v1_events import Event, Results, UtteranceEnd, Word

__all__ = ["EndedBy", "Utterance", "Utterances"]

# The service's times are 32-bit floats.
_TOLERANCE_S = 0.001


class EndedBy(enum.StrEnum):
    """What ended an utterance."""

    SPEECH_FINAL = "speech_final"
    """Endpointing: silence after speech."""
    FINALIZE = "finalize"
    """Our own ``Finalize``."""
    UTTERANCE_END = "utterance_end"
    """A gap between words, where noise kept endpointing from firing."""
    CLOSE = "close"
    """The end of the stream."""


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything said from one end of speech to the next on one channel.

    Attributes:
        channel: From 0.
        transcript: The finals of the utterance so far and, while it goes on, the interim text after them.
        start: Begin of the first word in seconds, or of its span if there are no words.
        end: End of the last word in seconds, or of its span.
        words: All words.
        confidence: 0 to 1; the mean over the words.
        languages: Detected languages in the order of their appearance.
        ended_by: What ended it; ``None`` while it goes on.
    """

    channel: int
    transcript: str
    start: float
    end: float
    words: tuple[Word, ...] = ()
    confidence: float = 0.0
    languages: tuple[str, ...] = ()
    ended_by: EndedBy | None = None


class _Channel:
    """One channel's open utterance."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._finals: list[Results] = []
        self._interim: Results | None = None
        # Up to where results of this channel are final.
        self._final_s = 0.0
        # An UtteranceEnd that came before the final it refers to.
        self._ends_at_s: float | None = None

    def on_results(self, results: Results) -> list[Utterance]:
        if not (results.is_final or results.speech_final or results.from_finalize):
            self._interim = results if results.transcript.strip() else None
            return self._report()
        self._interim = None
        self._final_s = max(self._final_s, results.end)
        if results.transcript.strip():
            self._finals.append(results)
        ended_by = self._ended_by(results)
        return self.end(ended_by) if ended_by else self._report()

    def on_utterance_end(self, last_word_end: float) -> list[Utterance]:
        if last_word_end < 0:
            # All words were final already. Interim text is then of the next utterance: the message is late.
            return [] if self._interim else self.end(EndedBy.UTTERANCE_END)
        parts = self._parts()
        if not parts or last_word_end <= _start(parts[0]) + _TOLERANCE_S:
            # It belongs to an utterance that has already been ended by something else.
            return []
        if last_word_end > self._final_s + _TOLERANCE_S:
            self._ends_at_s = last_word_end
            return []
        return self.end(EndedBy.UTTERANCE_END)

    def end(self, ended_by: EndedBy) -> list[Utterance]:
        """Ends the utterance with its finals; interim text after them begins the next one."""
        finals, self._finals, self._ends_at_s = self._finals, [], None
        return [self._utterance(finals, ended_by)] if finals else []

    def close(self) -> list[Utterance]:
        """Ends the utterance with all there is: no final will come for the interim text."""
        if self._interim:
            self._finals.append(self._interim)
            self._interim = None
        return self.end(EndedBy.CLOSE)

    def _ended_by(self, results: Results) -> EndedBy | None:
        if results.speech_final:
            return EndedBy.SPEECH_FINAL
        if results.from_finalize:
            return EndedBy.FINALIZE
        if self._ends_at_s is not None and results.end >= self._ends_at_s - _TOLERANCE_S:
            return EndedBy.UTTERANCE_END
        return None

    def _parts(self) -> list[Results]:
        return [*self._finals, self._interim] if self._interim else self._finals

    def _report(self) -> list[Utterance]:
        parts = self._parts()
        return [self._utterance(parts, None)] if parts else []

    def _utterance(self, parts: list[Results], ended_by: EndedBy | None) -> Utterance:
        words = tuple(word for part in parts for word in part.channel.alternatives[0].words)
        return Utterance(
            channel=self._index,
            transcript=" ".join(part.transcript.strip() for part in parts),
            start=_start(parts[0]),
            end=_end(parts[-1]),
            words=words,
            confidence=_confidence(parts),
            languages=_languages(parts),
            ended_by=ended_by,
        )


class Utterances:
    """Puts the results of a `ListenV1` together to utterances, each channel for itself.

    An utterance ends with a final that has ``speech_final`` or ``from_finalize``, or by `UtteranceEnd` if
    neither came. An `UtteranceEnd` for words before the open utterance is late and ignored. One for words
    that are not final yet takes effect with their final.
    """

    def __init__(self) -> None:
        self._channels: dict[int, _Channel] = {}

    def receive(self, event: Event) -> list[Utterance]:
        """Takes one event; returns the utterance it changed, if any: whole, with the text so far."""
        if isinstance(event, Results):
            return self._channel(event.channel_index).on_results(event)
        if isinstance(event, UtteranceEnd):
            return self._channel(event.channel).on_utterance_end(event.last_word_end)
        return []

    def close(self) -> list[Utterance]:
        """Ends every open utterance, with its interim text: for the end of the stream."""
        return [utterance for _, channel in sorted(self._channels.items()) for utterance in channel.close()]

    def _channel(self, channel_index: tuple[int, ...]) -> _Channel:
        index = channel_index[0] if channel_index else 0
        return self._channels.setdefault(index, _Channel(index))


def _start(results: Results) -> float:
    words = results.channel.alternatives[0].words
    return words[0].start if words else results.start


def _end(results: Results) -> float:
    words = results.channel.alternatives[0].words
    return words[-1].end if words else results.end


def _confidence(parts: list[Results]) -> float:
    best = [part.channel.alternatives[0] for part in parts]
    weighted = [(alternative.confidence, len(alternative.words) or 1) for alternative in best]
    return sum(confidence * weight for confidence, weight in weighted) / sum(weight for _, weight in weighted)


def _languages(parts: list[Results]) -> tuple[str, ...]:
    found = (language for part in parts for language in part.channel.alternatives[0].languages)
    return tuple(dict.fromkeys(found))
