"""One channel of ``/v1/listen``: spans of audio, each reported until it is final."""

from __future__ import annotations

import numpy as np

from speechwire.emulator._messages import Message
from speechwire.emulator._settings_v1 import MODEL_UUID, ListenV1Settings
from speechwire.emulator._transcript import Transcript
from speechwire.emulator.engine import Heard, Word

__all__ = ["Channel"]

_INTERIM_EVERY_S = 1.0
_LONGEST_SPAN_S = 4.5
# Speech after a silence this long is a new onset.
_PAUSE_S = 0.2
_EPSILON_S = 1e-6


class Channel:
    """Turns reports into ``Results``, ``SpeechStarted`` and ``UtteranceEnd``.

    A final needs settled words. An engine that settles later than ``endpointing`` asks delays it.
    """

    def __init__(self, settings: ListenV1Settings, request_id: str, index: int, channels: int) -> None:
        self.index = index
        self.heard_s = 0.0
        self._settings = settings
        self._request_id = request_id
        self._place = [index, channels]
        self._transcript = Transcript()
        self._final_s = 0.0
        self._reported_s = 0.0
        self._speaking = False
        self._uttered = False
        self._last_word_end_s: float | None = None

    def hear(self, heard: Heard) -> list[Message]:
        """Advance by one report."""
        self.heard_s = heard.time_s
        self._transcript.hear(heard)
        messages = self._onset(heard)
        if words := self._transcript.words:
            self._last_word_end_s = words[-1].end_s
        messages += self._endpoint(heard) or self._cut_long_span() or self._interim()
        return messages + self._utterance_end(heard)

    def finalize(self) -> Message:
        """Answer ``Finalize``, also when nothing is pending."""
        return self._final(speech_final=True, from_finalize=True)

    def finish(self) -> list[Message]:
        """Answer ``CloseStream``: what is pending, if anything is."""
        return [self._final(speech_final=True)] if self.heard_s > self._final_s + _EPSILON_S else []

    def _onset(self, heard: Heard) -> list[Message]:
        if heard.silence_s != 0.0:
            self._speaking = self._speaking and (heard.silence_s or 0.0) < _PAUSE_S
            return []
        started, self._speaking, self._uttered = not self._speaking, True, True
        if not (started and self._settings.vad_events):
            return []
        return [{"type": "SpeechStarted", "channel": self._place, "timestamp": _single(heard.time_s)}]

    def _is_endpoint(self, heard: Heard) -> bool:
        endpointing_ms = self._settings.endpointing_ms
        return endpointing_ms is not None and (heard.silence_s or 0.0) * 1000 >= endpointing_ms - _EPSILON_S

    def _endpoint(self, heard: Heard) -> list[Message]:
        # A phrase may end within one report, without speech ever being reported as going on.
        uttered = self._uttered or bool(self._transcript.words)
        if not (uttered and self._is_endpoint(heard) and self._transcript.settled):
            return []
        return [self._final(speech_final=True)]

    def _cut_long_span(self) -> list[Message]:
        if self.heard_s - self._final_s < _LONGEST_SPAN_S - _EPSILON_S:
            return []
        words = self._transcript.words
        if self._transcript.settled:
            return [self._final()]
        # The last word may still be going on.
        return [self._final(words[:-1], until_s=words[-1].start_s)] if len(words) > 1 else []

    def _interim(self) -> list[Message]:
        if (
            not self._settings.interim_results
            or self.heard_s - self._reported_s < _INTERIM_EVERY_S - _EPSILON_S
        ):
            return []
        self._reported_s = self.heard_s
        return [self._results(self._transcript.words, self.heard_s)]

    def _utterance_end(self, heard: Heard) -> list[Message]:
        gap_ms, last_s = self._settings.utterance_end_ms, self._last_word_end_s
        if gap_ms is None or last_s is None or (heard.time_s - last_s) * 1000 < gap_ms - _EPSILON_S:
            return []
        self._last_word_end_s = None
        # It follows the final it refers to, also when endpointing is off and has made none.
        finals = [self._final()] if self._transcript.words else []
        return [*finals, {"type": "UtteranceEnd", "channel": self._place, "last_word_end": _single(last_s)}]

    def _final(
        self,
        words: tuple[Word, ...] | None = None,
        *,
        until_s: float | None = None,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> Message:
        until_s = self.heard_s if until_s is None else until_s
        words = self._transcript.words if words is None else words
        message = self._results(words, until_s, True, speech_final, from_finalize)
        self._final_s = self._reported_s = until_s
        self._transcript.report(words)
        self._uttered = self._uttered and not speech_final
        return message

    def _results(
        self,
        words: tuple[Word, ...],
        until_s: float,
        is_final: bool = False,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> Message:
        start, end = np.float32(self._final_s), np.float32(until_s)
        metadata = {"request_id": self._request_id, "model_info": self._settings.model_info}
        return {
            "type": "Results",
            "channel_index": self._place,
            "duration": _single(end - start),
            "start": _single(start),
            "is_final": is_final,
            "speech_final": speech_final,
            "channel": {"alternatives": [self._alternative(words)]},
            "metadata": metadata | {"model_uuid": MODEL_UUID},
            "from_finalize": from_finalize,
        }

    def _alternative(self, words: tuple[Word, ...]) -> Message:
        shown = [self._word(word) for word in words]
        texts = [str(word.get("punctuated_word", word["word"])) for word in shown]
        confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
        alternative: Message = {
            "transcript": " ".join(texts),
            "confidence": _single(confidence),
            "words": shown,
        }
        return alternative | ({"languages": ["en"]} if self._settings.language == "multi" and words else {})

    def _word(self, word: Word) -> Message:
        text, display = self._replaced(word.text), self._replaced(word.display)
        times = {"start": _single(word.start_s), "end": _single(word.end_s)}
        shown: Message = {"word": text} | times | {"confidence": _single(word.confidence)}
        shown |= {"punctuated_word": display} if self._settings.formatted else {}
        shown |= {"language": "en"} if self._settings.language == "multi" else {}
        return shown | ({"speaker": 0} if self._settings.diarize else {})

    def _replaced(self, text: str) -> str:
        for find, replacement in self._settings.replacements:
            if text.lower().startswith(find) and not text[len(find) :].strip(".,!?"):
                return replacement + text[len(find) :]
        return text


def _single(value: float | np.float32) -> float:
    """The service computes in 32-bit floats and prints them in full: 0.39999998, not 0.4."""
    return float(str(np.float32(value)))
