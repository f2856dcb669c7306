"""The seam between a caller's messages and a call: what came in and what goes out, without I/O and clock.

A :class:`Codec` belongs to one connection. It turns the messages of one provider into :data:`Incoming` values
and :data:`Outgoing` values into messages. The call behind it knows no provider, the codec no session, and
neither a socket: a host moves the messages.

A host chooses the codec when the connection opens, with :func:`speechwire.server.dialects.choose`: by the
subprotocol offered, by the path, or, where neither says it, by the first messages. A codec is made by a
:class:`MakeCodec`, which gets the :class:`Opening`.

All times are seconds. Positions in the caller's audio count from its first sample, over all connections of a
resumed call; positions in speech count from the first sample of an utterance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

__all__ = [
    "Accepted",
    "Acknowledged",
    "Audio",
    "AudioFormat",
    "Caption",
    "Clear",
    "Cleared",
    "Codec",
    "Digit",
    "EndTurn",
    "Failure",
    "Flow",
    "FormatChanged",
    "Goodbye",
    "Incoming",
    "Interrupt",
    "MakeCodec",
    "Malformed",
    "Mark",
    "MarkPlayed",
    "Notice",
    "Opening",
    "Outgoing",
    "PeerError",
    "Played",
    "Queued",
    "Reply",
    "Speech",
    "SpeechEnded",
    "SpeechStarted",
    "Started",
    "Stopped",
    "Text",
    "Word",
]


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the values without containers of their own."""


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the values that hold containers."""


class Opening(_Record, frozen=True, kw_only=True):
    """How a connection was opened.

    Attributes:
        path: Of the request, decoded, without the query.
        query: The query's parameters; of a repeated one the last.
        headers: Names in lower case; the credential is taken out.
        subprotocol: The one that was chosen, or ``None``.
    """

    path: str = "/"
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    subprotocol: str | None = None


class AudioFormat(_Value, frozen=True, kw_only=True):
    """How samples are written; interleaved, without a header.

    Attributes:
        encoding: ``s16le``, ``mulaw``, ``alaw`` or ``f32le``: the names of
            :class:`speechwire.audio.PcmPipeline`.
        sample_rate: In Hz, 4000 to 192000.
        channels: 1 to 32.
    """

    encoding: str = "s16le"
    sample_rate: int = 16000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return {"s16le": 2, "f32le": 4}.get(self.encoding, 1) * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.frame_bytes * self.sample_rate


# What comes from the caller


class Started(_Record, frozen=True, kw_only=True):
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


class Audio(_Value, frozen=True, kw_only=True):
    """What the caller says: any number of bytes in the format in force, in order and without repeats."""

    data: bytes


class FormatChanged(_Value, frozen=True, kw_only=True):
    """The audio from here on has another format."""

    format: AudioFormat


class MarkPlayed(_Value, frozen=True, kw_only=True):
    """All speech sent before the :class:`Mark` of this name has been played, or was cleared."""

    name: str


class Played(_Value, frozen=True, kw_only=True):
    """How much of an utterance has been heard by now.

    Attributes:
        utterance: The number from :class:`Speech`.
        position_s: Seconds of it that were played.
    """

    utterance: int
    position_s: float


class Cleared(_Value, frozen=True, kw_only=True):
    """The peer has thrown away what it had not played, as :class:`Clear` asked."""


class Digit(_Value, frozen=True, kw_only=True):
    """A key of the telephone was pressed: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""

    digit: str


class Text(_Value, frozen=True, kw_only=True):
    """The caller asks for a text to be spoken.

    Attributes:
        text: What to say.
        key: The caller's own name for it, which comes back in :class:`SpeechStarted`; or empty.
    """

    text: str
    key: str = ""


class EndTurn(_Value, frozen=True, kw_only=True):
    """The caller says that its turn is over: a push-to-talk key was released."""


class Interrupt(_Value, frozen=True, kw_only=True):
    """The caller wants the speech to stop."""


class Flow(_Value, frozen=True, kw_only=True):
    """The peer asks for no more speech for now (``paused``), or for it again."""

    paused: bool


class Reply(_Value, frozen=True, kw_only=True):
    """The protocol wants an answer that concerns nobody else; it is sent as it is, in order."""

    message: str | bytes


class PeerError(_Value, frozen=True, kw_only=True):
    """The peer reports an error of its own; the connection goes on."""

    description: str


class Malformed(_Value, frozen=True, kw_only=True):
    """A message that means nothing. The call counts these and ends at too many.

    Attributes:
        reason: What was wrong with it, without its content.
    """

    reason: str


class Stopped(_Value, frozen=True, kw_only=True):
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


# What goes to the caller. A codec returns no message for what its protocol cannot say.


class Queued(_Value, frozen=True, kw_only=True):
    """All places are taken; the caller waits for one.

    Attributes:
        position: How many wait before it.
        timeout_s: How long it may wait at most.
    """

    position: int
    timeout_s: float


class Accepted(_Value, frozen=True, kw_only=True):
    """The answer to :class:`Started`: the call is on.

    Attributes:
        call_id: Ours, for logs and for a support request.
        speech: The format of the speech that will come, or ``None``.
    """

    call_id: str
    speech: AudioFormat | None


