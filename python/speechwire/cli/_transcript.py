"""The transcript of a file, and the formats it can be written in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from speechwire.cli._segments import Segment
from speechwire.cli._subtitles import srt, vtt

__all__ = ["FORMATS", "Transcript"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in a file.

    Args:
        file: Where the audio came from.
        duration_s: Length of the audio.
        segments: In the order they were said.
        lost_s: Audio that never reached the service.
        complete: Whether the service delivered its last results.
    """

    file: Path
    duration_s: float
    segments: tuple[Segment, ...]
    lost_s: float = 0.0
    complete: bool = True

    def rendered(self, format: str) -> str:
        """The transcript in one of `FORMATS`, as whole lines."""
        return _RENDER[format](self)


def _text(transcript: Transcript) -> str:
    return "".join(segment.text + "\n" for segment in transcript.segments)


def _json(transcript: Transcript) -> str:
    value = {
        "file": click.format_filename(transcript.file),
        "duration_s": round(transcript.duration_s, 3),
        "transcript": " ".join(segment.text for segment in transcript.segments),
        "complete": transcript.complete,
        "lost_s": round(transcript.lost_s, 3),
        "segments": [_segment(segment) for segment in transcript.segments],
    }
    return json.dumps(value, ensure_ascii=False) + "\n"


def _segment(segment: Segment) -> dict[str, object]:
    return {
        "text": segment.text,
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
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


_RENDER: dict[str, Callable[[Transcript], str]] = {
    "text": _text,
    "json": _json,
    "srt": lambda transcript: srt(transcript.segments),
    "vtt": lambda transcript: vtt(transcript.segments),
}

FORMATS = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
"""Names of the formats, and their files' endings."""
