"""Flux turn events as the framework's `STTResponse`s."""

from __future__ import annotations

from dataclasses import dataclass

from videosdk.agents import SpeechData, SpeechEventType, STTResponse

from speechwire.protocol.listen_v2_events import TurnInfo

__all__ = ["TurnTranslator"]

# Looking up a member of an enumeration takes as long as a call (CPython 3.11).
_INTERIM, _PREFLIGHT, _FINAL = SpeechEventType.INTERIM, SpeechEventType.PREFLIGHT, SpeechEventType.FINAL


@dataclass
class TurnTranslator:
    """Translates one stream's `TurnInfo` events, in order.

    Inside a turn every ``Update`` becomes an INTERIM, unchanged ones too: the framework closes a turn by
    itself 2 s after the last INTERIM, and would then answer the late FINAL a second time. Outside of a turn,
    and without text, nothing is said: after a FINAL, any response but new speech keeps the user from being
    answered.

    Attributes:
        model: Goes into every response's metadata.
        preemptive: Report EagerEndOfTurn as PREFLIGHT, and TurnResumed as an INTERIM marked ``turn_resumed``.
    """

    model: str
    preemptive: bool
    _turn_is_open: bool = False

    def translate(self, turn: TurnInfo) -> STTResponse | None:
        """Return the response that ``turn`` calls for, or None."""
        kind = self._kind(turn)
        if kind is None or not turn.transcript.strip():
            return None
        metadata = self._metadata(turn)
        if self.preemptive and turn.event == "TurnResumed":
            metadata["turn_resumed"] = True
        return STTResponse(event_type=kind, data=speech_data(turn), metadata=metadata)

    def _kind(self, turn: TurnInfo) -> SpeechEventType | None:
        was_open, event = self._turn_is_open, turn.event
        if event == "EndOfTurn":
            self._turn_is_open = False
            return _FINAL
        self._turn_is_open = was_open or event == "StartOfTurn"
        if event == "EagerEndOfTurn" and self.preemptive:
            return _PREFLIGHT
        return _INTERIM if self._turn_is_open else None

    def _metadata(self, turn: TurnInfo) -> dict[str, object]:
        return {
            "model": self.model,
            "request_id": turn.request_id,
            "turn_index": turn.turn_index,
            "event": turn.event,
            "end_of_turn_confidence": turn.end_of_turn_confidence,
            "trigger": turn.trigger,
            "languages": list(turn.languages),
            "words": [
                {"word": word.word, "start": word.start, "end": word.end, "confidence": word.confidence}
                for word in turn.words
            ],
        }


def speech_data(turn: TurnInfo) -> SpeechData:
    """Return the transcript of ``turn``, with the confidence in its words and its times in seconds."""
    words, start_s, end_s = turn.words, turn.audio_window_start, turn.audio_window_end
    return SpeechData(
        text=turn.transcript,
        confidence=sum([word.confidence for word in words]) / len(words) if words else 0.0,
        language=turn.languages[0] if turn.languages else None,
        start_time=start_s,
        end_time=end_s,
        duration=end_s - start_s if end_s > start_s else 0.0,
    )
