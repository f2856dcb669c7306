"""Server messages of ``/v1/listen`` (Deepgram docs: reference/speech-to-text/listen-streaming).

All times are seconds of audio since the start of the connection. They are 32-bit floats printed in
full: compare them with a tolerance.
"""

from __future__ import annotations

import msgspec

from speechwire.protocol._numbers import UNKNOWN, Channels, Confidence, Index, Seconds, WordEnd
from speechwire.protocol.events import Closed, MalformedMessage, Message, UnknownMessage

__all__ = [
    "WIRE_MESSAGES",
    "Alternative",
    "Channel",
    "ConfigureFailure",
    "ConfigureSuccess",
    "Entity",
    "Error",
    "Event",
    "Metadata",
    "ModelInfo",
    "Results",
    "ResultsMetadata",
    "SpeechStarted",
    "UtteranceEnd",
    "Word",
]


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One recognised word."""

    word: str
    start: Seconds
    end: Seconds
    confidence: Confidence = 0.0
    punctuated_word: str | None = None
    """With ``punctuate`` or ``smart_format``."""
    language: str | None = None
    """With ``language=multi``."""
    speaker: Index | None = None
    """With ``diarize``; from 0."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reading of a span of audio."""

    transcript: str
    confidence: Confidence = 0.0
    words: tuple[Word, ...] = ()
    languages: tuple[str, ...] = ()
    languages_hinted: tuple[str, ...] = ()


class Channel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The readings of one channel, best first; in practice one."""

    alternatives: tuple[Alternative, ...] = ()


class Entity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A detected entity, on finals with ``detect_entities``; word indices are into the result's words."""

    label: str
    value: str
    raw_value: str = ""
    confidence: Confidence = 0.0
    start_word: Index = 0
    end_word: Index = 0


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The model that produced a result."""

    name: str = ""
    version: str = ""
    arch: str = ""


class ResultsMetadata(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a result comes from."""

    request_id: str = ""
    model_info: ModelInfo = ModelInfo()
    model_uuid: str = ""


class Results(Message, frozen=True, kw_only=True):
    """What was said in one span of audio of one channel.

    Interim results of a span share `start`, and each replaces the one before. Each final covers the audio
    after the previous final. An empty final is normal, and its flags count.

    Attributes:
        channel_index: This channel, number of channels.
        start: Begin of the span.
        duration: Length of the span.
        is_final: The text of this span will not change.
        speech_final: Endpointing fired at the end of this span.
        from_finalize: The answer to ``Finalize``.
    """

    channel: Channel
    start: Seconds = 0.0
    duration: Seconds = 0.0
    channel_index: Channels = (0, 1)
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False
    entities: tuple[Entity, ...] = ()
    metadata: ResultsMetadata = ResultsMetadata()

    @property
    def end(self) -> float:
        """End of the span in seconds."""
        return self.start + self.duration

    @property
    def transcript(self) -> str:
        """The text of the best alternative, or an empty string."""
        return self.channel.alternatives[0].transcript if self.channel.alternatives else ""


class SpeechStarted(Message, frozen=True, kw_only=True):
    """Speech was detected at `timestamp` (``vad_events``); may repeat within one utterance.

    Where the service does not say when, it is the point that results have reached.
    """

    timestamp: Seconds = UNKNOWN
    channel: Channels = (0, 1)


class UtteranceEnd(Message, frozen=True, kw_only=True):
    """No word for ``utterance_end_ms``; `last_word_end` is -1 if the words were already final."""

    last_word_end: WordEnd = -1.0
    channel: Channels = (0, 1)


class Metadata(Message, frozen=True, kw_only=True):
    """The summary just before the connection ends; `duration` is what is billed, in seconds."""

    request_id: str = ""
    duration: Seconds = 0.0
    channels: Index = 0
    created: str = ""
    sha256: str = ""
    transaction_key: str = ""
    models: tuple[str, ...] = ()
    model_info: dict[str, ModelInfo] = {}


class ConfigureSuccess(Message, frozen=True, kw_only=True):
    """``Configure`` was applied; `keyterms` only if they were replaced."""

    request_id: str = ""
    keyterms: tuple[str, ...] | None = None


class ConfigureFailure(Message, frozen=True, kw_only=True):
    """``Configure`` was refused; nothing changed, the stream goes on."""

    request_id: str = ""
    code: str = ""
    description: str = ""


class Error(Message, frozen=True, kw_only=True):
    """A text message was refused; the stream goes on. `message` is what the client had sent."""

    variant: str = ""
    description: str = ""
    message: str = ""
    code: str | int = ""


WIRE_MESSAGES = (
    Results | SpeechStarted | UtteranceEnd | Metadata | ConfigureSuccess | ConfigureFailure | Error
)
Event = WIRE_MESSAGES | UnknownMessage | MalformedMessage | Closed