class SpeechStarted(_Value, frozen=True, kw_only=True):
    """An utterance begins; its first :class:`Speech` follows.

    Attributes:
        utterance: Its number.
        text: What is said; empty where the application makes it piece by piece.
        key: That of :class:`Text`, if the caller asked for it.
    """

    utterance: int
    text: str
    key: str = ""


class Speech(_Value, frozen=True, kw_only=True):
    """A piece of speech in the format of :class:`Started`.speech.

    A codec whose peer wants fixed sizes keeps the rest for the next piece, and fills it up with silence at
    :class:`SpeechEnded`.

    Attributes:
        data: Whole samples, any number.
        utterance: Grows by one with each thing said; 0 is the first.
    """

    data: bytes
    utterance: int


class SpeechEnded(_Value, frozen=True, kw_only=True):
    """All of an utterance has been sent, unless it was cut short.

    Attributes:
        utterance: Which.
        interrupted: Whether it was cut short.
    """

    utterance: int
    interrupted: bool = False


class Clear(_Value, frozen=True, kw_only=True):
    """Throw away what you have not played. Also what the codec itself has kept of speech."""


class Mark(_Value, frozen=True, kw_only=True):
    """Say when all speech before this has been played: :class:`MarkPlayed` with the same name."""

    name: str


class Word(_Value, frozen=True, kw_only=True):
    """A recognised word, punctuated and cased; times in seconds of the caller's audio, where known."""

    word: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float = 0.0


class Caption(_Record, frozen=True, kw_only=True):
    """What was understood: a state of a turn.

    Attributes:
        event: ``Update``, ``StartOfTurn``, ``EagerEndOfTurn``, ``TurnResumed`` or ``EndOfTurn``, whatever
            model listens.
        turn_index: From 0, also over a resume.
        transcript: The whole turn so far.
        words: The words of `transcript`, where there are any.
        start_s: Where the turn's audio begins.
        end_s: How far it has been understood.
        confidence: That the turn is over, 0 to 1, or ``None``.
        channel: Of the caller's audio, where channels are understood apart; else 0.
        lag_s: How far results were behind the audio received, in seconds of audio.
    """

    event: str
    turn_index: int
    transcript: str
    words: tuple[Word, ...] = ()
    start_s: float = 0.0
    end_s: float = 0.0
    confidence: float | None = None
    channel: int = 0
    lag_s: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether this text will not change."""
        return self.event == "EndOfTurn"

    @property
    def is_interim(self) -> bool:
        """Whether a later caption replaces this one: what a slow reader can do without."""
        return self.event == "Update"


class Acknowledged(_Value, frozen=True, kw_only=True):
    """All audio before this position is covered by captions that were sent before this message.

    A client may forget it. One that comes back sends what follows it, with this as ``Started.position_s``.
    """

    position_s: float


class Notice(_Value, frozen=True, kw_only=True):
    """Something that does not end the call.

    Attributes:
        code: ``reconnecting``, ``reconnected``, ``outage_began``, ``outage_ended``, ``audio_dropped``,
            ``captions_dropped``, ``speech_failed``, ``limit_near`` or ``closing``.
        description: In words for a person.
        seconds: Of audio dropped or sent again, or until the end; 0 where it says nothing.
    """

    code: str
    description: str
    seconds: float = 0.0


class Failure(_Value, frozen=True, kw_only=True):
    """Why the call ends; :class:`Goodbye` follows.

    Attributes:
        code: ``malformed``, ``limit``, ``idle``, ``too_fast``, ``slow_reader``, ``unauthorized``, ``busy``,
            ``service``, ``application`` or ``internal``.
        description: In words for a person. It holds no secret.
        retryable: Whether it makes sense to come back.
    """

    code: str
    description: str
    retryable: bool = False


class Goodbye(_Value, frozen=True, kw_only=True):
    """The last thing said; the host closes the connection next, with this code and reason.

    Attributes:
        code: WebSocket close code: 1000 at the end, 1001 when the server goes away, 1008 for a limit, 1011
            for a failure, 1013 for "come back later", 4401 without a valid token.
        reason: At most 123 bytes of UTF-8.
        retry_after_s: When it makes sense to come back; ``None`` where it does not.
    """

    code: int = 1000
    reason: str = ""
    retry_after_s: float | None = None


Outgoing = (
    Queued
    | Accepted
    | SpeechStarted
    | Speech
    | SpeechEnded
    | Clear
    | Mark
    | Caption
    | Acknowledged
    | Notice
    | Failure
    | Goodbye
)


class Codec(Protocol):
    """One connection's protocol, without I/O and without a clock. It never raises for what a peer sends."""

    @property
    def name(self) -> str:
        """The protocol's name in logs and metrics: ``twilio``, ``speechwire``. May change until Started."""

    def receive(self, message: str | bytes) -> list[Incoming]:
        """What one message means: text as ``str``, binary as ``bytes``. Bounded in time and memory."""

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """The messages that say this; none where the protocol cannot say it."""


class MakeCodec(Protocol):
    """Makes the codec of a new connection."""

    def __call__(self, opening: Opening) -> Codec:
        """Make one; called after the upgrade was accepted."""
