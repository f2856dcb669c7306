"""How ``/v1/listen`` talks."""

from __future__ import annotations

import json
from typing import Any

from tests.model import junk
from tests.model.conversation import Conversation
from tests.model.ears import Heard
from tests.model.wire import seconds
from tests.session.counted import RATE

__all__ = ["VoiceV1"]

_INTERIM = RATE  # about one a second
_LONGEST_SPAN = 4 * RATE  # without a pause the service cuts
_ENDPOINTING = RATE * 3 // 8
_IDLE_S = 10.0


class VoiceV1(Conversation):
    """Interim results each second of audio; finals at pauses, at four seconds, and when asked."""

    accepted_texts = frozenset({"KeepAlive", "Finalize", "CloseStream", "Configure"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.final = self.interim = 0
        self.interims = self.fate.interims and "interim_results=true" in self.peer.request.url
        self.configuring = False
        self.vad = "vad_events=true" in self.peer.request.url
        self.utterance_end = "utterance_end_ms=" in self.peer.request.url
        self.speaking = False

    def watch(self) -> None:
        idle_s = self.loop.time() - (self.last_frame_s if self.position else self.opened_s)
        if self.ended_s is None and self.left_s is None and not self.deaf:
            if idle_s >= _IDLE_S - 0.001:
                self.service.endings.append("1011 NET-0001 by itself")
                self.metadata()
                self.end_behind(1011, "Deepgram did not receive audio data. See https://dpgr.am/net0001")
            else:
                self.loop.call_later(_IDLE_S - idle_s, self.watch)

    def go_on(self) -> None:
        self._say_when_speech_begins_and_ends()
        paused = self.quiet >= _ENDPOINTING
        if self.fate.finals and self.words and paused:
            self.results(is_final=True, speech_final=True)
        elif self._cuts(paused):
            self.results(is_final=True)
        elif self.interims and self.position - max(self.interim, self.final) >= _INTERIM:
            self.interim = self.position
            self.results()

    def _say_when_speech_begins_and_ends(self) -> None:
        if self.words and self.quiet == 0 and not self.speaking:
            self.speaking = True
            if self.vad:
                began_s = seconds(self.words[-1].begin)
                self.say(json.dumps({"type": "SpeechStarted", "channel": [0, 1], "timestamp": began_s}))
        elif self.speaking and self.quiet >= RATE:
            self.speaking = False
            if self.utterance_end:
                ended_s = -1 if not self.words and self.random.random() < 0.5 else seconds(self.last_word_end)
                self.say(json.dumps({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": ended_s}))

    def _cuts(self, paused: bool) -> bool:
        """Whether a final is due that ends no speech."""
        pending = self.position - self.final
        empty = self.fate.empty_finals and not self.words and paused and pending >= _INTERIM
        return empty or (self.fate.finals and pending >= _LONGEST_SPAN)

    def finalize(self) -> None:
        if self.position:
            self.results(is_final=True, speech_final=True, from_finalize=True)

    def last_results(self) -> None:
        if self.position > self.final:
            self.results(is_final=True, speech_final=True, delay_s=0.0)

    def end_properly(self) -> None:
        self.metadata()
        self.end_behind(1000)

    def metadata(self) -> None:
        self.say(
            json.dumps(
                {
                    "type": "Metadata",
                    "transaction_key": "deprecated",
                    "request_id": f"memory-{self.number}",
                    "sha256": "incomplete",
                    "created": "2026-11-20T10:11:12.131Z",
                    "duration": seconds(self.position),
                    "channels": 1 if self.position else 0,
                }
            ),
            delay_s=0.0,
        )

    def configure(self, message: dict[str, Any]) -> None:
        if self.configuring:
            self._aside(self.refused, "CONFIGURE_ALREADY_PENDING")
            return
        self.configuring = self.fate.configure != "never"
        super().configure(message)

    def configured(self, message: dict[str, Any]) -> None:
        self.configuring = False
        answer: dict[str, Any] = {"type": "ConfigureSuccess", "request_id": f"memory-{self.number}"}
        if message.get("keyterms") is not None:
            answer["keyterms"] = message["keyterms"]
        self.say(json.dumps(answer), delay_s=0.0)

    def refused(self, code: str = "CONFIGURE_KEYTERM_LIMIT_EXCEEDED") -> None:
        self.configuring = self.configuring and code == "CONFIGURE_ALREADY_PENDING"
        answer = {"type": "ConfigureFailure", "code": code, "description": "as told"}
        self.say(json.dumps(answer), delay_s=0.0)

    def results(self, *, delay_s: float | None = None, **flags: bool) -> None:
        """What was heard since the last final, as a result that is final or not."""
        is_final = flags.get("is_final", False)
        if is_final:
            # A real service ends a final between words, but for those that are forced.
            if not flags.get("from_finalize") and (cut := self.word_under_way) is not None:
                self.service.cut_by_final.add(cut)
            self.cut()
        self.say(
            message(self.final, self.position, self.words, self.number, **flags),
            words=tuple(word.number for word in self.words) if is_final else (),
            delay_s=delay_s,
        )
        self.cover()
        if is_final:
            self.final, self.words = self.position, []

    def lie(self) -> str:
        start, end = junk.span(self.random)
        word = {"word": "lie", "start": start, "end": end, "confidence": 0.5}
        return junk.dump(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "start": start,
                "duration": end,
                "is_final": self.random.random() < 0.5,
                "channel": {"alternatives": [{"transcript": "lie", "confidence": 0.5, "words": [word]}]},
            }
        )


def message(begin: int, end: int, words: list[Heard], number: int, **flags: bool) -> str:
    said = [
        {"word": str(word.number), "start": seconds(word.begin), "end": seconds(word.end), "confidence": 0.99}
        for word in words
    ]
    transcript = " ".join(str(word.number) for word in words)
    return json.dumps(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": seconds(end - begin),
            "start": seconds(begin),
            "is_final": False,
            "speech_final": False,
            "from_finalize": False,
            **flags,
            "channel": {"alternatives": [{"transcript": transcript, "confidence": 0.99, "words": said}]},
            "metadata": {"request_id": f"memory-{number}"},
        }
    )
