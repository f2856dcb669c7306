"""Scripted recognition services. What they hear is counted audio, so what they "say" names what they heard.

One word is spoken in every quarter second of the turns of a schedule, and its text is the quarter's number on
the *caller's* clock: turn 1.0 to 2.0 s reads ``4 5 6 7``. Whatever happens to connections, the words a
consumer gets must be those of the schedule, each once and in order, at their own times.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.session.counted import RATE, SAMPLE_BYTES, indices

from speechwire.transport import CloseEvent, MemoryPeer

QUARTER = RATE // 4

Fault = Callable[[MemoryPeer], Awaitable[None] | None]


@dataclass
class Hearing:
    """What one connection received."""

    pieces: list[tuple[int, int]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    silence: int = 0
    samples: int = 0

    def take(self, frame: bytes) -> None:
        if not any(frame):
            self.silence += len(frame) // SAMPLE_BYTES
        else:
            index = indices(frame)
            self.pieces.append((int(index[0]), int(index[-1]) + 1))
        self.samples += len(frame) // SAMPLE_BYTES


class FakeService:
    """Runs a fault when a connection has heard so many seconds; the rest is the endpoint's."""

    def __init__(
        self,
        turns: Sequence[tuple[float, float]] = (),
        faults: Mapping[int, tuple[float, Fault]] | None = None,
    ) -> None:
        self.words = [quarter for begin, end in turns for quarter in range(round(begin * 4), round(end * 4))]
        self.faults = dict(faults or {})
        self.heard: list[Hearing] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        hearing = Hearing()
        self.heard.append(hearing)
        at_s, fault = self.faults.get(peer.number, (float("inf"), _nothing))
        if at_s <= 0 and (waiting := fault(peer)) is not None:
            await waiting
        await self.talk(peer, hearing, at_s, fault)

    async def talk(self, peer: MemoryPeer, hearing: Hearing, at_s: float, fault: Fault) -> None:
        voice = self.voice(peer)
        voice.greet()
        async for frame in peer:
            if isinstance(frame, bytes):
                hearing.take(frame)
                voice.hear(frame, hearing)
                if hearing.samples >= at_s * RATE:
                    at_s = float("inf")
                    if (waiting := fault(peer)) is not None:
                        await waiting
            else:
                hearing.texts.append(json.loads(frame))
                if voice.told(hearing.texts[-1]["type"]):
                    return

    def voice(self, peer: MemoryPeer) -> Voice:
        raise NotImplementedError

    def counts(self) -> dict[int, int]:
        """How often each millisecond (16 samples) of the caller's audio arrived, over all connections."""
        counts: dict[int, int] = {}
        for hearing in self.heard:
            for begin, end in hearing.pieces:
                for ms in range(begin * 1000 // RATE, -(-end * 1000 // RATE)):
                    counts[ms] = counts.get(ms, 0) + 1
        return counts


def _nothing(peer: MemoryPeer) -> None:
    return None


class Voice:
    """One connection's answers."""

    def __init__(self, peer: MemoryPeer, words: Sequence[int]) -> None:
        self.peer = peer
        self.words = set(words)
        self.position = 0  # samples heard on this connection

    def send(self, **message: Any) -> None:
        self.peer.send(json.dumps(message))

    def greet(self) -> None: ...

    def hear(self, frame: bytes, hearing: Hearing) -> None:
        """Look at the frame in steps that end at quarters of the caller's clock."""
        silent = not any(frame)
        start = 0 if silent else int(indices(frame)[0])
        left = len(frame) // SAMPLE_BYTES
        while left:
            step = min(left, QUARTER - start % QUARTER)
            self.position += step
            if (start + step) % QUARTER == 0 and not silent:
                self.quarter((start + step) // QUARTER - 1)
            elif silent:
                self.nothing()
            start, left = start + step, left - step

    def quarter(self, number: int) -> None:
        """A quarter of the caller's audio has ended."""

    def nothing(self) -> None:
        """Silence that the caller never pushed."""

    def told(self, kind: str) -> bool:
        """A text message; true ends the conversation."""
        return False


class FluxVoice(Voice):
    """Updates each quarter; a turn ends half a second after its last word."""

    def __init__(self, peer: MemoryPeer, words: Sequence[int]) -> None:
        super().__init__(peer, words)
        self.sequence = self.turn = self.quiet = 0
        self.begin = 0
        self.said: list[tuple[int, float]] = []

    def greet(self) -> None:
        self.send(type="Connected", request_id=f"r{self.peer.number}", sequence_id=self._next())

    def quarter(self, number: int) -> None:
        if number in self.words:
            self.quiet = 0
            self.said.append((number, self.position / RATE))
            self.info("StartOfTurn" if len(self.said) == 1 else "Update")
            return
        self.nothing()

    def nothing(self) -> None:
        self.quiet += 1
        if self.said and self.quiet >= 2:
            self.end("model")
        else:
            self.info("Update")

    def told(self, kind: str) -> bool:
        if kind == "ForceEndTurn":
            if self.said:
                self.end("manual")
            else:
                self.send(type="Warning", sequence_id=self._next(), code="FORCE_END_TURN_NO_ACTIVE_TURN")
        elif kind == "CloseStream":
            self.peer.close(1005)
            return True
        return False

    def end(self, trigger: str) -> None:
        self.info("EndOfTurn", trigger=trigger)
        self.turn += 1
        self.said = []
        self.begin = self.position

    def info(self, event: str, **more: Any) -> None:
        words = [
            {"word": str(number), "confidence": 1.0, "start": end - 0.25, "end": end}
            for number, end in self.said
        ]
        self.send(
            type="TurnInfo",
            sequence_id=self._next(),
            event=event,
            turn_index=self.turn,
            audio_window_start=self.begin / RATE,
            audio_window_end=self.position / RATE,
            transcript=" ".join(str(word["word"]) for word in words),
            words=words,
            end_of_turn_confidence=0.9,
            **more,
        )

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence - 1


class FakeFlux(FakeService):
    def voice(self, peer: MemoryPeer) -> FluxVoice:
        return FluxVoice(peer, self.words)


class NovaVoice(Voice):
    """Interim results each second; a final half a second after the last word, or after four seconds."""

    def __init__(self, peer: MemoryPeer, words: Sequence[int], *, interim: bool) -> None:
        super().__init__(peer, words)
        self.interim = interim
        self.final = self.quiet = self.quarters = 0
        self.said: list[tuple[int, float]] = []

    def quarter(self, number: int) -> None:
        self.quarters += 1
        if number in self.words:
            self.quiet = 0
            self.said.append((number, self.position / RATE))
        else:
            self.quiet += 1
        if (self.said and self.quiet == 2) or self.position - self.final >= 4 * RATE:
            self.results(is_final=True, speech_final=self.quiet >= 2)
        elif self.interim and self.quarters % 4 == 0:
            self.results(is_final=False)

    def told(self, kind: str) -> bool:
        if kind == "Finalize" and self.position:
            self.results(is_final=True, speech_final=True, from_finalize=True)
        elif kind == "CloseStream":
            if self.position > self.final:
                self.results(is_final=True, speech_final=True)
            self.send(
                type="Metadata", request_id=f"r{self.peer.number}", duration=self.position / RATE, channels=1
            )
            self.peer.close(1000)
            return True
        return False

    def results(self, **flags: bool) -> None:
        words = [
            {"word": str(number), "confidence": 1.0, "start": end - 0.25, "end": end}
            for number, end in self.said
        ]
        transcript = " ".join(str(word["word"]) for word in words)
        alternative = {"transcript": transcript, "confidence": 0.9, "words": words}
        self.send(
            type="Results",
            channel_index=[0, 1],
            start=self.final / RATE,
            duration=(self.position - self.final) / RATE,
            channel={"alternatives": [alternative]},
            metadata={"request_id": f"r{self.peer.number}"},
            **flags,
        )
        if flags["is_final"]:
            self.final = self.position
            self.said = []


class FakeNova(FakeService):
    def __init__(self, *args: Any, interim: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.interim = interim

    def voice(self, peer: MemoryPeer) -> NovaVoice:
        return NovaVoice(peer, self.words, interim=self.interim)


def reset(peer: MemoryPeer) -> None:
    peer.reset()


def close(code: int, reason: str = "") -> Fault:
    return lambda peer: peer.close(code, reason)


async def stall(peer: MemoryPeer) -> None:
    """Read nothing and say nothing until the client gives up."""
    await asyncio.Event().wait()


async def deaf(peer: MemoryPeer) -> None:
    """Read everything and say nothing: open in name only."""
    while not isinstance(await peer.receive(), CloseEvent):
        pass
