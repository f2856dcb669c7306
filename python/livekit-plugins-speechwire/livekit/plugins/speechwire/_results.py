"""Nova's results as the framework's speech data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from livekit.agents import LanguageCode, stt

from speechwire.protocol.listen_v1_events import Alternative, Results

from ._listening import timed

__all__ = ["recording", "speech_data"]


def speech_data(
    alternative: Alternative, results: Results, arguments: dict[str, Any], offset_s: float
) -> stt.SpeechData:
    """Return one reading of a result, with its times on the framework's clock."""
    words = alternative.words
    language = arguments["language"] or "multi"
    if language == "multi" and alternative.languages:
        language = alternative.languages[0]
    return stt.SpeechData(
        language=LanguageCode(language),
        text=alternative.transcript,
        start_time=(words[0].start if words else results.start) + offset_s,
        end_time=(words[-1].end if words else results.end) + offset_s,
        confidence=alternative.confidence,
        speaker_id=_speaker(alternative) if results.is_final else None,
        words=timed(words, _texts(alternative, arguments), offset_s),
    )


def _texts(alternative: Alternative, arguments: dict[str, Any]) -> list[str]:
    """The words as they stand in the transcript."""
    formatted = arguments["punctuate"] or arguments["smart_format"]
    return [(word.punctuated_word or word.word) if formatted else word.word for word in alternative.words]


def _speaker(alternative: Alternative) -> str | None:
    """Who said most of the words, or None without diarization."""
    counted = Counter(word.speaker for word in alternative.words if word.speaker is not None)
    return f"S{counted.most_common(1)[0][0]}" if counted else None


def recording(finals: Sequence[Results], arguments: dict[str, Any], request_id: str) -> stt.SpeechEvent:
    """The finals of a recording as one."""
    parts = [
        speech_data(each.channel.alternatives[0], each, arguments, 0.0) for each in finals if each.transcript
    ]
    whole = stt.SpeechData(
        language=parts[0].language if parts else LanguageCode(arguments["language"] or "multi"),
        text=" ".join(part.text for part in parts),
        start_time=parts[0].start_time if parts else 0.0,
        end_time=parts[-1].end_time if parts else 0.0,
        confidence=sum(part.confidence for part in parts) / len(parts) if parts else 0.0,
        words=[word for part in parts for word in part.words or []],
    )
    return stt.SpeechEvent(
        type=stt.SpeechEventType.FINAL_TRANSCRIPT, request_id=request_id, alternatives=[whole]
    )
