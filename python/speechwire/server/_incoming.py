"""The values that a codec makes of a caller's messages, the same for every provider."""

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
    """The call begins. A codec gives this once, before everything but :class:`Reply`.

    Attributes:
        call_id: The provider's id of the call; empty where it has none. Use it in logs and in the
            application, not as a credential: the caller may have made it up.
        format: The format of the audio that follows.
        speech: The format in which the caller wants speech; ``None`` where the connection takes no speech.
        parameters: Custom parameters, the caller's number and the like, from the provider or the client.
        position_s: The position of the next :class:`Audio` in the caller's audio, in seconds: 0, or in a
            resumed call the position that was acknowledged.
        turn_index: The number of the next turn: 0, or in a resumed call one more than the client's last turn.
        resumed: Whether this continues a call of an earlier connection.
        may_change_format: Whether :class:`FormatChanged` may follow.
        may_resume: Whether the caller, after a lost connection, sends unacknowledged audio again.
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
    """The caller's audio: any number of bytes in the current format, in order and without repeats."""

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
    """The peer has discarded the speech it had not played, as :class:`Clear` asked."""


class Digit(Value, frozen=True, kw_only=True):
    """A key of the telephone was pressed: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""

    digit: str


class Text(Value, frozen=True, kw_only=True):
    """The caller asks for a text to be spoken.

    Attributes:
        text: What to say.
        key: The caller's name for the text, repeated in :class:`SpeechStarted`; may be empty.
    """

    text: str
    key: str = ""


class EndTurn(Value, frozen=True, kw_only=True):
    """The caller says that its turn is over: a push-to-talk key was released."""


class Interrupt(Value, frozen=True, kw_only=True):
    """The caller wants the speech to stop."""


class Flow(Value, frozen=True, kw_only=True):
    """The peer asks the server to pause speech (``paused``) or to go on."""

    paused: bool


class Reply(Value, frozen=True, kw_only=True):
    """An answer that the protocol itself requires. It is sent unchanged and in order."""

    message: str | bytes


class PeerError(Value, frozen=True, kw_only=True):
    """The peer reports an error on its side; the connection stays open."""

    description: str


class Malformed(Value, frozen=True, kw_only=True):
    """A message that could not be understood. The call counts these, and ends after too many.

    Attributes:
        reason: What was wrong with the message; quotes nothing of it.
    """

    reason: str


class Stopped(Value, frozen=True, kw_only=True):
    """The caller has hung up or has ended its audio: no audio follows. It may still get the last results.

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
