"""When the audio of a context is played, which Pipecat's word times leave out.

Pipecat counts the words of a context from the moment when its first audio is pushed, or from the last word
before it. Audio is played later than that while earlier audio is still playing, and later again behind a
pause: a model that thinks in the middle of a reply, a connection that is replaced. Without that difference
words would be told before they are heard, and an interrupted reply would have words that nobody heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from speechwire.session.word_times import WordTime

__all__ = ["Playback", "Timeline"]


class Timeline:
    """What all contexts of a service share: one is played behind the other.

    Args:
        clock: Seconds that never go back.

    Attributes:
        now_s: The clock.
        ends_s: When all audio so far has been played.
        told_s: When the last word so far is told.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now_s = clock
        self.reset()

    def reset(self) -> None:
        """Nothing is being played: it was interrupted."""
        self.ends_s = self.told_s = 0.0


class Playback:
    """The audio of one context, played as it comes.

    Args:
        timeline: Of the service.

    Attributes:
        heard_s: How much audio has come.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.heard_s = 0.0
        self._timeline = timeline
        self._counted_from_s = self._ends_s = 0.0

    def add(self, seconds: float) -> None:
        """Take audio that is played behind what has come, or at once if that is over."""
        timeline, now_s = self._timeline, self._timeline.now_s()
        if not self.heard_s:
            self._counted_from_s, self._ends_s = max(timeline.told_s, now_s), timeline.ends_s
        self.heard_s += seconds
        self._ends_s = max(self._ends_s, now_s) + seconds
        timeline.ends_s = max(timeline.ends_s, self._ends_s)

    def timed(self, words: list[WordTime]) -> list[WordTime]:
        """Words with their times in the audio, as Pipecat counts them."""
        if not words or not self.heard_s:
            return words
        late_s = self._ends_s - self.heard_s - self._counted_from_s
        timed = [(word, at_s + late_s) for word, at_s in words]
        self._timeline.told_s = max(self._timeline.told_s, self._counted_from_s + timed[-1][1])
        return timed
