"""What every client is asked to do, and what is written down about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from speechwire.emulator import Emulator

__all__ = ["KEY", "Client", "Heard", "Listen", "Speak", "Spoken"]

KEY = "not-a-real-key"


@dataclass
class Heard:
    """What a client told its user about a stream.

    Attributes:
        finals: Texts it called final.
        interims: Texts it called preliminary.
        events: Everything it said, in order, by the client's own names.
        problems: Errors it reported.
    """

    finals: list[str] = field(default_factory=list)
    interims: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Spoken:
    """What a client delivered for a text.

    Attributes:
        audio: Mono s16le, joined.
        events: Everything but the audio, in order, by the client's own names.
        problems: Errors it reported.
    """

    audio: bytes = b""
    events: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


Listen = Callable[[Emulator, bytes, int], Awaitable[Heard]]
"""Streams 16 kHz mono s16le; returns after so many final texts, or when the stream has ended."""

Speak = Callable[[Emulator, str], Awaitable[Spoken]]
"""Has a text spoken at 16 kHz and returns once the client says it is complete."""


@dataclass(frozen=True)
class Client:
    """A client from the package index, driven through its public API only.

    Attributes:
        name: For people.
        distribution: The package.
        listen_v1: Nova.
        listen_v2: Flux.
        speak_v1: Aura.
        speak_v2: Flux TTS; None where the client has none.
    """

    name: str
    distribution: str
    listen_v1: Listen
    listen_v2: Listen
    speak_v1: Speak
    speak_v2: Speak | None = None

    @property
    def title(self) -> str:
        """Name and version, as installed."""
        return f"{self.name} {version(self.distribution)}"
