"""The deterministic engine: what is "heard" is a function of audio time alone.

::

    script = Script(
        Phrase(0.5, "Two tickets to Oslo,", 1.5),
        Phrase(2.0, "please.", 2.3),
        Inject(1.0, {"type": "Novelty"}),
    )
    async with Emulator(engine=ScriptedEngine(script)) as emulator: ...

The endpoints derive their messages from this by the documented state tables, so the same script serves Flux
and Nova. Speech synthesis answers each text with samples of one value that names it (:func:`tag_of`), so
that a test can tell exactly what was heard.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from speechwire.emulator._confidence import end_of_turn_confidence
from speechwire.emulator.engine import Heard, StreamInfo, Word
from speechwire.emulator.faults import Inject
from speechwire.errors import InvalidArgument

__all__ = ["Phrase", "Script", "ScriptedEngine", "tag_of"]

_PUNCTUATION = ".,!?;:"
_EPSILON_S = 1e-9


@dataclass(frozen=True, slots=True)
class Phrase:
    """Speech without a pause.

    Attributes:
        start_s: Audio time at which it starts.
        text: What is said, cased and punctuated as it shall be reported; its words share the time evenly.
        end_s: Audio time at which it ends.
        confidence: Word confidence, 0 to 1.
        end_of_turn: End-of-turn confidence in the silence after it; None lets it grow with the silence.
    """

    start_s: float
    text: str
    end_s: float
    confidence: float = 0.99
    end_of_turn: float | None = None

    def words(self) -> tuple[Word, ...]:
        """The words with their times."""
        texts = self.text.split()
        each_s = (self.end_s - self.start_s) / max(len(texts), 1)
        return tuple(
            self._word(text, self.start_s + index * each_s, each_s) for index, text in enumerate(texts)
        )

    def _word(self, text: str, start_s: float, length_s: float) -> Word:
        plain = text.strip(_PUNCTUATION).lower()
        return Word(plain, start_s, start_s + length_s, self.confidence, text)


class Script:
    """What one stream hears.

    Args:
        steps: Phrases, in order and without overlap, and injections, in any order.
        period_s: Repeat the phrases every so many seconds of audio; None plays them once.
        step_s: How often the recognizer reports, in seconds of audio.

    Raises:
        InvalidArgument: Phrases overlap, go backwards or outlast the period.
    """

    def __init__(self, *steps: Phrase | Inject, period_s: float | None = None, step_s: float = 0.05) -> None:
        self.phrases = tuple(step for step in steps if isinstance(step, Phrase))
        self.injections = tuple(
            sorted((step for step in steps if isinstance(step, Inject)), key=lambda step: step.at_s)
        )
        self.period_s = period_s
        self.step_s = step_s
        self._check()

    @classmethod
    def from_json(cls, value: Any) -> Script:
        """Read ``{"steps": [{"start_s", "text", "end_s"}, {"at_s", "frame"}], "period_s", "step_s"}``.

        Raises:
            InvalidArgument: An unknown or missing field, a value of the wrong type, or what the constructor
                refuses.
        """
        if not isinstance(value, dict) or not isinstance(value.get("steps"), list):
            raise InvalidArgument("script", value, "an object with a list of `steps`")
        if unknown := set(value) - {"steps", "period_s", "step_s"}:
            raise InvalidArgument("script", sorted(unknown), "`steps`, `period_s` and `step_s` alone")
        steps = [_step(f"steps[{index}]", step) for index, step in enumerate(value["steps"])]
        numbers = {name: value[name] for name in ("period_s", "step_s") if value.get(name) is not None}
        for name, number in numbers.items():
            if not _is_number(number):
                raise InvalidArgument(name, number, "a number")
        return cls(*steps, **numbers)

    def _check(self) -> None:
        end_s = 0.0
        for phrase in self.phrases:
            if not end_s <= phrase.start_s < phrase.end_s:
                raise InvalidArgument("phrase", phrase, f"one that starts at or after {end_s} and lasts")
            end_s = phrase.end_s
        if self.period_s is not None and self.period_s < end_s:
            raise InvalidArgument("period_s", self.period_s, f"at least {end_s}, where the last phrase ends")
        if not 0 < self.step_s <= 0.25:
            raise InvalidArgument("step_s", self.step_s, "above 0 and at most 0.25")

    def phrase(self, index: int) -> Phrase | None:
        """The ``index``-th phrase to be heard, counting repetitions."""
        if not self.phrases or (self.period_s is None and index >= len(self.phrases)):
            return None
        lap, place = divmod(index, len(self.phrases))
        shift_s = lap * (self.period_s or 0.0)
        phrase = self.phrases[place]
        return replace(phrase, start_s=phrase.start_s + shift_s, end_s=phrase.end_s + shift_s)


_PHRASE = {"start_s", "text", "end_s"}
_INJECTION = {"at_s", "frame"}
_OF_PHRASE = {*_PHRASE, "confidence", "end_of_turn"}


def _step(name: str, step: Any) -> Phrase | Inject:
    """One step of a script in JSON."""
    given = set(step) if isinstance(step, dict) else set()
    if _PHRASE <= given <= _OF_PHRASE:
        text, end_of_turn = step["text"], step.get("end_of_turn")
        numbers = [step[field] for field in given - {"text", "end_of_turn"}]
        numbers += [] if end_of_turn is None else [end_of_turn]
        if isinstance(text, str) and all(_is_number(number) for number in numbers):
            return Phrase(**step)
    elif given == _INJECTION and _is_number(step["at_s"]) and isinstance(step["frame"], dict | str):
        return Inject(**step)
    fields = "`start_s`, `text`, `end_s` and perhaps `confidence` and `end_of_turn`"
    raise InvalidArgument(name, step, f"a phrase with {fields}, or an injection with `at_s` and `frame`")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _ScriptedRecognizer:
    """Plays a script against the count of samples that came."""

    def __init__(self, script: Script, sample_rate: int) -> None:
        self._script = script
        self._rate = sample_rate
        self._step = max(round(script.step_s * sample_rate), 1)
        self._samples = 0
        self._index = 0
        self._phrase = script.phrase(0)
        self._unsettled = self._phrase.words() if self._phrase else ()
        self._injected = 0
        self._silence_from_s: float | None = None
        self._silence_confidence: float | None = None

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        """Report at every multiple of the step that these samples reach."""
        start, self._samples = self._samples, self._samples + len(pcm) // 2
        first = (start // self._step + 1) * self._step
        return [self._with_frames(self._report(at)) for at in range(first, self._samples + 1, self._step)]

    async def settle(self) -> Sequence[Heard]:
        """Report all that was heard, to the sample."""
        heard = replace(self._report(self._samples), settled=True)
        self._unsettled = tuple(word for word in self._unsettled if word not in heard.words)
        return [heard]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """The script is what is heard, whatever is favoured."""

    async def aclose(self) -> None:
        """Nothing is held."""

    def _with_frames(self, heard: Heard) -> Heard:
        injections, first = self._script.injections, self._injected
        while (
            self._injected < len(injections) and injections[self._injected].at_s <= heard.time_s + _EPSILON_S
        ):
            self._injected += 1
        due = tuple(step.frame for step in injections[first : self._injected])
        return replace(heard, frames=due) if due else heard

    def _report(self, sample: int) -> Heard:
        time_s, phrase = sample / self._rate, self._phrase
        if phrase is None or time_s < phrase.start_s:
            return self._silence(time_s)
        words = tuple(word for word in self._unsettled if word.end_s <= time_s + _EPSILON_S)
        if time_s < phrase.end_s - _EPSILON_S:
            return Heard(time_s, words, silence_s=0.0)
        self._end_phrase(phrase)
        return replace(self._silence(time_s), words=words, settled=True)

    def _end_phrase(self, phrase: Phrase) -> None:
        self._silence_from_s, self._silence_confidence = phrase.end_s, phrase.end_of_turn
        self._index += 1
        self._phrase = self._script.phrase(self._index)
        self._unsettled = self._phrase.words() if self._phrase else ()

    def _silence(self, time_s: float) -> Heard:
        if self._silence_from_s is None:
            return Heard(time_s)
        silence_s = max(time_s - self._silence_from_s, _EPSILON_S)
        scripted = self._silence_confidence
        confidence = end_of_turn_confidence(silence_s) if scripted is None else scripted
        return Heard(time_s, silence_s=silence_s, end_of_turn=confidence)


def tag_of(text: str) -> int:
    """The sample value, 1 to 32000, that the scripted engine speaks for this text."""
    return 1 + zlib.crc32(text.encode()) % 32000


class _ScriptedSynthesizer:
    def __init__(self, sample_rate: int, seconds_per_character: float) -> None:
        self._samples_per_character = seconds_per_character * sample_rate
        self._piece = max(sample_rate // 50, 1)
        self._speed = 1.0

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield 20 ms pieces of the text's tag."""
        sample = tag_of(text).to_bytes(2, "little")
        left = round(len(text) * self._samples_per_character / self._speed)
        while left > 0:
            yield sample * min(left, self._piece)
            left -= self._piece

    def set_speed(self, speed: float) -> None:
        """A faster voice takes less time."""
        self._speed = speed


class ScriptedEngine:
    """Hears what its script says and speaks tags.

    Args:
        script: One script for every stream, or a function from the stream to its script.
        seconds_per_character: How long a spoken text lasts.
    """

    name = "scripted"

    def __init__(
        self,
        script: Script | Callable[[StreamInfo], Script] | None = None,
        *,
        seconds_per_character: float = 0.06,
    ) -> None:
        self._script = script or Script()
        self._seconds_per_character = seconds_per_character

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to release."""

    def script(self, stream: StreamInfo) -> Script:
        """The script of this stream."""
        return self._script if isinstance(self._script, Script) else self._script(stream)

    async def recognizer(self, stream: StreamInfo) -> _ScriptedRecognizer:
        """Listen by the script."""
        return _ScriptedRecognizer(self.script(stream), stream.sample_rate)

    async def synthesizer(self, stream: StreamInfo) -> _ScriptedSynthesizer:
        """Speak in tags."""
        return _ScriptedSynthesizer(stream.sample_rate, self._seconds_per_character)
