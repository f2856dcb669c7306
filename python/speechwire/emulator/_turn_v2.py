"""One turn of ``/v2/speak``: its text, its audio, and what was heard of it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from speechwire.emulator._messages import Message

__all__ = ["SpeakV2Settings", "Turn"]

# The spoken part of a text is estimated in whole words, with equal time for each character.
_MS_PER_CHARACTER = 60.0
# All whole sentences at the beginning of a text.
_SENTENCES = re.compile(r".*[.!?;](?:\s+|$)", re.DOTALL)
_EVERYTHING = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SpeakV2Settings:
    """How this connection speaks.

    Attributes:
        model: Voice asked for.
        speed: Speaking rate to begin with.
        bytes_per_ms: Bytes of one millisecond of audio.
        message_bytes: Size of one message.
    """

    model: str
    speed: float = 1.0
    bytes_per_ms: float = 48.0
    message_bytes: int = 2_000_000


@dataclass(slots=True)
class Turn:
    """What was said since the last ``Flush``.

    Attributes:
        speech_id: Names it in messages.
        segments: What is still to be spoken, with the identity of each piece.
        text: All its text.
        unfinished: The end of the text, whose sentence may go on.
        flushed: Whether it is complete.
        start_ms: Where it begins in the session's audio.
        audio_ms: How much audio was sent.
    """

    speech_id: str
    segments: deque[tuple[int, str]] = field(default_factory=deque)
    text: str = ""
    unfinished: str = ""
    flushed: bool = False
    start_ms: float = 0.0
    audio_ms: float = 0.0

    def say(self, job_id: int, text: str) -> None:
        """Append text, verbatim; what is a sentence by now becomes a segment.

        Clients send word by word, and a word spoken by itself has another tune and pauses around it.
        """
        self.text += text
        self.unfinished += text
        self._release(job_id, _SENTENCES.match(self.unfinished))

    def flush(self, job_id: int) -> None:
        """The text is complete."""
        self.flushed = True
        self._release(job_id, _EVERYTHING.match(self.unfinished))

    def _release(self, job_id: int, found: re.Match[str] | None) -> None:
        if found is not None:
            self.segments.append((job_id, found[0]))
            self.unfinished = self.unfinished[found.end() :]

    def metadata(self) -> Message:
        """Its numbers."""
        controls = {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0}
        return {
            "speech_id": self.speech_id,
            "audio_duration_ms": round(self.audio_ms),
            "input_character_count": len(self.text),
            "billable_character_count": len(self.text),
            "controls_applied": controls,
        }

    def interrupted(self, offset_ms: float | None) -> Message:
        """What had been played of it once ``offset_ms`` of the session were; texts only if that is known."""
        if offset_ms is None:
            return {"audio_played_ms": round(self.start_ms + self.audio_ms), "metadata": self.metadata()}
        spoken, remaining = self._split(min(offset_ms - self.start_ms, self.audio_ms))
        texts = {"text_spoken": spoken, "text_remaining": remaining}
        return {"audio_played_ms": round(offset_ms)} | texts | {"metadata": self.metadata()}

    def _split(self, played_ms: float) -> tuple[str, str]:
        words = self.text.split()
        reached = played_ms / _MS_PER_CHARACTER
        count = sum(1 for index in range(len(words)) if len(" ".join(words[: index + 1])) <= reached)
        return " ".join(words[:count]), " ".join(words[count:])
