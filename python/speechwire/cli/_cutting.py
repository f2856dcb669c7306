"""Segments cut into cues that can be read: two lines of 42 characters, on screen for 1 to 7 seconds.

These are common practice (Netflix, Timed Text Style Guide; BBC, Subtitle Guidelines). Where to cut is a
shortest path over the gaps between words: few cues, about as long as each other, ending where a sentence or a
clause does, and none of a single word if that can be helped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from speechwire.cli._segments import Segment, SpokenWord

__all__ = ["LINE_CHARACTERS", "LONGEST_S", "parts", "two_lines", "wanted_end_s"]

LINE_CHARACTERS = 42
LONGEST_S = 7.0
_SHORTEST_S = 1.0
_CHARACTERS_PER_S = 20.0

_SENSE_CHARACTERS = 16
_CUE_COST = 10.0
_SLACK_COST = 8.0
_SINGLE_WORD_COST = 100.0
_SENTENCE_GAIN = 5.0
_CLAUSE_GAIN = 2.0
_PAUSE_GAIN = 2.0
_PAUSE_S = 0.4
_SENTENCE_ENDS = tuple(".!?…。！？")
_CLAUSE_ENDS = tuple(",;:–—、，；：")


def parts(segment: Segment, prefix: str = "") -> list[Segment]:
    """Cut a segment between words.

    Args:
        segment: With word times; without them, its time is shared out by the words' lengths.
        prefix: Stands before each part's text on the first line and needs room there.
    """
    words = segment.words or tuple(_evenly(segment))
    if not words:
        return [segment]
    ends = _cheapest_cuts(words, prefix)
    return [_part(segment, words[begin:end]) for begin, end in pairwise([0, *ends])]


def two_lines(words: Sequence[str]) -> list[str] | None:
    """Words on one line, or on two of about the same length; ``None`` if there is no room.

    A single word gets a line of its own, however long it is.
    """
    text = " ".join(words)
    if len(text) <= LINE_CHARACTERS or len(words) == 1:
        return [text]
    breaks = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    fitting = [lines for lines in breaks if max(map(len, lines)) <= LINE_CHARACTERS]
    return list(min(fitting, key=lambda lines: _unevenness(*lines))) if fitting else None


def wanted_end_s(part: Segment) -> float:
    """The end of a cue if nothing follows: late enough to read it, and not too late."""
    wanted_s = max(_SHORTEST_S, len(part.text) / _CHARACTERS_PER_S)
    return min(max(part.end_s, part.start_s + wanted_s), part.start_s + LONGEST_S)


def _unevenness(first: str, second: str) -> tuple[bool, int, int]:
    """No line of a single word, lines of about the same length, and a break where the sense has one."""
    single = " " not in first or " " not in second
    sense = _SENSE_CHARACTERS if first.endswith(_SENTENCE_ENDS + _CLAUSE_ENDS) else 0
    return single, abs(len(first) - len(second)) - sense, len(first)


def _cheapest_cuts(words: Sequence[SpokenWord], prefix: str) -> list[int]:
    """The ends of the parts: the shortest path from the first word to the end."""
    cost, came_from = [0.0] + [math.inf] * len(words), [0] * (len(words) + 1)
    for begin in range(len(words)):
        for end, price in _prices(words, begin, prefix):
            if cost[begin] + price < cost[end]:
                cost[end], came_from[end] = cost[begin] + price, begin
    ends = [len(words)]
    while came_from[ends[-1]]:
        ends.append(came_from[ends[-1]])
    return ends[::-1]


def _prices(words: Sequence[SpokenWord], begin: int, prefix: str) -> Iterator[tuple[int, float]]:
    """Ends of a part that begins here, with its cost."""
    for end in range(begin + 1, len(words) + 1):
        part = words[begin:end]
        lengths = [len(prefix) * (not place) + len(word.text) for place, word in enumerate(part)]
        if end > begin + 1 and (not _fits(lengths) or part[-1].end_s - part[0].start_s > LONGEST_S):
            return
        yield end, _price(part, sum(lengths) + len(part) - 1, words[end] if end < len(words) else None)


def _price(part: Sequence[SpokenWord], characters: int, following: SpokenWord | None) -> float:
    slack = max(0.0, 1.0 - characters / (2 * LINE_CHARACTERS))
    price = _CUE_COST + _SLACK_COST * slack * slack
    if len(part) == 1:
        price += _SINGLE_WORD_COST
    if part[-1].text.endswith(_SENTENCE_ENDS):
        price -= _SENTENCE_GAIN
    elif part[-1].text.endswith(_CLAUSE_ENDS):
        price -= _CLAUSE_GAIN
    if following is not None and following.start_s - part[-1].end_s >= _PAUSE_S:
        price -= _PAUSE_GAIN
    return price


def _fits(lengths: Sequence[int]) -> bool:
    """Whether words of these lengths have room on two lines: on the first as many as possible."""
    lines, room = 1, LINE_CHARACTERS
    for place, length in enumerate(lengths):
        if place and length + 1 > room:
            lines, room = lines + 1, LINE_CHARACTERS - length
        else:
            room -= length + bool(place)
    return lines <= 2 and max(lengths) <= LINE_CHARACTERS


def _part(segment: Segment, words: Sequence[SpokenWord]) -> Segment:
    text = " ".join(word.text for word in words)
    return replace(segment, text=text, start_s=words[0].start_s, end_s=words[-1].end_s, words=tuple(words))


def _evenly(segment: Segment) -> Iterator[SpokenWord]:
    """The words, with the segment's time shared in proportion to their lengths."""
    texts = segment.text.split()
    lengths = [0, *accumulate(len(text) for text in texts)]
    at = _share(segment, lengths[-1])
    for text, (before, after) in zip(texts, pairwise(lengths), strict=True):
        yield SpokenWord(text, at(before), at(after), 0.0)


def _share(segment: Segment, whole: int) -> Callable[[int], float]:
    duration_s = segment.end_s - segment.start_s
    return lambda characters: segment.start_s + duration_s * characters / whole
