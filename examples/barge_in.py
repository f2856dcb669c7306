"""Barge-in: a long reply is cut short, and not one sample of it is heard after that.

Example:
  python -m examples.barge_in --out barge_in.wav     (espeak-ng speaks: listen to the recording)
  python -m examples.barge_in --engine scripted      (every sample names its text: count them)
"""

from __future__ import annotations

import asyncio
import sys
import wave
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from examples.shared.service import Service, parser, run, service_of
from speechwire.emulator import Behaviour, Delivery, tag_of
from speechwire.session import SpeakRequest, SpeakSession

RATE = 24_000
BYTES_PER_S = 2 * RATE
LONG = (
    "We have a room with a view of the garden, a room with a view of the sea, and two in the old tower. "
    "All of them have a bath, and breakfast is from seven to ten. Dinner is served in the hall at eight."
)
SHORT = "Of course. The garden room, for two nights."
# Twice real time, so that much of the old reply is still under way when the caller interrupts.
EMULATED = Behaviour(delivery=Delivery(pace=2.0, latency_s=0.05))


@dataclass
class Ear:
    """What a listener hears, and when the first of the last reply. Plays at real pace, as a sound card."""

    heard: bytearray = field(default_factory=bytearray)
    first_s: float = 0.0

    async def listen(self, request: SpeakRequest) -> None:
        """Play a request's audio until it is complete or interrupted."""
        clock = asyncio.get_running_loop().time
        start_s, played = clock(), 0
        async for pcm in request:
            if not played:
                self.first_s = start_s = clock()
            self.heard += pcm
            played += len(pcm)
            await asyncio.sleep(start_s + played / BYTES_PER_S - clock())


@dataclass(frozen=True)
class Outcome:
    """What was heard, as mono s16le at 24 kHz.

    Attributes:
        before: Until the interruption.
        after: From the interruption on.
        answer_s: From the interruption to the new reply's first audio, in seconds.
    """

    before: bytes
    after: bytes
    answer_s: float

    def samples_of(self, text: str) -> int:
        """How many samples after the interruption the scripted engine made of a text."""
        return int(np.count_nonzero(np.frombuffer(self.after, "<i2") == tag_of(text)))


async def converse(service: Service, after_s: float) -> Outcome:
    """Begin the long reply, interrupt it after so many seconds, and say the short one."""
    clock = asyncio.get_running_loop().time
    ear = Ear()
    async with SpeakSession(service.api_key, base_url=service.base_url) as session:
        await session.prewarm()
        print(f"agent:   {LONG[:72]} ...")
        long = session.speak(LONG)
        playing = asyncio.create_task(ear.listen(long))
        await asyncio.sleep(after_s)

        print("caller:  The garden room, please!")
        interrupted_s, cut = clock(), len(ear.heard)
        long.interrupt()  # from here on `long` delivers nothing
        await playing

        print(f"agent:   {SHORT}")
        await ear.listen(session.speak(SHORT))  # over the same connection
    return Outcome(bytes(ear.heard[:cut]), bytes(ear.heard[cut:]), ear.first_s - interrupted_s)


async def main() -> int:
    """Hold the conversation, tell what was heard, and write it."""
    arguments = parser("examples.barge_in", __doc__)
    arguments.add_argument("--after", type=float, default=2.0, help="seconds until the caller interrupts")
    arguments.add_argument("--out", type=Path, default=Path("barge_in.wav"), help="what was heard")
    given = arguments.parse_args()
    async with service_of(live=given.live, engine=given.engine, behaviour=EMULATED) as service:
        outcome = await converse(service, given.after)
    print(f"\nthe old reply was heard for {len(outcome.before) / BYTES_PER_S:.2f} s")
    print(f"the new one began {outcome.answer_s * 1000:.0f} ms after the interruption", end=" ")
    print(f"and lasted {len(outcome.after) / BYTES_PER_S:.2f} s")
    stale = 0
    if given.engine == "scripted" and not given.live:
        stale = outcome.samples_of(LONG)
        print(f"after it were heard {outcome.samples_of(SHORT)} samples of the new reply, {stale} of the old")
    write(given.out, outcome.before + outcome.after)
    print(f"recording: {given.out.resolve()}")
    return 1 if stale else 0


def write(path: Path, audio: bytes) -> None:
    """Write mono s16le at 24 kHz as a WAV file."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(audio)


if __name__ == "__main__":
    sys.exit(run(main()))
