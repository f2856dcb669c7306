"""Flux turn events as the framework's `STTResponse`s."""

from __future__ import annotations

from dataclasses import dataclass

from videosdk.agents import SpeechData, SpeechEventType, STTResponse

from speechwire.protocol.listen_v2_events import TurnInfo

__all__ = ["TurnTranslator"]


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
        resumed = self.preemptive and turn.event == "TurnResumed"
        return STTResponse(
            event_type=kind,
            data=speech_data(turn),
            metadata=self._metadata(turn) | ({"turn_resumed": True} if resumed else {}),
        )

    def _kind(self, turn: TurnInfo) -> SpeechEventType | None:
        was_open, self._turn_is_open = (
            self._turn_is_open,
            turn.event != "EndOfTurn" and (self._turn_is_open or turn.event == "StartOfTurn"),
        )
        if turn.event == "EndOfTurn":
            return SpeechEventType.FINAL
        if turn.event == "EagerEndOfTurn" and self.preemptive:
            return SpeechEventType.PREFLIGHT
        return SpeechEventType.INTERIM if was_open or self._turn_is_open else None

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
    words = turn.words
    return SpeechData(
        text=turn.transcript,
        confidence=sum(word.confidence for word in words) / len(words) if words else 0.0,
        language=turn.languages[0] if turn.languages else None,
        start_time=turn.audio_window_start,
        end_time=turn.audio_window_end,
        duration=max(0.0, turn.audio_window_end - turn.audio_window_start),
    )
