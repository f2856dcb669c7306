"""The values that a codec turns into messages to a caller, the same for every provider.

A codec makes no message of a value that its protocol cannot express.
"""

from __future__ import annotations

from speechwire.server._values import AudioFormat, Record, Value

__all__ = [
    "Accepted",
    "Acknowledged",
    "Caption",
    "Clear",
    "Failure",
    "Goodbye",
    "Mark",
    "Notice",
    "Outgoing",
    "Queued",
    "Speech",
    "SpeechEnded",
    "SpeechStarted",
    "Word",
]


class Queued(Value, frozen=True, kw_only=True):
    """All places are taken; the caller waits for one.

    Attributes:
        position: How many callers wait before it.
        timeout_s: The longest wait, in seconds.
    """

    position: int
    timeout_s: float


class Accepted(Value, frozen=True, kw_only=True):
    """The answer to :class:`Started`: the call begins.

    Attributes:
        call_id: The server's id of the call, for logs and support requests.
        speech: The format of the speech that will come; ``None`` without speech.
    """

    call_id: str
    speech: AudioFormat | None


class SpeechStarted(Value, frozen=True, kw_only=True):
    """An utterance begins; its first :class:`Speech` follows.

    Attributes:
        utterance: Its number.
        text: The text; empty where the application gives it in pieces.
        key: The key of :class:`Text`, if the caller asked for the text; else empty.
    """

    utterance: int
    text: str
    key: str = ""


class Speech(Value, frozen=True, kw_only=True):
    """A piece of speech in the format of :class:`Started`.speech.

    A codec whose peer wants messages of a fixed size keeps an incomplete message for the next piece. At
    :class:`SpeechEnded` it fills the message up with silence.

    Attributes:
        data: Any number of whole samples.
        utterance: The number of the utterance, from 0.
    """

    data: bytes
    utterance: int


class SpeechEnded(Value, frozen=True, kw_only=True):
    """An utterance ends: all of it has been sent, or it was interrupted.

    Attributes:
        utterance: Its number.
        interrupted: Whether it was interrupted.
    """

    utterance: int
    interrupted: bool = False


class Clear(Value, frozen=True, kw_only=True):
    """The peer discards the speech it has not played. The codec discards the speech it has kept."""


class Mark(Value, frozen=True, kw_only=True):
    """The peer answers when all speech before this was played: with :class:`MarkPlayed` of this name."""

    name: str


class Word(Value, frozen=True, kw_only=True):
    """A recognised word, punctuated and cased; times in seconds of the caller's audio, where known."""

    word: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float = 0.0


class Caption(Record, frozen=True, kw_only=True):
    """The state of a turn: its transcript so far.

    Attributes:
        event: ``Update``, ``StartOfTurn``, ``EagerEndOfTurn``, ``TurnResumed`` or ``EndOfTurn``, with every
            model.
        turn_index: From 0; a resumed call continues the numbers.
        transcript: The whole turn so far.
        words: The words of `transcript`; may be empty.
        start_s: Where the turn's audio begins, in seconds.
        end_s: Up to where the audio has been transcribed, in seconds.
        confidence: How likely the turn is over, 0 to 1; ``None`` if not known.
        channel: The channel of the caller's audio, where channels are transcribed separately; else 0.
        lag_s: How far the results were behind the audio received, in seconds of audio.
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
        """Whether a later caption replaces this one, so that a slow reader may miss it."""
        return self.event == "Update"


class Acknowledged(Value, frozen=True, kw_only=True):
    """All audio before this position is covered by captions that were sent before this message.

    A client may discard that audio. To resume the call, it sends the audio from this position on, with the
    position as ``Started.position_s``.
    """

    position_s: float


class Notice(Value, frozen=True, kw_only=True):
    """Something that does not end the call.

    Attributes:
        code: ``reconnecting``, ``reconnected``, ``outage_began``, ``outage_ended``, ``audio_dropped``,
            ``captions_dropped``, ``speech_failed``, ``limit_near`` or ``closing``.
        description: In words for a person.
        seconds: Seconds of audio dropped or sent again, or seconds until the end; 0 where neither applies.
    """

    code: str
    description: str
    seconds: float = 0.0


class Failure(Value, frozen=True, kw_only=True):
    """Why the call ends; :class:`Goodbye` follows.

    Attributes:
        code: ``malformed``, ``limit``, ``idle``, ``too_fast``, ``slow_reader``, ``unauthorized``, ``busy``,
            ``service``, ``application`` or ``internal``.
        description: In words for a person. It holds no secret.
        retryable: Whether the caller may try again.
    """

    code: str
    description: str
    retryable: bool = False


class Goodbye(Value, frozen=True, kw_only=True):
    """The last value of a call. The host then closes the connection with this code and reason.

    Attributes:
        code: WebSocket close code: 1000 at the end, 1001 when the server shuts down, 1008 for a limit, 1011
            for a failure, 1013 for "try again later", 4401 without a valid token.
        reason: At most 123 bytes of UTF-8.
        retry_after_s: Seconds after which the caller may try again; ``None`` where that does not help.
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
