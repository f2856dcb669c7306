"""A reply that is struck by a fault or cut by a barge-in, with whichever service; and what was heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pipecat.frames.frames import ErrorFrame, InterruptionFrame, TTSAudioRawFrame, TTSStoppedFrame
from tests.clients.waiting import until
from tests.pipecat.running import Passed, frames_of, reply, running_frames

from speechwire.emulator import Behaviour, Delivery, Emulator, Fault, ScriptedEngine, tag_of

__all__ = ["SpeechOutcome", "barge_in", "speak"]

FIRST = ["It is a long sentence that begins. ", "And here is another one behind it. ", "The last one. "]
SECOND = "Thank you."
_PATIENCE_S = 45.0


@dataclass(frozen=True)
class SpeechOutcome:
    """What came of a reply.

    Attributes:
        lost_ms: Of the reply's audio, what was not heard.
        again_ms: What was heard twice.
        first_s: From the reply, or the barge-in and the next one, to its first audio, or None.
        stale_ms: After the barge-in, audio of the old reply.
        errors: Error frames.
    """

    lost_ms: float
    again_ms: float
    first_s: float | None
    stale_ms: float
    errors: int

    def cells(self) -> list[str]:
        first = "never" if self.first_s is None else f"{self.first_s:.2f}"
        return [
            f"{self.lost_ms:.0f}",
            f"{self.again_ms:.0f}",
            f"{self.stale_ms:.0f}",
            first,
            str(self.errors),
        ]


async def speak(faults: Sequence[Fault], make: Callable[[Emulator], Any]) -> SpeechOutcome:
    """Have a reply spoken to its end, or until nothing comes any more."""
    delivery = Behaviour(delivery=Delivery(pace=4.0))
    async with Emulator(ScriptedEngine(), faults=faults, behaviour=delivery) as emulator:
        async with running_frames(make(emulator)) as (worker, passed):
            asked_at = time.monotonic()
            await reply(worker, *FIRST)
            await _ended(passed)
        expected = _length_ms("".join(FIRST))
    heard_ms = _heard_ms(passed)
    return SpeechOutcome(
        lost_ms=max(0.0, expected - heard_ms),
        again_ms=max(0.0, heard_ms - expected),
        first_s=_first_s(passed, asked_at),
        stale_ms=0.0,
        errors=len(frames_of(passed, ErrorFrame)),
    )


async def barge_in(make: Callable[[Emulator], Any]) -> SpeechOutcome:
    """Interrupt a reply after its first audio and ask for another at once."""
    delivery = Behaviour(delivery=Delivery(pace=2.0))
    async with Emulator(ScriptedEngine(), behaviour=delivery) as emulator:
        async with running_frames(make(emulator)) as (worker, passed):
            await reply(worker, *FIRST)
            await until(lambda: _heard_ms(passed) > 300)
            before, asked_at = len(passed), time.monotonic()
            await worker.queue_frame(InterruptionFrame())
            await reply(worker, SECOND)
            await _ended(passed, _stops(passed[:before]) + 1)
        after = passed[_interruption(passed) :]
    wanted, heard_ms = _length_ms(SECOND + " "), _tagged_ms(after, SECOND + " ")
    return SpeechOutcome(
        lost_ms=max(0.0, wanted - heard_ms),
        again_ms=max(0.0, heard_ms - wanted),
        first_s=_first_s([each for each in after if each.at_s >= asked_at], asked_at),
        stale_ms=_heard_ms(after) - heard_ms,
        errors=len(frames_of(passed, ErrorFrame)),
    )


async def _ended(passed: list[Passed], stops: int = 1) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and _stops(passed) < stops:
        await asyncio.sleep(0.02)


def _stops(passed: list[Passed]) -> int:
    return len(frames_of(passed, TTSStoppedFrame))


def _interruption(passed: list[Passed]) -> int:
    """Where the interruption has come through, at the pipeline's end."""
    return max(number for number, each in enumerate(passed) if isinstance(each.frame, InterruptionFrame))


def _length_ms(text: str) -> float:
    return round(len(text) * 60)


def _heard_ms(passed: list[Passed]) -> float:
    return float(sum(len(frame.audio) for frame in frames_of(passed, TTSAudioRawFrame))) / 32


def _tagged_ms(passed: list[Passed], text: str) -> float:
    audio = b"".join(frame.audio for frame in frames_of(passed, TTSAudioRawFrame))
    return float(np.count_nonzero(np.frombuffer(audio, "<u2") == tag_of(text))) / 16


def _first_s(passed: list[Passed], asked_at: float) -> float | None:
    times = [each.at_s for each in passed if isinstance(each.frame, TTSAudioRawFrame)]
    return times[0] - asked_at if times else None
