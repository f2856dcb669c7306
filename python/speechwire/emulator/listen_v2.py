"""Flux: the turn state machine of ``/v2/listen``, without sockets or clocks.

States and events as in "Deepgram docs: flux/state", ``ForceEndTurn`` as in flux/force-end-turn,
``Configure`` as in flux/configure, the end of the stream as in flux/close-stream. Where the service's
behaviour is not documented the choice is stated beside the code.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from speechwire.emulator._configure_v2 import ConfigureRefused, apply_configure
from speechwire.emulator._messages import Close, Message, Output, Send, Unparsable, parse_message, type_of
from speechwire.emulator._settings_v2 import ListenV2Settings
from speechwire.emulator._transcript import Transcript
from speechwire.emulator.engine import Heard, Word

__all__ = ["ListenV2"]

_ACCEPTED = ("CloseStream", "Configure", "ForceEndTurn")
_UPDATE_EVERY_S = 0.25
_EPSILON_S = 1e-6


class _State(Enum):
    INITIAL = "initial"
    ONGOING = "ongoing"
    AWAITING = "awaiting"
    CLOSED = "closed"


class ListenV2:
    """One Flux connection: recognizer reports and client texts in, messages out."""

    def __init__(self, request_id: str, settings: ListenV2Settings) -> None:
        self.settings = settings
        self._request_id = request_id
        self._state = _State.INITIAL
        self._transcript = Transcript()
        self._heard = Heard(0.0)
        self._sequence_id = 0
        self._turn_index = 0
        self._turn_start_s = 0.0
        self._last_event_s = 0.0
        self._words: tuple[Word, ...] = ()
        self._eager_words: tuple[Word, ...] = ()

    def open(self) -> list[Output]:
        """The first message."""
        return [self._message("Connected")]

    @property
    def keyterms(self) -> tuple[str, ...]:
        """The terms favoured now."""
        return self.settings.keyterms

    def hear(self, heard: Heard, *_: int) -> list[Output]:
        """Advance by one report; there is only one channel."""
        if self._state is _State.CLOSED:
            return []
        self._heard = heard
        self._transcript.hear(heard)
        # A turn that has begun keeps its last words should the recognizer take them all back: only an Update
        # may have an empty transcript.
        self._words = self._transcript.words or (() if self._state is _State.INITIAL else self._words)
        events = self._advance()
        if not events and heard.time_s - self._last_event_s >= _UPDATE_EVERY_S - _EPSILON_S:
            events = [self._turn_info("Update")]
        return events

    def must_settle(self, frame: str | bytes) -> bool:
        """``CloseStream`` is answered with all that was heard; ``ForceEndTurn`` with what has been
        transcribed.
        """
        return type_of(frame) == "CloseStream"

    def receive(self, frame: str | bytes) -> list[Output]:
        """Take one client message: undocumented ones are fatal, an empty binary frame is nothing."""
        if self._state is _State.CLOSED or isinstance(frame, bytes):
            return []
        try:
            message = parse_message(frame, _ACCEPTED)
            if message["type"] == "Configure":
                return self._configure(message)
        except Unparsable as error:
            return self.fail("UNPARSABLE_CLIENT_MESSAGE", str(error))
        return self._force_end_turn() if message["type"] == "ForceEndTurn" else self._finish()

    def fail(self, code: str, description: str) -> list[Output]:
        """A fatal error, followed by a close without status."""
        self._state = _State.CLOSED
        error: Message = {"type": "Error", "sequence_id": self._next_sequence_id()}
        return [Send(error | {"code": code, "description": description}), Close(None)]

    def quiet(self) -> list[Output]:
        """Nothing waits for this moment: each ``Configure`` is answered as it comes."""
        return []

    def idle(self) -> list[Output]:
        """No frame and no ping came for 60 s."""
        return self.fail(
            "INACTIVE_CLIENT", "No audio, message or ping was received within the inactivity window."
        )

    def broken(self) -> list[Output]:
        """The engine has failed."""
        return self.fail("INTERNAL_SERVER_ERROR", "An internal error occurred; please retry.")

    def undecodable(self) -> list[Output]:
        """The audio does not fit its declared format."""
        self._state = _State.CLOSED
        return [Close(1008, "DATA-0000")]

    def _advance(self) -> list[Output]:
        if self._state is _State.INITIAL:
            return self._start() if self._words else []
        if self._state is _State.AWAITING and self._speech_went_on():
            self._state = _State.ONGOING
            return [self._turn_info("TurnResumed")]
        return self._end_if_over()

    def _start(self) -> list[Output]:
        self._state = _State.ONGOING
        return [self._turn_info("StartOfTurn")]

    def _speech_went_on(self) -> bool:
        # A revised text counts: EndOfTurn must repeat the text of the Eager it follows.
        return self._heard.silence_s == 0.0 or _texts(self._words) != _texts(self._eager_words)

    def _end_if_over(self) -> list[Output]:
        settings, confidence = self.settings, self._heard.end_of_turn
        eager = settings.eager_eot_threshold
        events = self._eager() if eager is not None and confidence >= eager else []
        if settings.eot_threshold < 1.0 and confidence >= settings.eot_threshold:
            return [*events, self._end_turn("model")]
        if (self._heard.silence_s or 0.0) * 1000 >= settings.eot_timeout_ms - _EPSILON_S:
            return [*events, self._end_turn("timeout")]
        return events

    def _eager(self) -> list[Output]:
        if self._state is _State.AWAITING:
            return []
        self._state = _State.AWAITING
        self._eager_words = self._words
        return [self._turn_info("EagerEndOfTurn")]

    def _end_turn(self, trigger: str) -> Output:
        ended = self._turn_info("EndOfTurn", trigger=trigger)
        self._state = _State.INITIAL
        self._turn_index += 1
        # The next window starts where this one ended: documented only for windows within a turn.
        self._turn_start_s = self._heard.time_s
        self._transcript.report(self._words)
        self._words = self._transcript.words
        return ended

    def _force_end_turn(self) -> list[Output]:
        if self._state is not _State.INITIAL:
            return [self._end_turn("manual")]
        description = "ForceEndTurn came while no turn was active; ignored."
        return [self._message("Warning", code="FORCE_END_TURN_NO_ACTIVE_TURN", description=description)]

    def _configure(self, message: Message) -> list[Output]:
        try:
            self.settings = replace(self.settings, **apply_configure(message, self.settings))
        except ConfigureRefused as error:
            return [self._message("ConfigureFailure", code=error.code, description=str(error))]
        return [self._message("ConfigureSuccess", **self._active_configuration())]

    def _active_configuration(self) -> Message:
        settings = self.settings
        thresholds = {
            "eager_eot_threshold": settings.eager_eot_threshold,
            "eot_threshold": settings.eot_threshold,
            "eot_timeout_ms": settings.eot_timeout_ms,
        }
        return {
            "thresholds": thresholds,
            "keyterms": list(settings.keyterms),
            "language_hints": list(settings.language_hints),
            "numerals": settings.numerals,
        }

    def _finish(self) -> list[Output]:
        updates: list[Output] = []
        if self._heard.time_s > self._last_event_s + _EPSILON_S:
            updates = [self._turn_info("Update")]
        self._state = _State.CLOSED
        return [*updates, Close(None)]

    def _turn_info(self, event: str, **fields: object) -> Output:
        self._last_event_s = self._heard.time_s
        return self._message(
            "TurnInfo",
            event=event,
            turn_index=self._turn_index,
            audio_window_start=round(self._turn_start_s, 6),
            audio_window_end=round(self._heard.time_s, 6),
            transcript=" ".join(word.display for word in self._words),
            words=[_word(word) for word in self._words],
            end_of_turn_confidence=self._confidence(),
            **fields,
            **self._languages(),
        )

    def _confidence(self) -> float:
        # Without a turn there is none to end.
        return 0.0 if self._state is _State.INITIAL else round(self._heard.end_of_turn, 4)

    def _languages(self) -> Message:
        if not self.settings.multilingual:
            return {}
        hinted = list(self.settings.language_hints)
        languages: Message = {"languages": ["en"] if self._words else []}
        return languages | ({"languages_hinted": hinted} if hinted else {})

    def _message(self, kind: str, **fields: object) -> Send:
        head: Message = {
            "type": kind,
            "request_id": self._request_id,
            "sequence_id": self._next_sequence_id(),
        }
        return Send(head | fields)

    def _next_sequence_id(self) -> int:
        self._sequence_id += 1
        return self._sequence_id - 1


def _texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def _word(word: Word) -> Message:
    times = {"start": round(word.start_s, 3), "end": round(word.end_s, 3)}
    return {"word": word.display, "confidence": round(word.confidence, 4)} | times
