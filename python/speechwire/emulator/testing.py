"""Tools for tests of agents: a caller with known words, faults, and what Deepgram saw of the agent."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

from speechwire.emulator._seen import finals, interruptions, plain, texts_to_speak
from speechwire.emulator.engine import Engine
from speechwire.emulator.faults import CloseWith, Fault, HalfOpen, RefuseUpgrade, Reset, Stall
from speechwire.emulator.known_words import KnownWords
from speechwire.emulator.server import Emulator
from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = ["EmulatedCall", "Verdict"]

_FRAME_S = 0.02
_LOOK_S = 0.02


@dataclass(frozen=True)
class Verdict:
    """The answer to a question about a call: true or false, with the reason as its text.

    Attributes:
        holds: The answer.
        reason: What was seen, for the message of a failed ``assert``.
    """

    holds: bool
    reason: str

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        return f"<{self.reason}>"


class _Rank:
    """The n-th connections to listening or to speaking endpoints, not counting the other kind."""

    def __init__(self, emulator: Emulator, kind: str, ranks: tuple[int, ...]) -> None:
        self._emulator = emulator
        self._kind = kind
        self._ranks = ranks

    def __contains__(self, index: object) -> bool:
        connections = [one for one in self._emulator.connections if one.endpoint.endswith(self._kind)]
        return any(one.index == index and rank in self._ranks for rank, one in enumerate(connections))


class EmulatedCall:
    """A call to the agent under test: what the caller says, what breaks, and what Deepgram saw.

    Times are those of the emulator, so nothing has to be measured in the agent.

    Args:
        emulator: Where the agent connects to.
        words: The emulator's engine, for the caller's audio; None if the emulator has another.

    Attributes:
        emulator: The same.
    """

    def __init__(self, emulator: Emulator, words: KnownWords | None) -> None:
        self.emulator = emulator
        self._words = words

    @property
    def base_url(self) -> str:
        """What to give the agent's Deepgram clients: ``ws://host:port``, without a path."""
        return self.emulator.base_url

    @property
    def http_url(self) -> str:
        """The same for clients that want ``http://host:port``."""
        return self.emulator.http_url

    def audio(
        self,
        text: str,
        *,
        rate: int = 16_000,
        channels: int = 1,
        before_s: float = 0.2,
        after_s: float = 1.0,
    ) -> bytes:
        """Return a caller's audio that says a text, as s16le.

        Args:
            text: Words as they are to be recognised, with capitals and punctuation; 0.35 s each.
            rate: 4000 to 192000 Hz.
            channels: 1 to 32, interleaved; all have the same audio.
            before_s: Silence before the words.
            after_s: Silence after them: Flux ends a turn after 0.4 s of it.

        Raises:
            RuntimeError: The emulator has an engine that cannot hear such audio.
            InvalidArgument: The rate or the channels are out of their range.
        """
        if not 4000 <= rate <= 192_000:
            raise InvalidArgument("rate", rate, "4000 to 192000 Hz")
        if not 1 <= channels <= 32:
            raise InvalidArgument("channels", channels, "1 to 32")
        if self._words is None:
            raise RuntimeError(f"the {self.emulator.engine.name} engine does not recognise known words")
        before, after = (bytes(2 * channels * round(rate * silence_s)) for silence_s in (before_s, after_s))
        return before + self._words.say(text, rate=rate, channels=channels) + after

    def frames(
        self, text: str, *, rate: int = 16_000, channels: int = 1, **silence: float
    ) -> Iterator[bytes]:
        """Yield the same audio in frames of 20 ms."""
        audio = self.audio(text, rate=rate, channels=channels, **silence)
        size = 2 * channels * round(rate * _FRAME_S)
        yield from (audio[at : at + size] for at in range(0, len(audio), size))

    async def play(
        self,
        text: str,
        push: Callable[[bytes], Awaitable[object] | object],
        *,
        rate: int = 16_000,
        channels: int = 1,
        speed: float = 1.0,
        **silence: float,
    ) -> None:
        """Give the same audio to ``push``, plain or async: a frame every 20 ms, ``speed`` times as often."""
        next_s = time.monotonic()
        for frame in self.frames(text, rate=rate, channels=channels, **silence):
            given = push(frame)
            if inspect.isawaitable(given):
                await given
            next_s += _FRAME_S / speed
            await asyncio.sleep(next_s - time.monotonic())

    def fails_with(self, *faults: Fault) -> None:
        """Let the emulator fail, on the connections that are made from now on.

        Raises:
            InvalidArgumentType: One is no fault, such as the name of a common one.
        """
        for fault in faults:
            if not isinstance(fault, Fault):
                raise InvalidArgumentType("faults", fault, "faults, such as common_faults()['reset']")
        self.emulator.faults += faults

    def listening(self, *ranks: int) -> Container[int]:
        """Name listening connections by their order, from 0, for a fault's ``connections``."""
        return _Rank(self.emulator, "/listen", ranks)

    def speaking(self, *ranks: int) -> Container[int]:
        """The same for speaking connections."""
        return _Rank(self.emulator, "/speak", ranks)

    def common_faults(self) -> dict[str, Fault]:
        """Common faults by name, each on the first listening connection."""
        first = self.listening(0)
        return {
            "reset": Reset(at_s=1.0, connections=first),
            "closed with 1011": CloseWith(1011, "NET-0000", at_s=1.0, connections=first),
            "silent": Stall(at_s=1.0, connections=first),
            "dead": HalfOpen(at_s=1.0, connections=first),
            "refused with 503": RefuseUpgrade(503, connections=first),
        }

    def heard(self, text: str, *, times: int | None = None) -> Verdict:
        """Whether Deepgram sent final transcripts with these words, in order and next to each other.

        Args:
            text: Capitals and punctuation do not count.
            times: How often exactly; by default at least once.
        """
        return _found("heard", text, finals(self.emulator.connections), times)

    def spoken(self, text: str, *, times: int | None = None) -> Verdict:
        """Whether the agent had these words spoken; arguments as for :meth:`heard`."""
        return _found("spoken", text, texts_to_speak(self.emulator.connections), times)

    def interrupted_within(self, seconds: float) -> Verdict:
        """Whether the agent stopped its speech soon after the caller had begun to speak during it.

        The time is measured from the message that reports the caller's speech to the agent's ``Clear`` or
        ``Interrupt``, or to the end of a speaking connection that was not done. The longest counts.
        """
        after_s = interruptions(self.emulator.connections)
        if not after_s:
            return Verdict(False, "not interrupted: no Clear, no Interrupt and no early end of a connection")
        said = ", ".join(f"{one:.2f} s" for one in after_s)
        return Verdict(max(after_s) <= seconds, f"interrupted after {said}, allowed are {seconds:g} s")

    def texts_in(self, pcm: bytes, rate: int = 24_000) -> list[str]:
        """Return the texts that are audible in what the agent played: mono s16le as Deepgram sent it."""
        return self._words.texts_in(pcm, rate) if self._words else []

    async def eventually(self, check: Callable[[], Any], within_s: float = 10.0) -> Any:
        """Return what ``check`` returns, as soon as it is true, or after ``within_s`` seconds."""
        end_s = time.monotonic() + within_s
        while not (found := check()) and time.monotonic() < end_s:  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(_LOOK_S)
        return found

    def wait_for(self, check: Callable[[], Any], within_s: float = 10.0) -> Any:
        """The same for a test that is not asynchronous: blocks."""
        end_s = time.monotonic() + within_s
        while not (found := check()) and time.monotonic() < end_s:
            time.sleep(_LOOK_S)
        return found


def call_on(emulator: Emulator, engine: Engine) -> EmulatedCall:
    """The call on an emulator that was started with an engine."""
    return EmulatedCall(emulator, engine if isinstance(engine, KnownWords) else None)


def _found(verb: str, text: str, texts: list[str], times: int | None) -> Verdict:
    count = _count(plain(text), [word for one in texts for word in plain(one)])
    holds = count > 0 if times is None else count == times
    often = "" if count < 2 and times is None else f" {count} times"
    return Verdict(holds, f"{verb}{often}: {texts}" if count else f"not {verb}: {text!r}, but {texts}")


def _count(wanted: list[str], words: list[str]) -> int:
    return sum(words[at : at + len(wanted)] == wanted for at in range(len(words))) if wanted else 0
