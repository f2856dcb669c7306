"""Subtitles: segments cut into cues that can be read (SubRip; W3C WebVTT)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from speechwire.cli._segments import Segment, SpokenWord

__all__ = ["cues", "srt", "timestamp", "vtt"]

# Common practice: two lines of 42 characters, on screen for at most 7 seconds.
_LINE_CHARACTERS = 42
_CUE_CHARACTERS = 2 * _LINE_CHARACTERS
_CUE_S = 7.0
_SHORTEST_S = 0.001


def srt(segments: Sequence[Segment]) -> str:
    """The text of a SubRip file."""
    blocks = (
        f"{number}\n{timestamp(cue.start_s, ',')} --> {timestamp(cue.end_s, ',')}\n{_lines(cue.text)}\n"
        for number, cue in enumerate(cues(segments), 1)
    )
    return "\n".join(blocks)


def vtt(segments: Sequence[Segment]) -> str:
    """The text of a WebVTT file."""
    blocks = (
        f"{timestamp(cue.start_s, '.')} --> {timestamp(cue.end_s, '.')}\n{_escaped(_lines(cue.text))}\n"
        for cue in cues(segments)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def timestamp(seconds: float, mark: str) -> str:
    """Hours, minutes, seconds, ``mark``, milliseconds: ``01:02:03,456``."""
    minutes, ms = divmod(max(0, round(seconds * 1000)), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{mark}{ms % 1000:03}"


def cues(segments: Sequence[Segment]) -> list[Segment]:
    """Segments short enough to read, in order of time, none begun before the one before has ended."""
    parts = sorted((part for segment in segments for part in _parts(segment)), key=lambda part: part.start_s)
    ends = [min(part.end_s, after.start_s) for part, after in pairwise(parts)]
    ends += [part.end_s for part in parts[-1:]]
    return [
        Segment(part.text, part.start_s, max(end_s, part.start_s + _SHORTEST_S))
        for part, end_s in zip(parts, ends, strict=True)
    ]


def _parts(segment: Segment) -> Iterator[Segment]:
    """Cut between words; a segment without word times stays whole."""
    if not segment.words:
        yield segment
        return
    taken: list[SpokenWord] = []
    for word in segment.words:
        if taken and not _fits([*taken, word]):
            yield _cue(taken)
            taken = []
        taken.append(word)
    yield _cue(taken)


def _fits(words: Sequence[SpokenWord]) -> bool:
    length = sum(len(word.text) + 1 for word in words) - 1
    return length <= _CUE_CHARACTERS and words[-1].end_s - words[0].start_s <= _CUE_S


def _cue(words: Sequence[SpokenWord]) -> Segment:
    return Segment(" ".join(word.text for word in words), words[0].start_s, words[-1].end_s)


def _lines(text: str) -> str:
    return textwrap.fill(text, _LINE_CHARACTERS, break_long_words=False, break_on_hyphens=False)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
