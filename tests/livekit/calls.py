"""One call with a fault in it, for either plugin, at real pace; each sample of its audio says which it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from livekit.agents.stt import SpeechEventType
from tests.livekit.parties import RATE, Told, frame, speech_to_text
from tests.session.counted import counted
from tests.transport.counted_engine import CountedEngine
from tests.transport.reliability.arrivals import Arrivals

from speechwire.emulator import Emulator, Fault

__all__ = ["STRIKE_S", "Call", "Outcome", "hold"]

STRIKE_S: Final = 3.4
"""When a connection is struck: in the middle of a turn, seconds into its audio."""

_FRAME: Final = RATE // 50
_LAST_RESULTS_S: Final = 12.0


@dataclass(frozen=True)
class Call:
    """What is to happen.

    Attributes:
        plugin: ``speechwire`` or ``deepgram``.
        endpoint: ``/v1/listen`` or ``/v2/listen``.
        faults: Of the service.
        seconds: How long the caller talks.
    """

    plugin: str
    endpoint: str
    faults: Sequence[Fault]
    seconds: float

    @property
    def turns(self) -> list[tuple[float, float]]:
        """A second of speech every three, the second one around the strike, none at the very end."""
        return [(at, at + 1.0) for at in (0.0, *range(3, int(self.seconds) - 2, 3))]


@dataclass
class Outcome:
    """What became of it.

    Attributes:
        call: What was to happen.
        told: Errors and metrics.
        spoken: The words, by number.
        events: What the stream said.
        connected_s: When connections arrived, refused ones included, on the call's clock.
        failed_s: When errors were told.
        struck_s: When the first connection had the audio at which it is struck.
        lost_ms: Audio that the service never heard.
        error: What the stream ended with.
    """

    call: Call
    told: Told = field(default_factory=Told)
    spoken: list[int] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    connected_s: list[float] = field(default_factory=list)
    failed_s: list[float] = field(default_factory=list)
    struck_s: float | None = None
    lost_ms: float = 0.0
    replayed_ms: float = 0.0
    error: BaseException | None = None

    @property
    def heard(self) -> list[int]:
        """Words in final transcripts."""
        finals = [event for event in self.events if event.type is SpeechEventType.FINAL_TRANSCRIPT]
        return [int(word) for final in finals for word in final.alternatives[0].text.split()]

    @property
    def missing(self) -> int:
        """Words that no final has."""
        return len(set(self.spoken) - set(self.heard))

    @property
    def doubled(self) -> int:
        """Words that finals have more than once."""
        return len(self.heard) - len(set(self.heard))

    @property
    def noticed_s(self) -> float | None:
        """From the strike to the first error, or to the next connection; ``None`` if neither came."""
        if self.struck_s is None:
            return None
        after = [at for at in (*self.connected_s[1:], *self.failed_s) if at >= self.struck_s]
        return min(after) - self.struck_s if after else None

    @property
    def starts(self) -> int:
        """Starts of speech."""
        return sum(event.type is SpeechEventType.START_OF_SPEECH for event in self.events)


async def hold(call: Call) -> Outcome:
    """Hold a call to its end; takes as long as the call."""
    engine = CountedEngine(call.turns)
    outcome = Outcome(call, spoken=engine.words)
    clock = asyncio.get_running_loop().time
    async with Emulator(engine, faults=call.faults, keep_audio=True) as emulator:
        async with speech_to_text(call.plugin, emulator.http_url, call.endpoint, outcome.told) as stt:
            stream = stt.stream()
            began_s = clock()
            stt.on("error", lambda _: outcome.failed_s.append(clock() - began_s))
            watching = asyncio.create_task(_watch(emulator, outcome, began_s))
            reading = asyncio.create_task(_read(stream, outcome))
            try:
                await _talk(stream, call.seconds, began_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reading, _LAST_RESULTS_S)
            finally:
                watching.cancel()
                await stream.aclose()
        received = [bytes(connection.audio) for connection in emulator.connections]
        arrivals = Arrivals(received, call.seconds)
        outcome.lost_ms, outcome.replayed_ms = arrivals.lost_ms, arrivals.replayed_ms
    return outcome


async def _talk(stream: Any, seconds: float, began_s: float) -> None:
    clock = asyncio.get_running_loop().time
    for number in range(round(seconds * 50)):
        try:
            stream.push_frame(frame(counted(number * _FRAME, _FRAME)))
        except RuntimeError:
            return  # the stream has failed
        await asyncio.sleep(began_s + (number + 1) * 0.02 - clock())
    with contextlib.suppress(RuntimeError):
        stream.end_input()


async def _read(stream: Any, outcome: Outcome) -> None:
    try:
        async for event in stream:
            outcome.events.append(event)
    except Exception as error:
        outcome.error = error


async def _watch(emulator: Emulator, outcome: Outcome, began_s: float) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        now_s, connections = clock() - began_s, emulator.connections
        outcome.connected_s += [now_s] * (len(connections) - len(outcome.connected_s))
        if outcome.struck_s is None and connections and connections[0].audio_s >= STRIKE_S:
            outcome.struck_s = now_s
        await asyncio.sleep(0.01)
