"""One client, N streams: connect, push at real pace, measure, check what arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from benches.python.streams.answer import faults
from benches.python.streams.audio import ring
from benches.python.streams.contenders.base import Setup, Stream
from benches.python.streams.contenders.catalog import Contender
from benches.python.streams.figures import Schedule, Spread, lateness_ms
from benches.python.streams.memory import resident_kib
from benches.python.streams.result import TOO_LATE_S, Result
from benches.python.streams.service import Heard, Service
from benches.python.streams.sink import Sink
from benches.python.streams.starvation import waited_s
from benches.python.streams.ticker import Ticker

__all__ = ["Trial"]

WARM_UP_S = 2.0
_PACING_S = 4.0
# The plugin's last stream is pushed nothing for so long after it has connected: its session puts in silence.
_SETTLE_S = 2.0
_GRACE_S = 1.0
# What comes later than this after the last frame is not the audio pushed: our sessions put in silence then.
_TAIL_S = 0.3
_CONNECTING_AT_ONCE = 16
_CONNECT_TIMEOUT_S = 120.0
_CLOSE_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Window:
    """What was measured while the streams ran.

    Attributes:
        start_s: Begin, on the monotonic clock.
        end_s: End.
        cpu_s: CPU time of the process.
        starved: As in `Result`.
        spoken_s: Seconds of synthesized audio heard.
        latency_ms: From the server's send to the caller.
    """

    start_s: float
    end_s: float
    cpu_s: float
    starved: tuple[float, float]
    spoken_s: float
    latency_ms: np.ndarray[tuple[int], np.dtype[np.float64]]


class Trial:
    """A run in progress.

    Args:
        contender: Who.
        count: Of the streams.
        seconds: Length of the window measured.
        service: The server.
    """

    def __init__(self, contender: Contender, count: int, seconds: float, service: Service) -> None:
        self._contender = contender
        self._count = count
        self._seconds = seconds
        self._service = service
        self._module = contender.load()
        self._sink = Sink()
        self._frames = ring(*contender.input)
        self._setup = Setup(service.base_url, self._sink, self._frames)
        self._primed = 0

    async def run(self) -> Result:
        """Do it all but close: what that costs is not asked, and a framework may collect garbage for each."""
        result = Result(self._contender.name, self._count, self._seconds)
        await self._rehearse()
        await self._pace(result)
        empty_kib = resident_kib()
        streams, result.connect_ms = await self._connect(range(self._count))
        await asyncio.sleep(_SETTLE_S)
        ticker = self._ticker(streams, 0.05)
        window = await self._steady(ticker)
        lag_s = ticker.lag_s
        await asyncio.sleep(_TAIL_S)
        result.memory_kib = (resident_kib() - empty_kib) / self._count
        await asyncio.to_thread(self._service.quiet)
        await asyncio.sleep(_GRACE_S)
        heard = await asyncio.to_thread(self._service.report)
        self._judge(result, ticker, window, lag_s, heard)
        return result

    async def _rehearse(self) -> None:
        """One stream for a second, so that what is done once per process is not charged to the others."""
        streams, _ = await self._connect([0])
        ticker = self._ticker(streams, 0.0)
        await ticker.until(ticker.start_s + 1.0)
        await asyncio.sleep(_TAIL_S)
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await streams[0].close()
        await asyncio.to_thread(self._service.forget)
        self._sink.forget()

    async def _pace(self, result: Result) -> None:
        """The clock alone: its CPU per stream-second, and how late it is."""
        ticker = self._ticker(None, 0.05)
        await ticker.until(ticker.start_s + 0.5)
        before_s = time.process_time()
        await ticker.until(ticker.start_s + 0.5 + _PACING_S)
        result.pacing_ms = (time.process_time() - before_s) / (_PACING_S * self._count) * 1000
        result.clock = Spread.of(np.array(ticker.lags_s) * 1000)

    def _ticker(self, streams: list[Stream] | None, after_s: float) -> Ticker:
        """A clock for the streams, or for as many that do nothing."""
        if streams is None:
            feeds = [self._module.idle(self._contender.kind) for _ in range(self._count)]
        else:
            feeds = [stream.feed for stream in streams]
        return Ticker(feeds, self._frames, time.monotonic() + after_s)

    async def _connect(self, indices: Iterable[int]) -> tuple[list[Stream], float]:
        """Connect, a few at a time; the streams, and milliseconds of CPU per stream."""
        before_s = time.process_time()
        few = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def one(index: int) -> Stream:
            async with few:
                stream = self._module.stream(self._contender.kind, self._setup, index)
                self._primed = await stream.connect()
                return stream

        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            streams = await asyncio.gather(*(one(index) for index in indices))
        return list(streams), (time.process_time() - before_s) / len(streams) * 1000

    async def _steady(self, ticker: Ticker) -> Window:
        await ticker.until(ticker.start_s + WARM_UP_S)
        self._sink.mark()
        heard_bytes, start_s, before_s = self._sink.heard_bytes, time.monotonic(), time.process_time()
        waited_before = waited_s(), waited_s(self._service.process)
        await ticker.until(ticker.start_s + WARM_UP_S + self._seconds)
        return Window(
            start_s=start_s,
            cpu_s=time.process_time() - before_s,
            end_s=time.monotonic(),
            starved=(
                (waited_s() - waited_before[0]) / self._seconds,
                (waited_s(self._service.process) - waited_before[1]) / self._seconds,
            ),
            spoken_s=(self._sink.heard_bytes - heard_bytes) / self._bytes_per_s,
            latency_ms=np.array(self._sink.latencies_us, dtype=np.float64) / 1000,
        )

    @property
    def _bytes_per_s(self) -> int:
        rate, channels = self._contender.wire
        return 2 * rate * channels

    def _judge(
        self, result: Result, ticker: Ticker, window: Window, lag_s: float, heard: dict[int, Heard]
    ) -> None:
        schedule = Schedule(ticker.start_s, self._primed, self._bytes_per_s)
        heard = {stream: one.until(window.end_s + _TAIL_S) for stream, one in heard.items()}
        late_ms, result.held_frames = lateness_ms(schedule, heard, (window.start_s, window.end_s))
        result.lateness = Spread.of(late_ms)
        result.latency = Spread.of(window.latency_ms)
        result.starved = window.starved
        late_s = max(lag_s, result.lateness.most / 1000 if result.lateness else 0.0)
        result.behind_s = late_s if late_s > TOO_LATE_S else 0.0
        result.faults = faults(self._contender, self._count, schedule, ticker.given, heard, self._sink)
        audio_s = self._audio_s(window, heard, behind=result.behind_s > 0)
        result.cpu_ms = window.cpu_s / audio_s * 1000 - result.pacing_ms if audio_s else 0.0

    def _audio_s(self, window: Window, heard: dict[int, Heard], *, behind: bool) -> float:
        """Seconds of audio of the window: what was pushed, or what arrived where that is less."""
        if self._contender.speaks:
            return window.spoken_s
        if not behind:
            return self._count * (window.end_s - window.start_s)
        arrived = sum(one.bytes_between(window.start_s, window.end_s) for one in heard.values())
        return arrived / self._bytes_per_s
