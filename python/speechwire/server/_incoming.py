"""What comes from a caller, whatever its provider."""

from __future__ import annotations

from collections.abc import Mapping

from speechwire.server._values import AudioFormat, Record, Value

__all__ = [
    "Audio",
    "Cleared",
    "Digit",
    "EndTurn",
    "Flow",
    "FormatChanged",
    "Incoming",
    "Interrupt",
    "Malformed",
    "MarkPlayed",
    "PeerError",
    "Played",
    "Reply",
    "Started",
    "Stopped",
    "Text",
]


class Started(Record, frozen=True, kw_only=True):
    """The caller has said who it is and what it will send. Once, before everything but :class:`Reply`.

    Attributes:
        call_id: The provider's name for the call; empty where it has none. What it may be used for: logs and
            the application. It is no credential.
        format: Of the audio that follows.
        speech: The format in which speech is wanted back; ``None`` where the connection takes none.
        parameters: What the provider or the client passed on: custom parameters, caller's number and so on.
        position_s: Where in the caller's audio the next :class:`Audio` begins: 0, or with a resumed call what
            was acknowledged before.
        turn_index: The number of the next turn: 0, or with a resumed call one more than the last it has seen.
        resumed: Whether this goes on with a call of an earlier connection.
        may_change_format: Whether :class:`FormatChanged` may follow.
        may_resume: Whether the caller comes back with what was not acknowledged.
    """

    call_id: str
    format: AudioFormat
    speech: AudioFormat | None
    parameters: Mapping[str, str] = {}
    position_s: float = 0.0
    turn_index: int = 0
    resumed: bool = False
    may_change_format: bool = False
    may_resume: bool = False


class Audio(Value, frozen=True, kw_only=True):
    """What the caller says: any number of bytes in the format in force, in order and without repeats."""

    data: bytes


class FormatChanged(Value, frozen=True, kw_only=True):
    """The audio from here on has another format."""

    format: AudioFormat


class MarkPlayed(Value, frozen=True, kw_only=True):
    """All speech sent before the :class:`Mark` of this name has been played, or was cleared."""

    name: str


class Played(Value, frozen=True, kw_only=True):
    """How much of an utterance has been heard by now.

    Attributes:
        utterance: The number from :class:`Speech`.
        position_s: Seconds of it that were played.
    """

    utterance: int
    position_s: float


class Cleared(Value, frozen=True, kw_only=True):
    """The peer has thrown away what it had not played, as :class:`Clear` asked."""


class Digit(Value, frozen=True, kw_only=True):
    """A key of the telephone was pressed: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""

    digit: str


class Text(Value, frozen=True, kw_only=True):
    """The caller asks for a text to be spoken.

    Attributes:
        text: What to say.
        key: The caller's own name for it, which comes back in :class:`SpeechStarted`; or empty.
    """

    text: str
    key: str = ""


class EndTurn(Value, frozen=True, kw_only=True):
    """The caller says that its turn is over: a push-to-talk key was released."""


class Interrupt(Value, frozen=True, kw_only=True):
    """The caller wants the speech to stop."""


class Flow(Value, frozen=True, kw_only=True):
    """The peer asks for no more speech for now (``paused``), or for it again."""

    paused: bool


class Reply(Value, frozen=True, kw_only=True):
    """The protocol wants an answer that concerns nobody else; it is sent as it is, in order."""

    message: str | bytes


class PeerError(Value, frozen=True, kw_only=True):
    """The peer reports an error of its own; the connection goes on."""

    description: str


class Malformed(Value, frozen=True, kw_only=True):
    """A message that means nothing. The call counts these and ends at too many.

    Attributes:
        reason: What was wrong with it, without its content.
    """

    reason: str


class Stopped(Value, frozen=True, kw_only=True):
    """The caller has hung up or is done: no audio follows. Last results may still be sent.

    Attributes:
        reason: In the peer's words, or empty.
    """

    reason: str = ""


Incoming = (
    Started
    | Audio
    | FormatChanged
    | MarkPlayed
    | Played
    | Cleared
    | Digit
    | Text
    | EndTurn
    | Interrupt
    | Flow
    | Reply
    | PeerError
    | Malformed
    | Stopped
)
