"""The interface between the server and the engines that recognise and speak.

An engine recognises mono s16le audio and reports the words so far (:class:`Heard`), and turns text into mono
s16le audio. It does not depend on Deepgram's messages, and the endpoints do not depend on recognition. Times
are seconds of audio since the stream began, never wall time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Engine", "Frame", "Heard", "Recognizer", "StreamInfo", "Synthesizer", "Word"]


Frame = Mapping[str, object] | str | bytes
"""A frame to send verbatim: a mapping as JSON text, a str as text, bytes as binary."""


@dataclass(frozen=True, slots=True)
class Word:
    """One recognized word.

    Attributes:
        text: Lower case, no punctuation.
        start_s: Where it starts, in seconds of the stream.
        end_s: Where it ends.
        confidence: 0 to 1.
        display: The same word cased and punctuated.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float
    display: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recognizer knows after ``time_s`` seconds of audio.

    Attributes:
        time_s: Seconds of audio heard.
        words: Words since the last settled report. They may still change, unless ``settled``.
        settled: These words are final; the next report starts with none of them.
        silence_s: Seconds since speech was last heard, 0 while it is heard, None before any.
        end_of_turn: Confidence, 0 to 1, that the speaker has finished.
        frames: What a script wants sent after the messages of this report.
    """

    time_s: float
    words: tuple[Word, ...] = ()
    settled: bool = False
    silence_s: float | None = None
    end_of_turn: float = 0.0
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What an engine knows about one stream.

    Attributes:
        connection: Index of the connection in this emulator, from 0.
        endpoint: ``"/v2/listen"`` and so on.
        sample_rate: Hz of the mono s16le audio to hear or to make.
        channel: Index of the channel within the connection.
        keyterms: Terms the client wants favoured.
        voice: Model name asked for, when speaking.
        speed: Speaking rate, 1.0 for normal.
    """

    connection: int
    endpoint: str
    sample_rate: int
    channel: int = 0
    keyterms: tuple[str, ...] = ()
    voice: str = ""
    speed: float = 1.0


class Recognizer(Protocol):
    """Listens to one channel of one stream. Calls are never concurrent."""

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        """Hear whole s16le samples and report, in order of time, at least every 0.25 s of audio."""

    async def settle(self) -> Sequence[Heard]:
        """Decode all that was heard; the last report is settled and as late as the audio. More may follow."""

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """Favour these terms from the next utterance on."""

    async def aclose(self) -> None:
        """Release what the stream holds. Safe to call twice."""


class Synthesizer(Protocol):
    """Speaks for one stream."""

    def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield the text as s16le pieces of any whole number of samples, as they are made."""

    def set_speed(self, speed: float) -> None:
        """Speak texts from now on at this rate."""


class Engine(Protocol):
    """Makes recognizers and synthesizers; started and closed with the emulator."""

    @property
    def name(self) -> str:
        """Short name for status and logs."""

    async def start(self) -> None:
        """Get ready, so that the first stream does not wait for models."""

    async def aclose(self) -> None:
        """Release everything."""

    async def recognizer(self, stream: StreamInfo) -> Recognizer:
        """Listen to a new stream."""

    async def synthesizer(self, stream: StreamInfo) -> Synthesizer:
        """Speak for a new stream."""
