"""Estimates when the words of synthesized speech are heard, where the service gives no times.

Aura gives no word times. Known are the length of a text's audio, once all of it has come, and how fast the
voice has spoken so far. A word is assumed to take the same share of the audio as of the text's characters.
The ends of texts are exact; times within a text are estimates. Without a clock and without tasks.
"""

from __future__ import annotations

from speechwire.errors import InvalidArgument

__all__ = ["SpeakingRate", "WordTime", "WordTimes"]

_FIRST_CHARACTERS_PER_S = 15.0
_MEMORY_S = 60.0

WordTime = tuple[str, float]
"""A word, and its beginning in seconds of the audio."""


class SpeakingRate:
    """How fast a voice speaks, learnt from its speech so far; newer speech counts more.

    Args:
        characters_per_s: The rate before anything was spoken, in characters per second including blanks.

    Raises:
        InvalidArgument: `characters_per_s` is not above 0.
    """

    def __init__(self, characters_per_s: float = _FIRST_CHARACTERS_PER_S) -> None:
        if not characters_per_s > 0:
            raise InvalidArgument("characters_per_s", characters_per_s, "above 0")
        self._characters = characters_per_s
        self._seconds = 1.0

    @property
    def characters_per_s(self) -> float:
        """Characters per second, including blanks."""
        return self._characters / self._seconds

    def learn(self, characters: int, seconds: float) -> None:
        """Learn from a text of `characters` whose audio lasted `seconds`. Does nothing if either is 0."""
        if characters <= 0 or seconds <= 0:
            return
        kept = _MEMORY_S / (_MEMORY_S + seconds)
        self._characters = self._characters * kept + characters
        self._seconds = self._seconds * kept + seconds


class WordTimes:
    """The words of one text, reported as its audio comes.

    White space separates words. Each word is reported once, in order, with times that never decrease.

    Args:
        text: The text that is spoken.
        rate: The voice's rate, which learns from this text at its end.
        start_s: The beginning of the text's audio, in seconds.
    """

    def __init__(self, text: str, rate: SpeakingRate, start_s: float = 0.0) -> None:
        self._rate = rate
        self._start_s = start_s
        self._latest_s = start_s
        self._words = text.split()
        self._next = 0
        self._before = 0  # characters before the next word, including blanks
        self._characters = sum(len(word) + 1 for word in self._words)

    def advance(self, heard_s: float) -> list[WordTime]:
        """Return the words that begin within `heard_s` of the text's audio, by the voice's rate so far."""
        return self._take(heard_s, self._rate.characters_per_s)

    def finish(self, heard_s: float) -> list[WordTime]:
        """Return the remaining words, given that all audio of the text lasts `heard_s`."""
        self._rate.learn(self._characters, heard_s)
        if heard_s <= 0:
            return self._take(float("inf"), float("inf"))
        return self._take(float("inf"), self._characters / heard_s)

    def _take(self, until_s: float, characters_per_s: float) -> list[WordTime]:
        taken: list[WordTime] = []
        while self._next < len(self._words):
            begins_s = self._before / characters_per_s
            if begins_s >= until_s:
                break
            word = self._words[self._next]
            self._latest_s = max(self._latest_s, self._start_s + begins_s)
            taken.append((word, self._latest_s))
            self._before += len(word) + 1
            self._next += 1
        return taken
