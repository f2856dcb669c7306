"""Flux TTS: the state machine of ``/v2/speak``, without sockets, synthesis or clocks.

Turns, their events and their order as in "Deepgram docs: flux-tts/state", messages as in
flux-tts/client-messages and flux-tts/server-messages. Close codes are not documented for this endpoint;
those of ``/v1/speak`` are sent.
"""

from __future__ import annotations

import re
from collections import deque

from speechwire.emulator._messages import Close, Message, Output, Send, SendAudio, Unparsable, parse_message
from speechwire.emulator._turn_v2 import SpeakV2Settings, Turn

__all__ = ["SpeakV2", "SpeakV2Settings", "speed_refusal"]

_ACCEPTED = ("Speak", "Flush", "Interrupt", "Configure", "Close")
_CLOSE_CODES = {"DATA": 1008, "MESSAGE": 1003, "BIG": 1009, "NET": 1011}
_MARKUP = re.compile(
    r"</?(?:speak|break|prosody|emphasis|say-as|phoneme|sub|voice|mark|p|s)\b[^>]*>|\[[a-z ]+\]",
    re.IGNORECASE,
)


class SpeakV2:
    """One Flux TTS connection: client messages and synthesized audio in, messages out.

    The text to synthesize next is :attr:`job`; the driver speaks it, hands its audio to :meth:`audio` and
    calls :meth:`job_done`. One turn is active; later ones wait, without a limit on their number.
    """

    def __init__(self, request_id: str, settings: SpeakV2Settings) -> None:
        self.speed = settings.speed
        self._request_id = request_id
        self._settings = settings
        self._turns: deque[Turn] = deque()
        self._turn_count = 0
        self._job_count = 0
        self._audio_ms = 0.0
        self._characters = 0
        self._last_offset_ms = 0.0
        self._closing = False
        self._closed = False

    @property
    def job(self) -> tuple[int, str] | None:
        """Identity and text of what is to be spoken now."""
        return self._turns[0].segments[0] if self._turns and self._turns[0].segments else None

    def open(self) -> list[Output]:
        """The first message."""
        head: Message = {"type": "Connected", "request_id": self._request_id}
        model = {"model_name": self._settings.model, "model_version": "2026-07-14.1"}
        return [Send(head | model | {"model_uuids": ["c0ffee00-4444-4bbb-8ccc-000011112222"]})]

    def receive(self, text: str, now_s: float) -> list[Output]:
        """Take one client message; what is not documented is fatal."""
        if self._closing or self._closed:
            return []
        if len(text.encode()) > self._settings.message_bytes:
            return self.fail("BIG-0000", "The message is too large")
        try:
            return self._dispatch(parse_message(text, _ACCEPTED))
        except Unparsable as error:
            return self.fail("DATA-0000", str(error))

    def receive_binary(self) -> list[Output]:
        """Binary frames are never accepted."""
        return self.fail("MESSAGE-0000", "Binary messages are not supported")

    def idle(self) -> list[Output]:
        """No frame and no ping came for 60 s."""
        return self.fail("NET-0004", "No client message within the inactivity window")

    def broken(self) -> list[Output]:
        """The engine has failed."""
        return self.fail("NET-0000", "An internal error occurred")

    def session_over(self) -> list[Output]:
        """The session's time is up."""
        return self.fail("NET-0003", "The maximum session duration has been reached")

    def fail(self, code: str, description: str) -> list[Output]:
        """A fatal error and the close that always follows it."""
        self._closed = True
        self._turns.clear()
        error = {"type": "Error", "code": code, "description": description}
        return [Send(error), Close(_CLOSE_CODES[code.split("-")[0]], code)]

    def audio(self, job_id: int, data: bytes) -> list[Output]:
        """Audio of a job; nothing of an interrupted one is sent."""
        if self.job is None or self.job[0] != job_id or not data:
            return []
        length_ms = len(data) / self._settings.bytes_per_ms
        self._audio_ms += length_ms
        self._turns[0].audio_ms += length_ms
        return [SendAudio(data)]

    def job_done(self, job_id: int) -> list[Output]:
        """All audio of a job has been sent."""
        if self.job is None or self.job[0] != job_id:
            return []
        self._turns[0].segments.popleft()
        return self._end_turn_if_over()

    def _dispatch(self, message: Message) -> list[Output]:
        match message["type"]:
            case "Speak":
                return self._speak(message.get("text"))
            case "Flush":
                return self._flush()
            case "Interrupt":
                return self._interrupt(message)
            case "Configure":
                return [Send(self._configure(message.get("speed")))]
            case _:
                return self._close()

    def _speak(self, text: object) -> list[Output]:
        if not isinstance(text, str) or not text:
            raise Unparsable("Could not deserialize last text message: `text` must be a non-empty string")
        plain = _MARKUP.sub("", text)
        stripped = [_warning("INPUT_MARKUP_STRIPPED", "Markup was removed from the text")]
        outputs: list[Output] = [] if plain == text else [*stripped]
        if not self._turns or self._turns[-1].flushed:
            self._turn_count += 1
            self._turns.append(Turn(f"dg_sp_{self._turn_count:012x}"))
            outputs += self._begin_turn() if len(self._turns) == 1 else []
        self._turns[-1].say(self._job_count, plain)
        self._job_count += 1
        return outputs

    def _begin_turn(self) -> list[Output]:
        turn = self._turns[0]
        turn.start_ms = self._audio_ms
        started = Send({"type": "SpeechStarted", "speech_id": turn.speech_id})
        return [started, *([_flushed(turn)] if turn.flushed else [])]

    def _flush(self) -> list[Output]:
        if not self._turns or self._turns[-1].flushed:
            return [_warning("NO_ACTIVE_SPEECH", "nothing to flush")]
        turn = self._turns[-1]
        turn.flush(self._job_count)
        self._job_count += 1
        # A pending turn is flushed when its time comes.
        return [_flushed(turn), *self._end_turn_if_over()] if turn is self._turns[0] else []

    def _end_turn_if_over(self) -> list[Output]:
        turn = self._turns[0]
        if turn.segments or not turn.flushed:
            return []
        empty = [_warning("NO_SYNTHESIZABLE_TEXT", "the turn had no text to speak")]
        outputs: list[Output] = [] if turn.text.strip() else [*empty]
        return [*outputs, Send({"type": "SpeechMetadata"} | turn.metadata()), *self._next_turn()]

    def _next_turn(self) -> list[Output]:
        self._characters += len(self._turns.popleft().text)
        outputs = self._begin_turn() if self._turns else []
        return outputs + self._close_if_drained()

    def _interrupt(self, message: Message) -> list[Output]:
        if set(message) - {"type", "playback_offset"}:
            raise Unparsable("Could not deserialize last text message: unknown field in `Interrupt`")
        offset_ms = _offset(message.get("playback_offset"))
        if not self._turns:
            code = "NO_ACTIVE_SPEECH" if self._audio_ms else "NO_AUDIO_GENERATED"
            return [_warning(code, "nothing to interrupt")]
        if offset_ms is not None and not self._last_offset_ms < offset_ms <= self._audio_ms:
            # What else happens then is not documented; here nothing does.
            words = "playback_offset must grow and lie within the audio sent"
            return [_warning("INVALID_INTERRUPT_OFFSET", words)]
        interrupted = {"type": "SpeechInterrupted"} | self._turns[0].interrupted(offset_ms)
        if offset_ms is not None:
            # From now on, positions in the session's audio count only the audio that was heard.
            self._last_offset_ms = self._audio_ms = offset_ms
        return [Send(interrupted), *self._next_turn()]

    def _configure(self, speed: object) -> Message:
        refused = speed_refusal(speed)
        if refused is None and isinstance(speed, int | float):
            self.speed = float(speed)
            return {"type": "ConfigureSuccess", "applied": {"speed": speed}}
        code, description = refused or ("INTERNAL_ERROR", "")
        head = {"type": "ConfigureFailure", "code": code, "field": "speed", "value": speed}
        return head | {"description": description}

    def _close(self) -> list[Output]:
        self._closing = True
        outputs = self._flush() if self._turns and not self._turns[-1].flushed else []
        return outputs or self._close_if_drained()

    def _close_if_drained(self) -> list[Output]:
        if not self._closing or self._turns or self._closed:
            return []
        self._closed = True
        totals = {
            "type": "SessionMetadata",
            "total_audio_duration_ms": round(self._audio_ms),
            "total_input_character_count": self._characters,
            "total_billable_character_count": self._characters,
        }
        return [Send(totals), Close(1000)]


def speed_refusal(speed: object) -> tuple[str, str] | None:
    """Why a speed is refused: 0.5 to 1.5 in steps of 0.05."""
    if not isinstance(speed, int | float) or isinstance(speed, bool):
        raise Unparsable("Could not deserialize last text message: `speed` must be a number")
    if not 0.5 <= speed <= 1.5:
        return "SPEED_OUT_OF_RANGE", "speed outside the allowed range"
    if abs(speed * 20 - round(speed * 20)) > 1e-6:
        return "SPEED_INCREMENT_INVALID", "speed must be a multiple of 0.05"
    return None


def _offset(value: object) -> float | None:
    if value is None:
        return None
    number = value.get("value") if isinstance(value, dict) and value.get("type") == "time_ms" else None
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise Unparsable("Could not deserialize last text message: `playback_offset` must be a time_ms value")
    return float(number)


def _flushed(turn: Turn) -> Send:
    return Send({"type": "Flushed", "speech_id": turn.speech_id})


def _warning(code: str, description: str) -> Send:
    return Send({"type": "Warning", "code": code, "description": description})
