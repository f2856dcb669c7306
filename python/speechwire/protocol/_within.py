"""Limits the times of events to the audio that was sent: the service cannot have transcribed more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2

__all__ = ["all_within", "results_within", "turn_within"]

WordT = TypeVar("WordT", v1.Word, v2.Word)


def all_within(words: Sequence[v1.Word] | Sequence[v2.Word], limit_s: float) -> bool:
    """Whether each word begins before it ends and ends by `limit_s`. A message's most expensive check."""
    try:
        for word in words:
            if word.end > limit_s or word.start > word.end:  # type: ignore[operator]  # see below
                return False
    except TypeError:  # some words have no times, as from older servers
        return all((word.start or 0.0) <= (word.end or limit_s) <= limit_s for word in words)
    return True


def results_within(results: v1.Results, limit_s: float) -> v1.Results:
    """The result with its end and its words limited to `limit_s`."""
    start = min(results.start, limit_s)
    alternatives = tuple(
        replace(alternative, words=_words_within(alternative.words, limit_s))
        for alternative in results.channel.alternatives
    )
    return replace(
        results,
        start=start,
        duration=min(results.duration, limit_s - start),
        channel=replace(results.channel, alternatives=alternatives),
    )


def turn_within(turn: v2.TurnInfo, limit_s: float) -> v2.TurnInfo:
    """The turn with its window and its words limited to `limit_s`."""
    end = min(turn.audio_window_end, limit_s)
    return replace(
        turn,
        audio_window_start=min(turn.audio_window_start, end),
        audio_window_end=end,
        words=_words_within(turn.words, limit_s),
    )


def _words_within(words: Sequence[WordT], limit_s: float) -> tuple[WordT, ...]:
    return tuple(_word_within(word, limit_s) for word in words)


def _word_within(word: WordT, limit_s: float) -> WordT:
    start, end = _earlier(word.start, limit_s), _earlier(word.end, limit_s)
    return replace(word, start=start, end=end if start is None or end is None else max(start, end))


def _earlier(time_s: float | None, limit_s: float) -> float | None:
    return None if time_s is None else min(time_s, limit_s)
