"""The protocol of ``/v2/speak``, Flux TTS.

Deepgram docs: flux-tts/client-messages, flux-tts/server-messages, flux-tts/interrupt-handling.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Any, ClassVar

import msgspec

from speechwire.errors import ServiceError
from speechwire.protocol._decode import MessageDecoder
from speechwire.protocol._endpoint import ConfigureSlot, Endpoint, State, text_frame
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import integer, number
from speechwire.protocol._speak import checked_text
from speechwire.protocol.options_speak import SpeakV2Options
from speechwire.protocol.speak_v2_events import (
    WIRE_MESSAGES,
    Audio,
    ConfigureFailure,
    ConfigureSuccess,
    Connected,
    Error,
    Event,
    Flushed,
    SessionMetadata,
    SpeechInterrupted,
    SpeechMetadata,
    SpeechStarted,
    Warning,
)

__all__ = ["SpeakV2"]

_INVALID_OFFSET = "INVALID_INTERRUPT_OFFSET"
_NO_ACTIVE_SPEECH = "NO_ACTIVE_SPEECH"
# The answers to an Interrupt that had nothing to interrupt, or that came twice, or whose offset was refused.
# NO_ACTIVE_SPEECH is one to a Flush without a turn as well.
_INTERRUPT_WARNINGS = frozenset(
    {"INTERRUPT_IN_PROGRESS", _INVALID_OFFSET, _NO_ACTIVE_SPEECH, "NO_AUDIO_GENERATED"}
)
_SPEED = number(0.5, 1.5, step=0.05)


class _Command(enum.Enum):
    INTERRUPT = enum.auto()
    FLUSH = enum.auto()


class SpeakV2(Endpoint[Event]):
    """One Flux TTS connection, without the connection.

    Audio starts while text still arrives. ``Flush`` ends a turn's text; the turn itself ends with
    `SpeechMetadata`, after which the next one starts. Audio belongs to the turn named by the last
    `SpeechStarted`.

    ``Interrupt`` cancels the active turn. Audio that arrives until its answer, and any more of that turn, is
    thrown away here and counted, so that stale audio cannot reach a listener.
    """

    _path: ClassVar[Path] = Path.SPEAK_V2
    _decoder: ClassVar[MessageDecoder[Any]] = MessageDecoder(WIRE_MESSAGES)

    def __init__(self, options: SpeakV2Options | None = None) -> None:
        super().__init__()
        self.options = options or SpeakV2Options()
        self._speech_id: str | None = None
        self._unwanted_id: str | None = None
        self._ended_id = ""
        # What may yet be answered by a Warning, in order.
        self._unanswered: deque[_Command] = deque()
        self._last_offset_ms = -1
        self._discarded_bytes = 0
        self._configure_slot = ConfigureSlot()
        self._summarized = False

    @property
    def speech_id(self) -> str | None:
        """The active turn; ``None`` before the first and between two."""
        return self._speech_id

    @property
    def interrupting(self) -> bool:
        """Whether an ``Interrupt`` waits for its answer, so that audio is thrown away."""
        return _Command.INTERRUPT in self._unanswered

    def speak(self, text: str) -> str:
        """The frame that appends `text` to the turn; texts are joined as they are, so put blanks between
        words.

        Raises:
            InvalidArgument: `text` is empty or not encodable.
            LocalProtocolError: The connection is closing or closed.
        """
        checked_text(text)
        self._require_open("send Speak")
        return text_frame(type="Speak", text=text)

    def flush(self) -> str:
        """The frame that ends the turn's text; without a turn the service answers with a `Warning`.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        self._require_open("send Flush")
        self._unanswered.append(_Command.FLUSH)
        return text_frame(type="Flush")

    def interrupt(self, playback_offset_ms: int | None = None) -> str:
        """The frame that cancels the active turn; from now on audio is thrown away until the answer.

        Args:
            playback_offset_ms: How much of the whole connection's audio has been heard; grows from one
                interrupt to the next. With it the answer tells the text that was heard.

        Raises:
            InvalidArgument: The offset has not grown.
            LocalProtocolError: The connection is closing or closed.
        """
        message: dict[str, object] = {"type": "Interrupt"}
        if playback_offset_ms is not None:
            integer(self._last_offset_ms + 1)("playback_offset_ms", playback_offset_ms)
            message["playback_offset"] = {"type": "time_ms", "value": playback_offset_ms}
        self._require_open("send Interrupt")
        if playback_offset_ms is not None:
            self._last_offset_ms = playback_offset_ms
        self._unanswered.append(_Command.INTERRUPT)
        return text_frame(**message)

    def configure(self, *, speed: float) -> str:
        """The frame that changes the speed, 0.5 to 1.5 in steps of 0.05, from the next segment on.

        Raises:
            InvalidArgument: `speed` is out of its range.
            LocalProtocolError: Another ``Configure`` waits for its answer, or the connection is closing or
                closed.
        """
        checked = _SPEED("speed", speed)
        self._require_open("send Configure")
        self._configure_slot.take()
        return text_frame(type="Configure", speed=checked)

    def give_up_configure(self) -> None:
        """Forgets the ``Configure`` in flight, whose answer is overdue, so that the next one may be sent."""
        self._configure_slot.release()

    def close(self) -> str:
        """The frame that asks for the remaining audio, the totals, and the end of the connection.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        return self._close("Close")

    def _receive_binary(self, frame: bytes) -> list[Event]:
        if not frame or self._is_stale():
            self._discarded_bytes += len(frame)
            return []
        return [Audio(data=frame, speech_id=self._speech_id)]

    def _is_stale(self) -> bool:
        return self.interrupting or (self._unwanted_id is not None and self._unwanted_id == self._speech_id)

    def _on_message(self, message: Any) -> list[Event]:
        match message:
            case Connected():
                self._learn_request_id(message.request_id)
            case SpeechStarted():
                self._speech_id = message.speech_id
            case SpeechMetadata():
                return [self._on_end(message)]
            case Flushed():
                self._flush_answered()
            case SpeechInterrupted():
                return [self._on_interrupted(message)]
            case Warning() if message.code in _INTERRUPT_WARNINGS:
                return [self._on_interrupt_warning(message)]
            case ConfigureSuccess() | ConfigureFailure():
                self._configure_slot.release()
            case SessionMetadata():
                self._summarized = self._state is State.CLOSING
            case Error():
                self._failure = ServiceError(message.code, message.description)
        return [message]

    def _on_end(self, message: SpeechMetadata) -> SpeechMetadata:
        if message.speech_id and message.speech_id == self._ended_id:
            return msgspec.structs.replace(message, repeated=True)
        self._ended_id = message.speech_id
        self._speech_id = None
        return message

    def _on_interrupt_warning(self, warning: Warning) -> Warning:
        if warning.code == _NO_ACTIVE_SPEECH and self._flush_answered():
            return msgspec.structs.replace(warning, refuses_flush=True)
        self._interrupt_answered()
        if warning.code == _INVALID_OFFSET:
            # The Interrupt was refused, so the active turn continues: discard its remaining audio.
            self._unwanted_id = self._speech_id
        return warning

    def _flush_answered(self) -> bool:
        """Whether the first command without answer was a ``Flush``, which then has one."""
        if not self._unanswered or self._unanswered[0] is not _Command.FLUSH:
            return False
        self._unanswered.popleft()
        return True

    def _interrupt_answered(self) -> None:
        # Answers come in order, and a flush whose turn is interrupted has none.
        while self._unanswered and self._unanswered.popleft() is not _Command.INTERRUPT:
            pass

    def _on_interrupted(self, message: SpeechInterrupted) -> SpeechInterrupted:
        self._interrupt_answered()
        self._ended_id = message.metadata.speech_id or self._speech_id or ""
        self._speech_id = None
        discarded, self._discarded_bytes = self._discarded_bytes, 0
        return msgspec.structs.replace(message, discarded_bytes=discarded)

    def _delivered(self) -> bool | None:
        return True if self._summarized else None
