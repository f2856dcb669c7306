"""What goes to a caller, whatever its provider. A codec makes no message of what its protocol cannot say."""

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
        position: How many wait before it.
        timeout_s: How long it may wait at most.
    """

    position: int
    timeout_s: float


class Accepted(Value, frozen=True, kw_only=True):
    """The answer to :class:`Started`: the call is on.

    Attributes:
        call_id: Ours, for logs and for a support request.
        speech: The format of the speech that will come, or ``None``.
    """

    call_id: str
    speech: AudioFormat | None


class SpeechStarted(Value, frozen=True, kw_only=True):
    """An utterance begins; its first :class:`Speech` follows.

    Attributes:
        utterance: Its number.
        text: What is said; empty where the application makes it piece by piece.
        key: That of :class:`Text`, if the caller asked for it.
    """

    utterance: int
    text: str
    key: str = ""


class Speech(Value, frozen=True, kw_only=True):
    """A piece of speech in the format of :class:`Started`.speech.

    A codec whose peer wants fixed sizes keeps the rest for the next piece, and fills it up with silence at
    :class:`SpeechEnded`.

    Attributes:
        data: Whole samples, any number.
        utterance: Grows by one with each thing said; 0 is the first.
    """

    data: bytes
    utterance: int


class SpeechEnded(Value, frozen=True, kw_only=True):
    """All of an utterance has been sent, unless it was cut short.

    Attributes:
        utterance: Which.
        interrupted: Whether it was cut short.
    """

    utterance: int
    interrupted: bool = False


class Clear(Value, frozen=True, kw_only=True):
    """Throw away what you have not played. Also what the codec itself has kept of speech."""


class Mark(Value, frozen=True, kw_only=True):
    """Say when all speech before this has been played: :class:`MarkPlayed` with the same name."""

    name: str


class Word(Value, frozen=True, kw_only=True):
    """A recognised word, punctuated and cased; times in seconds of the caller's audio, where known."""

    word: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float = 0.0


class Caption(Record, frozen=True, kw_only=True):
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


class Acknowledged(Value, frozen=True, kw_only=True):
    """All audio before this position is covered by captions that were sent before this message.

    A client may forget it. One that comes back sends what follows it, with this as ``Started.position_s``.
    """

    position_s: float


class Notice(Value, frozen=True, kw_only=True):
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


class Failure(Value, frozen=True, kw_only=True):
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


class Goodbye(Value, frozen=True, kw_only=True):
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
