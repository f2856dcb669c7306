"""The transcript of a file, and the formats it can be written in, piece by piece as it is heard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from speechwire.cli._segments import Segment
from speechwire.cli._subtitles import Cues, srt_cue, vtt_cue

__all__ = ["FORMATS", "Rendering", "Transcript", "rendering"]


@dataclass(slots=True)
class Transcript:
    """What was heard in a file; grows while it is heard.

    Args:
        file: Where the audio came from, as it is shown.
        duration_s: Length of the audio that was read.
        segments: In the order they were said.
        lost_s: Audio that never reached the service.
        complete: Whether all was heard to its end.
    """

    file: str
    duration_s: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    lost_s: float = 0.0
    complete: bool = False


class Rendering(Protocol):
    """One format. What its methods return, in order, is the file."""

    def add(self, segment: Segment) -> str:
        """Take a segment; return what can be written now."""

    def end(self, transcript: Transcript) -> str:
        """Return the rest."""


class _Text:
    def add(self, segment: Segment) -> str:
        label = f"[{segment.label}] " if segment.label else ""
        return f"{label}{' '.join(segment.text.splitlines())}\n"

    def end(self, transcript: Transcript) -> str:
        return ""


class _Json:
    def add(self, segment: Segment) -> str:
        return ""

    def end(self, transcript: Transcript) -> str:
        value = {
            "file": transcript.file,
            "duration_s": round(transcript.duration_s, 3),
            "transcript": " ".join(segment.text for segment in transcript.segments),
            "complete": transcript.complete,
            "lost_s": round(transcript.lost_s, 3),
            "segments": [_segment(segment) for segment in transcript.segments],
        }
        return json.dumps(value, ensure_ascii=False) + "\n"


class _Subtitles:
    def __init__(self, write: Callable[[int, Segment], str], *, head: str = "", prefixed: bool) -> None:
        self._write = write
        self._head = head
        self._cues = Cues(prefixed=prefixed)
        self._written = 0

    def add(self, segment: Segment) -> str:
        return self._text(self._cues.add(segment))

    def end(self, transcript: Transcript) -> str:
        return self._text(self._cues.close()) + self._take_head()

    def _text(self, cues: list[Segment]) -> str:
        first = self._written + 1
        self._written += len(cues)
        head = self._take_head() if cues else ""
        return head + "".join(self._write(number, cue) for number, cue in enumerate(cues, first))

    def _take_head(self) -> str:
        head, self._head = self._head, ""
        return head


def _segment(segment: Segment) -> dict[str, object]:
    return {
        "text": segment.text,
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
        "channel": segment.channel,
        "speaker": segment.speaker,
        "words": [
            {
                "text": word.text,
                "start_s": round(word.start_s, 3),
                "end_s": round(word.end_s, 3),
                "confidence": round(word.confidence, 4),
            }
            for word in segment.words
        ],
    }


_RENDERINGS: dict[str, Callable[[], Rendering]] = {
    "text": _Text,
    "json": _Json,
    "srt": lambda: _Subtitles(srt_cue, prefixed=True),
    "vtt": lambda: _Subtitles(vtt_cue, head="WEBVTT\n", prefixed=False),
}

FORMATS = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
"""Names of the formats, and their files' endings."""


def rendering(format: str) -> Rendering:
    """A new file in one of `FORMATS`."""
    return _RENDERINGS[format]()
