"""Subtitles: cues as they become certain, as SubRip and W3C WebVTT have them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from speechwire.cli._cutting import parts, two_lines, wanted_end_s
from speechwire.cli._segments import Segment

__all__ = ["Cues", "srt_cue", "srt_prefix", "timestamp", "vtt_cue"]

_LEAST_S = 0.001


def srt_prefix(segment: Segment) -> str:
    """What SubRip, which knows no speakers, shows before the text."""
    return f"[{segment.label}] " if segment.label else ""


def srt_cue(number: int, cue: Segment) -> str:
    """A cue of a SubRip file, with the blank line that separates it from the one before."""
    times = f"{timestamp(cue.start_s, ',')} --> {timestamp(cue.end_s, ',')}"
    return f"{_separator(number)}{number}\n{times}\n{_lines(cue, srt_prefix(cue))}\n"


def vtt_cue(number: int, cue: Segment) -> str:
    """A cue of a WebVTT file, behind a blank line."""
    times = f"{timestamp(cue.start_s, '.')} --> {timestamp(cue.end_s, '.')}"
    voice = f"<v {cue.label}>" if cue.label else ""
    return f"\n{times}\n{voice}{_escaped(_lines(cue, ''))}\n"


def timestamp(seconds: float, mark: str) -> str:
    """Hours, minutes, seconds, ``mark``, milliseconds: ``01:02:03,456``."""
    minutes, ms = divmod(max(0, round(seconds * 1000)), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{mark}{ms % 1000:03}"


class Cues:
    """Cuts segments into cues, and returns each cue when no later segment can change it.

    A cue ends before the next one of its channel begins, and stays longer than its words where there is time.

    Args:
        prefixed: Whether the first line of a cue begins with `srt_prefix`.
    """

    def __init__(self, *, prefixed: bool) -> None:
        self._prefixed = prefixed
        self._waiting: list[Segment] = []

    def add(self, segment: Segment) -> list[Segment]:
        """Take a segment, none that began before the last one; return the cues that are now certain."""
        self._waiting += parts(segment, srt_prefix(segment) if self._prefixed else "")
        self._waiting.sort(key=lambda part: part.start_s)
        return self._certain(segment.start_s)

    def close(self) -> list[Segment]:
        """Return the other cues."""
        return self._certain(math.inf)

    def _certain(self, until_s: float) -> list[Segment]:
        done = 0
        while done < len(self._waiting) and wanted_end_s(self._waiting[done]) <= until_s:
            done += 1
        certain = [
            _timed(part, self._waiting[place + 1 :]) for place, part in enumerate(self._waiting[:done])
        ]
        del self._waiting[:done]
        return certain


def _timed(part: Segment, later: Sequence[Segment]) -> Segment:
    """With its end: before the next one of its channel."""
    limit_s = next((after.start_s for after in later if after.channel == part.channel), math.inf)
    return replace(part, end_s=max(min(wanted_end_s(part), limit_s), part.start_s + _LEAST_S))


def _separator(number: int) -> str:
    return "\n" if number > 1 else ""


def _lines(cue: Segment, prefix: str) -> str:
    words = cue.text.split()
    words[:1] = [prefix + word for word in words[:1]]
    return "\n".join(two_lines(words) or [" ".join(words)])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
