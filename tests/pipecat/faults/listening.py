"""A call through a pipeline at real pace, struck by a fault, with whichever service; what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import ErrorFrame, InputAudioRawFrame, TranscriptionFrame
from tests.pipecat.running import Passed, frames_of, running
from tests.session.counted import RATE, counted
from tests.transport.counted_engine import CountedEngine
from tests.transport.reliability.arrivals import Arrivals

from speechwire.emulator import Connection, Emulator, Fault

__all__ = ["STRUCK_AT_S", "Call", "Outcome", "hold"]

STRUCK_AT_S = 4.6
"""In the middle of the second turn."""

TURNS = [(1.0, 2.5), (4.0, 5.5), (8.0, 9.5), (12.0, 13.5), (16.0, 17.0)]
LATER_TURNS = [(30.0, 31.0), (50.0, 51.0), (66.0, 67.0)]
_FRAME_S = 0.1
_LOOK_S = 0.02


@dataclass(frozen=True)
class Call:
    """What is said, and what happens meanwhile.

    Attributes:
        faults: Of the emulator.
        seconds: Length of the call.
    """

    faults: Sequence[Fault]
    seconds: float = 14.0

    @property
    def turns(self) -> list[tuple[float, float]]:
        return [turn for turn in (*TURNS, *LATER_TURNS) if turn[1] < self.seconds]


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes:
        words: Heard, of those spoken.
        spoken: How many were.
        again: Words that were told more than once.
        turns: Final transcripts.
        lost_ms: Audio that never arrived.
        noticed_s: From the fault to the next attempt to connect, or None.
        errors: Error frames.
        longest_push_s: The longest that a frame of audio held up those behind it.
    """

    words: int
    spoken: int
    again: int
    turns: int
    lost_ms: float
    noticed_s: float | None
    errors: int
    longest_push_s: float

    def cells(self) -> list[str]:
        noticed = "never" if self.noticed_s is None else f"{self.noticed_s:.1f}"
        return [
            f"{self.words}/{self.spoken}",
            str(self.again),
            str(self.turns),
            f"{self.lost_ms / 1000:.1f}",
            noticed,
            str(self.errors),
            f"{self.longest_push_s:.1f}",
        ]


async def hold(call: Call, make: Callable[[Emulator], Any]) -> Outcome:
    """Hold a call to its end."""
    engine = CountedEngine(call.turns)
    passed: list[Passed] = []
    async with Emulator(engine, keep_audio=True, faults=call.faults) as emulator:
        watching = asyncio.create_task(_noticed_s(emulator))
        async with running(make(emulator), note=passed.append) as worker:
            await _talk(worker, call.seconds)
        watching.cancel()
        noticed_s = await watching
        received = [bytes(each.audio) for each in emulator.connections]
    told = Counter(
        int(word) for frame in frames_of(passed, TranscriptionFrame) for word in frame.text.split()
    )
    return Outcome(
        words=len(told.keys() & set(engine.words)),
        spoken=len(engine.words),
        again=sum(count - 1 for count in told.values()),
        turns=len(frames_of(passed, TranscriptionFrame)),
        lost_ms=Arrivals(received, call.seconds).lost_ms,
        noticed_s=noticed_s,
        errors=len(frames_of(passed, ErrorFrame)),
        longest_push_s=_longest_push_s(passed),
    )


async def _talk(worker: Any, seconds: float) -> None:
    start, samples = time.monotonic(), round(_FRAME_S * RATE)
    for number in range(round(seconds / _FRAME_S)):
        await asyncio.sleep(max(0.0, start + number * _FRAME_S - time.monotonic()))
        audio = counted(number * samples, samples)
        await worker.queue_frame(InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1))


async def _noticed_s(emulator: Emulator) -> float | None:
    """Seconds from the fault, or from the first refusal, to the next attempt; cancelled at the call's end."""
    struck_at = None
    try:
        while True:
            connections = emulator.connections
            now = time.monotonic()
            if struck_at is None and connections and _is_struck(connections[0]):
                struck_at = now
            if struck_at is not None and len(connections) > 1:
                return now - struck_at
            await asyncio.sleep(_LOOK_S)
    except asyncio.CancelledError:
        return None


def _is_struck(connection: Connection) -> bool:
    return connection.status != 101 or connection.audio_s >= STRUCK_AT_S


def _longest_push_s(passed: list[Passed]) -> float:
    """How much later than the watcher before the service the one behind it saw a frame of audio, at most."""
    first: dict[int, float] = {}
    longest = 0.0
    for each in passed:
        if isinstance(each.frame, InputAudioRawFrame):
            longest = max(longest, each.at_s - first.setdefault(each.frame.id, each.at_s))
    return longest
