"""When the words of synthesized speech are heard, where the service does not say.

Aura names no times. What is known is how long all audio of a text lasts, once it has come, and how fast the
voice has spoken so far. A word then takes the share of the audio that it has of the text's characters. The
ends of texts are exact, and the error within a text is that of this proportion. Pure: no clock, no task.
"""

from __future__ import annotations

from speechwire.errors import InvalidArgument

__all__ = ["SpeakingRate", "WordTime", "WordTimes"]

_FIRST_CHARACTERS_PER_S = 15.0
_MEMORY_S = 60.0

WordTime = tuple[str, float]
"""A word, and when it begins, in seconds of the audio."""


class SpeakingRate:
    """How fast a voice speaks, learnt from what it has spoken; newer speech counts more.

    Args:
        characters_per_s: What is assumed before anything was spoken; blanks count.

    Raises:
        InvalidArgument: It is not above 0.
    """

    def __init__(self, characters_per_s: float = _FIRST_CHARACTERS_PER_S) -> None:
        if not characters_per_s > 0:
            raise InvalidArgument("characters_per_s", characters_per_s, "above 0")
        self._characters = characters_per_s
        self._seconds = 1.0

    @property
    def characters_per_s(self) -> float:
        """Characters in a second, blanks included."""
        return self._characters / self._seconds

    def learn(self, characters: int, seconds: float) -> None:
        """Take note of a text of so many characters that took so long; nothing of either is ignored."""
        if characters <= 0 or seconds <= 0:
            return
        kept = _MEMORY_S / (_MEMORY_S + seconds)
        self._characters = self._characters * kept + characters
        self._seconds = self._seconds * kept + seconds


class WordTimes:
    """The words of one text, reported as its audio comes.

    Words are what blanks separate. Each is reported once, in order, at a time no earlier than that of the one
    before.

    Args:
        text: What is spoken.
        rate: Of the voice; learns from this text at its end.
        start_s: Where the text's audio begins, in seconds.
    """

    def __init__(self, text: str, rate: SpeakingRate, start_s: float = 0.0) -> None:
        self._rate = rate
        self._start_s = start_s
        self._latest_s = start_s
        self._words = text.split()
        self._next = 0
        self._before = 0  # characters before the next word, blanks included
        self._characters = sum(len(word) + 1 for word in self._words)

    def advance(self, heard_s: float) -> list[WordTime]:
        """The words that have begun within this much of the text's audio, by the voice's rate so far."""
        return self._take(heard_s, self._rate.characters_per_s)

    def finish(self, heard_s: float) -> list[WordTime]:
        """All audio of the text has come, and lasts this long: the words that are left."""
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
