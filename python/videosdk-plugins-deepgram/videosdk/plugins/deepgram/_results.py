"""Nova's results as the framework's `STTResponse`s."""

from __future__ import annotations

from dataclasses import dataclass

from videosdk.agents import SpeechData, SpeechEventType, STTResponse

from speechwire.protocol.listen_v1_events import Alternative, Results, SpeechStarted, Word

__all__ = ["ResultsTranslator", "SpeechStartedFilter"]

_REPEATED_WITHIN_S = 1.0
# Looking up a member of an enumeration takes as long as a call (CPython 3.11).
_INTERIM, _FINAL = SpeechEventType.INTERIM, SpeechEventType.FINAL


@dataclass(frozen=True)
class ResultsTranslator:
    """Translates one stream's `Results`.

    Attributes:
        model: Goes into every response's metadata.
        language: The language asked for, where the service names none.
    """

    model: str
    language: str

    def translate(self, results: Results) -> STTResponse | None:
        """Return INTERIM or FINAL with the text of ``results``, or None where there is no text."""
        if not results.transcript.strip():
            return None
        alternative = results.channel.alternatives[0]
        return STTResponse(
            event_type=_FINAL if results.is_final else _INTERIM,
            data=self._data(results, alternative),
            metadata=self._metadata(results, alternative),
        )

    def _data(self, results: Results, alternative: Alternative) -> SpeechData:
        words = alternative.words
        return SpeechData(
            text=alternative.transcript,
            confidence=alternative.confidence,
            language=alternative.languages[0] if alternative.languages else self.language,
            start_time=words[0].start if words else results.start,
            end_time=words[-1].end if words else results.end,
            duration=results.duration,
        )

    def _metadata(self, results: Results, alternative: Alternative) -> dict[str, object]:
        return {
            "model": self.model,
            "request_id": results.metadata.request_id,
            "speech_final": results.speech_final,
            "from_finalize": results.from_finalize,
            "channel": results.channel_index[0] if results.channel_index else 0,
            "speaker": _main_speaker(alternative.words),
            "languages": list(alternative.languages),
            "words": [_word(word) for word in alternative.words],
        }


class SpeechStartedFilter:
    """Says which ``SpeechStarted`` becomes the framework's ``speech_started``.

    As documented for the original plugin: only one that follows another within a second of wall time, so
    never the first.
    """

    def __init__(self) -> None:
        self._last_at_s: float | None = None

    def passes(self, event: SpeechStarted, now_s: float) -> bool:
        """Take note of ``event`` at ``now_s`` and say whether it counts."""
        last_at_s, self._last_at_s = self._last_at_s, now_s
        return last_at_s is not None and now_s - last_at_s < _REPEATED_WITHIN_S


def _main_speaker(words: tuple[Word, ...]) -> int | None:
    """Return who said most of the words, or None without diarization."""
    speakers = [word.speaker for word in words if word.speaker is not None]
    if not speakers:
        return None
    return max(set(speakers), key=speakers.count)


def _word(word: Word) -> dict[str, object]:
    return {
        "word": word.punctuated_word or word.word,
        "start": word.start,
        "end": word.end,
        "confidence": word.confidence,
        "speaker": word.speaker,
        "language": word.language,
    }
