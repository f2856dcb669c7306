"""The service of the soak: the emulator, an engine that reads unit numbers, an end for each connection."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from benches.python.soak.units import Unit, UnitReader, is_spoken, word_of

from speechwire.emulator import (
    CloseWith,
    Connection,
    Emulator,
    Fault,
    HalfOpen,
    Heard,
    Reset,
    ScriptedEngine,
    Stall,
    StreamInfo,
    Word,
)

KINDS: Final[dict[str, Any]] = {
    "TCP reset": Reset(),
    "TCP reset in mid-frame": Reset(mid_frame=True),
    "TCP end without a close frame": Reset(hard=False),
    "close 1011 NET-0000": CloseWith(1011, "NET-0000"),
    "stall": Stall(),
    "half-open TCP": HalfOpen(),
}
_LEAST_S = 1.0
_END_OF_TURN_S = 0.4
_SPOKEN_BYTES_PER_S = 48_000


class UnitRecognizer:
    """Hears one word in every spoken unit."""

    def __init__(self, rate: int) -> None:
        self.reader = UnitReader(rate)
        self._rate = rate
        self._open: list[Word] = []
        self._last_word_s: float | None = None

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        return [self._hear(unit) for unit in self.reader.feed(pcm)]

    async def settle(self) -> Sequence[Heard]:
        heard = [self._hear(unit) for unit in self.reader.settle()]
        return [*heard, self._report(self.reader.position / self._rate, settled=True)]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None: ...

    async def aclose(self) -> None: ...

    def _hear(self, unit: Unit) -> Heard:
        end_s, spoken = unit.end / self._rate, is_spoken(unit.number)
        if spoken:
            text = word_of(unit.number)
            self._open.append(Word(text, unit.start / self._rate, end_s, 0.99, text))
            self._last_word_s = end_s
        return self._report(end_s, settled=not spoken and bool(self._open))

    def _report(self, now_s: float, *, settled: bool) -> Heard:
        words = tuple(self._open)
        silence_s = None if self._last_word_s is None else now_s - self._last_word_s
        if settled:
            self._open = []
        over = silence_s is not None and silence_s >= _END_OF_TURN_S - 0.01
        return Heard(now_s, words, settled, silence_s, end_of_turn=1.0 if over else 0.1)


class UnitEngine(ScriptedEngine):
    """Reads unit numbers; speaks tags."""

    name = "units"

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[UnitReader] = []

    @property
    def breaks(self) -> int:
        """How often something was left out or put in within a connection."""
        return sum(reader.breaks for reader in self.readers)

    async def recognizer(self, stream: StreamInfo) -> UnitRecognizer:  # type: ignore[override]
        recognizer = UnitRecognizer(stream.sample_rate)
        self.readers.append(recognizer.reader)
        return recognizer


class Fates(list[Fault]):
    """For each connection that comes, when and how it ends.

    How: every kind in turn, in an order that is shuffled anew each time round. When: as if every
    ``kill_every_s`` one of ``streams`` connections were picked, so after an exponentially distributed time of
    that mean; but not within the first second.
    """

    def __init__(self, streams: int, kill_every_s: float, seed: int) -> None:
        super().__init__()
        self.drawn: list[tuple[str, float]] = []
        self._mean_s = max(streams * kill_every_s - _LEAST_S, 0.1)
        self._random = random.Random(seed)
        self._next: list[str] = []

    def __iter__(self) -> Iterator[Fault]:
        if not self._next:
            self._next = self._random.sample(list(KINDS), len(KINDS))
        kind = self._next.pop()
        at_s = _LEAST_S + self._random.expovariate(1 / self._mean_s)
        self.drawn.append((kind, at_s))
        yield dataclasses.replace(KINDS[kind], at_s=at_s)

    def struck(self, connections: Sequence[Connection]) -> Counter[str]:
        """How many connections each kind has ended."""
        drawn = [(connection, *self.drawn[connection.index]) for connection in connections]
        return Counter(kind for connection, kind, at_s in drawn if _lived_s(connection) >= at_s)


def _lived_s(connection: Connection) -> float:
    return max(connection.audio_s, connection.sent_audio_bytes / _SPOKEN_BYTES_PER_S)


async def serve(streams: int, kill_every_s: float, seed: int) -> None:
    """Print the address; answer each line of standard input with the counts so far; end with it."""
    engine, fates = UnitEngine(), Fates(streams, kill_every_s, seed)
    loop = asyncio.get_running_loop()
    async with Emulator(engine) as emulator:
        emulator.faults = fates
        print(emulator.base_url, flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            counts = {
                "connections": len(emulator.connections),
                "struck": fates.struck(emulator.connections),
                "breaks": engine.breaks,
                "audio_s": sum(connection.audio_s for connection in emulator.connections),
            }
            print(json.dumps(counts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--kill-every-s", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.streams, arguments.kill_every_s, arguments.seed))


if __name__ == "__main__":
    main()
