"""An emulator engine that hears counted audio: it "recognizes" which quarter of a second it is.

In the turns of a schedule one word is spoken in every quarter second, and its text is the quarter's number
on the caller's clock. What a session delivers can so be compared with what was pushed, whatever happened
between. A frame of zeros is silence that the session put in: time in which nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.session.counted import RATE, SAMPLE_BYTES, indices

from speechwire.emulator import Heard, StreamInfo, Word
from speechwire.emulator.scripted import ScriptedEngine

QUARTER = RATE // 4


class CountedRecognizer:
    def __init__(self, words: frozenset[int]) -> None:
        self._words = words
        self._position = 0
        self._silent = 0  # samples of silence that was put in
        self._quarter_began: int | None = None
        self._open: list[Word] = []
        self._last_word_s: float | None = None

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        samples = len(pcm) // SAMPLE_BYTES
        return self._audio(int(indices(pcm)[0]), samples) if any(pcm) else self._silence(samples)

    async def settle(self) -> Sequence[Heard]:
        return [self._report(settled=True)]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None: ...

    async def aclose(self) -> None: ...

    def _audio(self, start: int, left: int) -> list[Heard]:
        reports = []
        while left:
            if start % QUARTER == 0:
                self._quarter_began = self._position
            step = min(left, QUARTER - start % QUARTER)
            start, left = start + step, left - step
            self._position += step
            if start % QUARTER == 0:
                reports.append(self._quarter(start // QUARTER - 1))
        return reports

    def _silence(self, left: int) -> list[Heard]:
        reports = []
        while left:
            step = min(left, QUARTER - self._silent % QUARTER)
            self._silent, left = self._silent + step, left - step
            self._position += step
            if self._silent % QUARTER == 0:
                reports.append(self._nothing())
        return reports

    def _quarter(self, number: int) -> Heard:
        if number not in self._words:
            return self._nothing()
        now_s = self._position / RATE
        began = max(0, self._position - QUARTER) if self._quarter_began is None else self._quarter_began
        self._open.append(Word(str(number), began / RATE, now_s, 0.99, str(number)))
        self._last_word_s = now_s
        return self._report(settled=False)

    def _nothing(self) -> Heard:
        return self._report(settled=bool(self._open))

    def _report(self, *, settled: bool) -> Heard:
        now_s, words = self._position / RATE, tuple(self._open)
        silence_s = None if self._last_word_s is None else now_s - self._last_word_s
        if settled:
            self._open = []
        ended = silence_s is not None and silence_s >= 0.5
        return Heard(now_s, words, settled, silence_s, end_of_turn=1.0 if ended else 0.1)


class CountedEngine(ScriptedEngine):
    """Hears the words of these turns; speaks as the scripted engine does."""

    name = "counted"

    def __init__(self, turns: Sequence[tuple[float, float]]) -> None:
        super().__init__()
        self.words = [number for begin, end in turns for number in range(round(begin * 4), round(end * 4))]

    async def recognizer(self, stream: StreamInfo) -> CountedRecognizer:  # type: ignore[override]
        return CountedRecognizer(frozenset(self.words))
