"""The messages of our own socket, as ``asyncapi.yaml`` beside this file defines them.

Every message is a frozen `msgspec` struct named as its ``type``. Values in a client's messages are bounded,
since a client may be hostile; those in the server's messages are not.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

__all__ = [
    "MAX_MESSAGE_BYTES",
    "SUBPROTOCOL",
    "Acknowledged",
    "AudioFormat",
    "Caption",
    "Clear",
    "Cleared",
    "ClientMessage",
    "Close",
    "EndTurn",
    "Failure",
    "Format",
    "Goodbye",
    "Interrupt",
    "Notice",
    "Ping",
    "Played",
    "Pong",
    "Queued",
    "Resume",
    "ServerMessage",
    "Speak",
    "SpeechEnded",
    "SpeechStarted",
    "Start",
    "Started",
    "UnfinishedSpeech",
    "Word",
    "decode_client_message",
    "decode_server_message",
    "encode",
]

SUBPROTOCOL: Final = "speechwire.v1"
MAX_MESSAGE_BYTES: Final = 65_536
"""The largest message, text or binary, in both directions."""

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Position = Annotated[float, msgspec.Meta(ge=0.0, le=604_800.0)]
SpokenText = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]


class AudioFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The format of audio: interleaved, headerless, little-endian samples."""

    encoding: Literal["s16le", "mulaw", "alaw", "f32le"] = "s16le"
    sample_rate: Annotated[int, msgspec.Meta(ge=4000, le=192_000)]
    channels: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: one sample of each channel."""
        return {"s16le": 2, "f32le": 4}.get(self.encoding, 1) * self.channels


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A recognised word."""

    word: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float = 0.0


class UnfinishedSpeech(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text that has not been spoken to its end."""

    id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    text: Annotated[str, msgspec.Meta(max_length=10_000)]
    utterance: Count | None = None
    received: Count = 0


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """Base of the messages: distinguished by ``type``, fields by name, unknown fields ignored."""


class Start(_Message, frozen=True, kw_only=True):
    """Client: begins a call."""

    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    format: AudioFormat
    speech: AudioFormat | None = None
    parameters: dict[str, str] = {}


class Resume(_Message, frozen=True, kw_only=True):
    """Client: resumes a call, on any worker."""

    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    call: Annotated[str, msgspec.Meta(max_length=128)]
    format: AudioFormat
    speech: AudioFormat | None = None
    parameters: dict[str, str] = {}
    sample: Count
    time_s: Position
    number: Count = 0
    turn: Count = 0
    turn_open: bool = False
    heard_s: Annotated[tuple[Position, ...], msgspec.Meta(max_length=32)] = ()
    utterance: Count = 0
    speeches: Annotated[tuple[UnfinishedSpeech, ...], msgspec.Meta(max_length=100)] = ()


class Format(_Message, frozen=True, kw_only=True):
    """Client: the audio from here on has another format."""

    format: AudioFormat


class EndTurn(_Message, frozen=True, kw_only=True):
    """Client: the turn is over."""


class Speak(_Message, frozen=True, kw_only=True):
    """Client: asks the server to speak a text."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    text: SpokenText


class Interrupt(_Message, frozen=True, kw_only=True):
    """Client: asks the server to stop speaking."""


class Played(_Message, frozen=True, kw_only=True):
    """Client: how much of an utterance was heard."""

    utterance: Count
    samples: Count


class Cleared(_Message, frozen=True, kw_only=True):
    """Client: the answer to `Clear`."""


class Ping(_Message, frozen=True, kw_only=True):
    """Client: asks for `Pong`."""

    id: int = 0


class Close(_Message, frozen=True, kw_only=True):
    """Client: the call is over."""


class Queued(_Message, frozen=True, kw_only=True):
    """Server: the call waits for a place."""

    position: int
    timeout_s: float


class Started(_Message, frozen=True, kw_only=True):
    """Server: the answer to `Start` and `Resume`."""

    call: str
    speech: AudioFormat | None = None
    resumed: bool = False


class Caption(_Message, frozen=True, kw_only=True):
    """Server: the state of a turn, with its transcript."""

    number: int
    event: str
    turn: int
    transcript: str
    words: tuple[Word, ...] = ()
    start_s: float = 0.0
    end_s: float = 0.0
    confidence: float | None = None
    channel: int = 0
    lag_s: float = 0.0


class Acknowledged(_Message, frozen=True, kw_only=True):
    """Server: the client need not keep audio before this sample."""

    sample: int


class SpeechStarted(_Message, frozen=True, kw_only=True):
    """Server: an utterance begins; the binary messages that follow are its audio."""

    utterance: int
    id: str = ""
    text: str = ""
    sample: int = 0


class SpeechEnded(_Message, frozen=True, kw_only=True):
    """Server: all of an utterance was sent, or it was interrupted."""

    utterance: int
    samples: int
    interrupted: bool = False


class Clear(_Message, frozen=True, kw_only=True):
    """Server: the client must discard speech that it has not played."""


class Notice(_Message, frozen=True, kw_only=True):
    """Server: something that does not end the call."""

    code: str
    description: str
    seconds: float = 0.0


class Failure(_Message, frozen=True, kw_only=True):
    """Server: why the call ends."""

    code: str
    description: str
    retryable: bool = False


class Goodbye(_Message, frozen=True, kw_only=True):
    """Server: the last message."""

    code: int = 1000
    reason: str = ""
    retry_after_s: float | None = None


class Pong(_Message, frozen=True, kw_only=True):
    """Server: the answer to `Ping`."""

    id: int = 0


ClientMessage = Start | Resume | Format | EndTurn | Speak | Interrupt | Played | Cleared | Ping | Close
ServerMessage = (
    Queued
    | Started
    | Caption
    | Acknowledged
    | SpeechStarted
    | SpeechEnded
    | Clear
    | Notice
    | Failure
    | Goodbye
    | Pong
)

_encoder = msgspec.json.Encoder()
_from_client: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_from_server: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


class _Type(msgspec.Struct, gc=False):
    """Only the type of a message."""

    type: str


_type = msgspec.json.Decoder(_Type)
_SERVER_TYPES = frozenset(kind.__name__ for kind in get_args(ServerMessage))


def encode(message: ClientMessage | ServerMessage) -> str:
    """Encode a message as JSON text."""
    return _encoder.encode(message).decode()


def decode_client_message(text: str) -> ClientMessage:
    """Decode a client's message.

    Raises:
        msgspec.ValidationError: It is not a message of this protocol, or a value is out of bounds.
        msgspec.DecodeError: It is not JSON.
    """
    return _from_client.decode(text)


def decode_server_message(text: str) -> ServerMessage | None:
    """Decode a server's message; return ``None`` for a type that this version does not know.

    Raises:
        msgspec.ValidationError: It is not a message of this protocol.
        msgspec.DecodeError: It is not JSON.
    """
    try:
        return _from_server.decode(text)
    except msgspec.ValidationError:
        if _type.decode(text).type in _SERVER_TYPES:
            raise
        return None
