"""Server messages of ``/v2/speak``, Flux TTS (Deepgram docs: flux-tts/server-messages, flux-tts/state)."""

from __future__ import annotations

import msgspec

from speechwire.protocol._numbers import Index, Milliseconds
from speechwire.protocol.events import Closed, MalformedMessage, Message, UnknownMessage

__all__ = [
    "WIRE_MESSAGES",
    "Applied",
    "Audio",
    "ConfigureFailure",
    "ConfigureSuccess",
    "Connected",
    "ControlsApplied",
    "Error",
    "Event",
    "Flushed",
    "SessionMetadata",
    "SpeechInterrupted",
    "SpeechMetadata",
    "SpeechStarted",
    "Summary",
    "Warning",
]


class Connected(Message, frozen=True, kw_only=True):
    """The connection is ready; the first message."""

    request_id: str = ""
    model_name: str = ""
    model_version: str = ""
    model_uuids: tuple[str, ...] = ()


class SpeechStarted(Message, frozen=True, kw_only=True):
    """The turn `speech_id` has become the active one; its audio follows."""

    speech_id: str


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of speech, headerless, in the requested encoding.

    Attributes:
        data: Any length, also odd: a sample may continue in the next piece.
        speech_id: The active turn; ``None`` if none has started.
    """

    data: bytes
    speech_id: str | None


class Flushed(Message, frozen=True, kw_only=True):
    """The turn's text has been flushed; unlike on ``/v1/speak``, audio may follow."""

    speech_id: str = ""


class ControlsApplied(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Counts of inline controls the service acted on."""

    pronunciations_applied: Index = 0
    breaks_applied: Index = 0
    pronunciation_warnings: Index = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn amounted to."""

    speech_id: str = ""
    audio_duration_ms: Milliseconds = 0.0
    input_character_count: Index = 0
    billable_character_count: Index = 0
    controls_applied: ControlsApplied = ControlsApplied()


class SpeechMetadata(Message, frozen=True, kw_only=True):
    """The true end of a turn: all of its audio has come.

    Attributes:
        repeated: The end of this turn was reported before; it is not that of the active one.
    """

    speech_id: str = ""
    audio_duration_ms: Milliseconds = 0.0
    input_character_count: Index = 0
    billable_character_count: Index = 0
    controls_applied: ControlsApplied = ControlsApplied()
    repeated: bool = False


class SpeechInterrupted(Message, frozen=True, kw_only=True):
    """The end of a turn that was interrupted, in place of `SpeechMetadata`.

    Attributes:
        audio_played_ms: How much of it was heard, by the offset that was sent.
        text_spoken: The text heard; only if an offset was sent.
        text_remaining: The text not heard; only if an offset was sent.
        metadata: What the turn amounted to.
        discarded_bytes: Audio that arrived between ``Interrupt`` and this answer and was thrown away.
    """

    audio_played_ms: Milliseconds | None = None
    text_spoken: str | None = None
    text_remaining: str | None = None
    metadata: Summary = Summary()
    discarded_bytes: int = 0


class SessionMetadata(Message, frozen=True, kw_only=True):
    """The totals of the connection; the last message."""

    total_audio_duration_ms: Milliseconds = 0.0
    total_input_character_count: Index = 0
    total_billable_character_count: Index = 0


class Applied(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The settings a ``Configure`` has changed."""

    speed: float | None = None


class ConfigureSuccess(Message, frozen=True, kw_only=True):
    """``Configure`` was accepted and holds from the next segment on."""

    applied: Applied = Applied()


class ConfigureFailure(Message, frozen=True, kw_only=True):
    """``Configure`` was refused; nothing changed, the stream goes on."""

    code: str = ""
    field: str = ""
    value: float | str | None = None
    description: str = ""


class Warning(Message, frozen=True, kw_only=True):
    """Something was ignored or repaired; the stream goes on.

    Attributes:
        code: Such as ``NO_ACTIVE_SPEECH``.
        description: The service's own words.
        refuses_flush: It answers a ``Flush`` that found no turn: nothing more will come for it.
    """

    code: str = ""
    description: str = ""
    refuses_flush: bool = False


class Error(Message, frozen=True, kw_only=True):
    """A fatal error; the service closes the connection next."""

    code: str = ""
    description: str = ""


WIRE_MESSAGES = (
    Connected
    | SpeechStarted
    | Flushed
    | SpeechMetadata
    | SpeechInterrupted
    | SessionMetadata
    | ConfigureSuccess
    | ConfigureFailure
    | Warning
    | Error
)
Event = WIRE_MESSAGES | Audio | UnknownMessage | MalformedMessage | Closed
