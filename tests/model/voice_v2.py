"""How ``/v2/listen``, Flux, talks."""

from __future__ import annotations

import json
from typing import Any

from tests.model import junk
from tests.model.conversation import Conversation
from tests.model.wire import seconds
from tests.session.counted import RATE

__all__ = ["VoiceV2"]

_UPDATE = RATE // 4
_END_OF_TURN = RATE // 2
_EAGER = RATE * 5 // 16
_IDLE_S = 60.0


class VoiceV2(Conversation):
    """An event each quarter second of audio; a turn ends half a second after its last word."""

    accepted_texts = frozenset({"ForceEndTurn", "CloseStream", "Configure"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sequence = self.turn = self.begin = self.reported = 0
        self.started = self.awaiting = self.lied = False
        self.eager = "eager_eot_threshold" in self.peer.request.url
        self.pings = 0

    def greet(self) -> None:
        self.send("Connected", delay_s=0.01)

    def watch(self) -> None:
        """Ends what was idle for a minute; a ping counts, and is only seen here."""
        if self.ended_s is not None or self.left_s is not None or self.deaf:
            return
        if self.peer.pings != self.pings:
            self.pings, self.last_frame_s = self.peer.pings, self.loop.time()
        idle_s = self.loop.time() - self.last_frame_s
        if idle_s >= _IDLE_S - 0.001:
            self.service.endings.append("error INACTIVE_CLIENT by itself")
            self.fail("INACTIVE_CLIENT")
        else:
            self.loop.call_later(_IDLE_S - idle_s, self.watch)

    def go_on(self) -> None:
        over = self.started and self.quiet >= _END_OF_TURN and self.fate.finals
        if self.words and not self.started:
            self.started = True
            self.info("StartOfTurn")
        elif over:
            self.end_turn("model")
        elif self.awaiting and self.quiet < _EAGER:
            self.awaiting = False
            self.info("TurnResumed")
        elif self.eager and self.started and not self.awaiting and self.quiet >= _EAGER and self.fate.finals:
            self.awaiting = True
            self.info("EagerEndOfTurn")
        elif self.fate.interims and self.position - self.reported >= _UPDATE:
            self.info("Update")

    def finalize(self) -> None:
        self.cut()
        if self.words:
            if not self.started:
                self.started = True
                self.info("StartOfTurn")
            self.end_turn("manual")
        else:
            self.send("Warning", code="FORCE_END_TURN_NO_ACTIVE_TURN", description="ignored")

    def end_turn(self, trigger: str) -> None:
        if self.eager and not self.awaiting and trigger == "model":
            self.info("EagerEndOfTurn")
        self.info("EndOfTurn", trigger=trigger)
        self.turn += 1
        if self.lied:  # the client may take the turn for ended before
            self.service.caller.lied()
        self.lied = False
        self.started = self.awaiting = False
        self.words, self.begin = [], self.position

    def last_results(self) -> None:
        if self.position > self.reported:
            self.info("Update", delay_s=0.0)

    def end_properly(self) -> None:
        self.end_behind(1005)

    def fail(self, code: str) -> None:
        self.send("Error", code=code, description="as told", delay_s=0.0)
        self.end_behind(1005)

    def configured(self, message: dict[str, Any]) -> None:
        self.send(
            "ConfigureSuccess",
            thresholds=message.get("thresholds", {}),
            keyterms=list(self.settings["keyterms"]),
            language_hints=[],
            numerals=self.settings["numerals"],
            delay_s=0.0,
        )

    def refused(self) -> None:
        self.send("ConfigureFailure", code="INVALID_THRESHOLD", description="as told", delay_s=0.0)

    def info(self, event: str, *, delay_s: float | None = None, **more: Any) -> None:
        self.reported = self.position
        if event == "StartOfTurn" and not self.words:
            event = "Update"
        self.send(
            "TurnInfo",
            final=tuple(word.number for word in self.words) if event == "EndOfTurn" else (),
            delay_s=delay_s,
            event=event,
            turn_index=self.turn,
            audio_window_start=seconds(self.begin),
            audio_window_end=seconds(self.position),
            transcript=" ".join(str(word.number) for word in self.words),
            words=[
                {
                    "word": str(word.number),
                    "confidence": 0.99,
                    "start": seconds(word.begin),
                    "end": seconds(word.end),
                }
                for word in self.words
            ],
            end_of_turn_confidence=0.9,
            **more,
        )
        self.cover()

    def send(
        self, kind: str, *, final: tuple[int, ...] = (), delay_s: float | None = None, **rest: Any
    ) -> None:
        body = {"type": kind, "request_id": f"memory-{self.number}", "sequence_id": self.sequence, **rest}
        self.sequence += 1
        self.say(json.dumps(body), words=final, delay_s=delay_s)

    def lie(self) -> str:
        self.lied = True
        start, end = junk.span(self.random)
        return junk.dump(
            {
                "type": "TurnInfo",
                "sequence_id": self.sequence,
                "event": self.random.choice(("Update", "Update", "StartOfTurn", "EndOfTurn", "Thought")),
                "turn_index": self.random.choice((self.turn, self.turn, 0, -1, 2**40)),
                "audio_window_start": start,
                "audio_window_end": end,
                "transcript": "",
                "words": [],
                "end_of_turn_confidence": 0.1,
            }
        )
