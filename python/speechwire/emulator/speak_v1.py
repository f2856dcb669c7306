"""Aura: the state machine of ``/v1/speak``, without sockets, synthesis or clocks.

Messages as in "Deepgram docs: tts-websocket, tts-ws-flush, tts-ws-clear", limits and close codes as in
tts-troubleshooting-websocket-net-and-data-errors.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from speechwire.emulator._messages import Close, Message, Output, Send, SendAudio, Unparsable, parse_message

__all__ = ["SpeakLimits", "SpeakV1", "SpeakV1Settings"]

_ACCEPTED = ("Speak", "Flush", "Clear", "Close")
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class SpeakLimits:
    """The service's limits; lower them to test how a client reacts.

    Attributes:
        text_characters: Characters in one ``Speak``.
        characters_per_minute: Characters in any 60 s.
        flushes_per_minute: Flushes in any 60 s.
        message_bytes: Size of one message.
        session_s: Length of a session.
    """

    text_characters: int = 2000
    characters_per_minute: int = 2400
    flushes_per_minute: int = 20
    message_bytes: int = 2_000_000
    session_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class SpeakV1Settings:
    """How this connection speaks.

    Attributes:
        model: Voice asked for.
        drain_on_close: Whether ``Close`` speaks what is left before closing; the documents disagree.
        speed: Speaking rate, 1.0 for normal.
        limits: See :class:`SpeakLimits`.
    """

    model: str = "aura-asteria-en"
    drain_on_close: bool = True
    speed: float = 1.0
    limits: SpeakLimits = SpeakLimits()


class SpeakV1:
    """One Aura connection: client messages and synthesized audio in, messages out.

    The text to synthesize next is :attr:`job`; the driver speaks it, hands its audio to :meth:`audio` and
    calls :meth:`job_done`. Audio and the end of a cleared job produce no output.
    """

    def __init__(self, request_id: str, settings: SpeakV1Settings) -> None:
        self._request_id = request_id
        self._settings = settings
        self._text = ""
        self._jobs: deque[tuple[int, str]] = deque()
        self._job_count = 0
        self._acknowledged = 0
        self._flushes: deque[float] = deque()
        self._characters: deque[tuple[float, int]] = deque()
        self._closing = False
        self._closed = False

    @property
    def speed(self) -> float:
        """Speaking rate; fixed for the life of the socket."""
        return self._settings.speed

    @property
    def job(self) -> tuple[int, str] | None:
        """Identity and text of what is to be spoken now."""
        return self._jobs[0] if self._jobs else None

    def open(self) -> list[Output]:
        """The first message."""
        head: Message = {
            "type": "Metadata",
            "request_id": self._request_id,
            "model_name": self._settings.model,
        }
        uuid = "e9d3f0a1-5555-4c7b-8f0e-1234567890ab"
        return [
            Send(head | {"model_version": "2025-04-07.0", "model_uuid": uuid, "additional_model_uuids": []})
        ]

    def receive(self, text: str, now_s: float) -> list[Output]:
        """Take one client message at ``now_s`` of a clock that never goes back."""
        if self._closing or self._closed:
            return []
        if len(text.encode()) > self._settings.limits.message_bytes:
            return self.fail(1009, "BIG-0000")
        try:
            message = parse_message(text, _ACCEPTED)
            return self._dispatch(message, now_s)
        except Unparsable:
            return self.fail(1008, "DATA-0000")

    def receive_binary(self) -> list[Output]:
        """Binary frames are never accepted."""
        return self.fail(1003, "MESSAGE-0000")

    def idle(self) -> list[Output]:
        """Nothing came for too long; only the code is documented, not the time."""
        return self.fail(1011, "NET-0001")

    def broken(self) -> list[Output]:
        """The engine has failed."""
        return self.fail(1011, "NET-0000")

    def session_over(self) -> list[Output]:
        """The session's time is up."""
        return self.fail(1011, "NET-0003")

    def audio(self, job_id: int, data: bytes) -> list[Output]:
        """Audio of a job, in the connection's encoding; nothing of a cleared job is sent."""
        current = self.job is not None and self.job[0] == job_id
        return [SendAudio(data)] if current and data and not self._closed else []

    def job_done(self, job_id: int) -> list[Output]:
        """All audio of a job has been sent."""
        if self._closed or self.job is None or self.job[0] != job_id:
            return []
        self._jobs.popleft()
        return [self._acknowledge("Flushed"), *self._close_if_drained()]

    def fail(self, code: int, reason: str) -> list[Output]:
        """Close the connection with this code and reason."""
        self._closed = True
        self._jobs.clear()
        return [Close(code, reason)]

    def _dispatch(self, message: Message, now_s: float) -> list[Output]:
        match message["type"]:
            case "Speak":
                return self._speak(message.get("text"), now_s)
            case "Flush":
                return self._flush(now_s)
            case "Clear":
                self._text = ""
                self._jobs.clear()
                return [self._acknowledge("Cleared")]
            case _:
                return self._close()

    def _speak(self, text: object, now_s: float) -> list[Output]:
        if not isinstance(text, str) or not text:
            # An empty text is documented as rejected, not how; a malformed message is closed with this.
            raise Unparsable
        limits = self._settings.limits
        if len(text) > limits.text_characters:
            return self.fail(1009, "BIG-0001")
        self._characters.append((now_s, len(text)))
        while self._characters[0][0] <= now_s - _WINDOW_S:
            self._characters.popleft()
        if sum(count for _, count in self._characters) > limits.characters_per_minute:
            return self.fail(1008, "DATA-0001")
        self._text += text
        return []

    def _flush(self, now_s: float) -> list[Output]:
        while self._flushes and self._flushes[0] <= now_s - _WINDOW_S:
            self._flushes.popleft()
        if len(self._flushes) >= self._settings.limits.flushes_per_minute:
            # The text stays for the next flush: the documents leave it open, and nothing is lost this way.
            words = "Rate limit exceeded for flushes. Please try again later."
            return [Send({"type": "Warning", "warn_code": "EXCESSIVE_FLUSH", "warn_msg": words})]
        self._flushes.append(now_s)
        self._enqueue()
        return []

    def _enqueue(self) -> None:
        # An empty flush is a job too, so that acknowledgements keep the order of the flushes.
        self._jobs.append((self._job_count, self._text))
        self._job_count += 1
        self._text = ""

    def _close(self) -> list[Output]:
        if not self._settings.drain_on_close:
            self._jobs.clear()
        elif self._text:
            self._enqueue()
        self._closing = True
        return self._close_if_drained()

    def _close_if_drained(self) -> list[Output]:
        if not self._closing or self._jobs:
            return []
        self._closed = True
        return [Close(1000)]

    def _acknowledge(self, kind: str) -> Send:
        self._acknowledged += 1
        return Send({"type": kind, "sequence_id": self._acknowledged - 1})
