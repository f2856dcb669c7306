"""One soak: the streams, the watch, the end."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benches.python.soak.callers import ListenCaller
from benches.python.soak.calls import SERVER_CALL, CallLine, serving
from benches.python.soak.ledger import CallAccount, Ledger
from benches.python.soak.lines import KEY, LISTENING
from benches.python.soak.service import Service
from benches.python.soak.ticker import Ticker
from benches.python.soak.voices import SPEAKING, VoiceCaller
from benches.python.soak.watch import Holdings, Watch, census, holdings

from speechwire.session import SessionPool

__all__ = ["Outcome", "Plan", "mix", "soak"]

# Of every twenty streams.
_SHARES: Final = {
    "ListenV2Session": 6,
    "ListenV1Session": 5,
    "DeepgramSTTV2": 2,
    "DeepgramSTT, 16 kHz mono": 1,
    "DeepgramSTT, 48 kHz stereo": 1,
    "SpeakSession": 2,
    "DeepgramTTS": 1,
    SERVER_CALL: 2,
}
_LOOK_EVERY_S = 5.0
_GRACE_S = 2.0
# Filter tables are cached, and an event loop has one shared transport, which is closed, with its proxies.
_KEPT: Final = frozenset({"FilterTable", "AiohttpTransport", "PicowsTransport", "Proxies", "_Shared"})
_OWN: Final = ("speechwire.", "videosdk.plugins.deepgram.")


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        streams: Live at once.
        seconds: How long to begin calls and to speak.
        kill_every_s: How often a connection ends, on average.
        call_s: Mean length of a call; then the stream hangs up and calls again.
        warm_up_s: Memory is judged from here on.
        seed: Of what is random in the service.
    """

    streams: int
    seconds: float
    kill_every_s: float = 1.0
    call_s: float = 180.0
    warm_up_s: float = 180.0
    seed: int = 1


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        ledgers: The accounts by kind of stream.
        watch: What the process held over time.
        before: What it held before the first stream.
        after: What it held after the last.
        left: Objects of this project's that outlived everything, by type.
        service: The service's own counts.
        pool: The pool's counters at the end.
        seconds: How long it ran.
        paused_s: For how long callers paused because the process did not get to run.
        interrupted: Whether it was told to stop early.
    """

    plan: Plan
    ledgers: dict[str, Ledger]
    watch: Watch
    before: Holdings
    after: Holdings = field(default_factory=lambda: Holdings(0, 0, 0))
    left: dict[str, int] = field(default_factory=dict)
    service: dict[str, Any] = field(default_factory=dict)
    pool: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    paused_s: float = 0.0
    interrupted: bool = False


async def soak(plan: Plan, stop: asyncio.Event) -> Outcome:
    """Run to the end, or until ``stop`` is set; everything is closed either way."""
    async with Service(plan.streams, plan.kill_every_s, plan.seed) as service:
        # The modules are not of interest, and walking them at each collection holds all streams up.
        gc.collect()
        gc.freeze()
        try:
            return await _watched(plan, service, stop)
        finally:
            gc.unfreeze()


async def _watched(plan: Plan, service: Service, stop: asyncio.Event) -> Outcome:
    ledgers = {kind: Ledger() for kind in mix(plan.streams)}
    outcome = Outcome(plan, ledgers, Watch(plan.warm_up_s), holdings())
    began_s = time.monotonic()
    await _live(plan, outcome, service.base_url, stop)
    outcome.seconds = time.monotonic() - began_s
    outcome.interrupted = stop.is_set()
    outcome.service = await service.counts()
    await asyncio.sleep(_GRACE_S)
    outcome.after, outcome.left = holdings(), _left_over()
    return outcome


def mix(streams: int) -> dict[str, int]:
    """How many streams of each kind; at least one of each from eight streams on."""
    total = sum(_SHARES.values())
    counts = {kind: max(1, streams * share // total) for kind, share in _SHARES.items()}
    while (over := sum(counts.values()) - streams) != 0 and max(counts.values()) > 1:
        largest = max(counts, key=lambda kind: counts[kind])
        counts[largest] -= 1 if over > 0 else over
    return counts


async def _live(plan: Plan, outcome: Outcome, base_url: str, stop: asyncio.Event) -> None:
    ticker, stopping = Ticker(), asyncio.Event()
    async with SessionPool(KEY, base_url=base_url) as pool, serving(pool) as socket_url:
        callers = _callers(plan, outcome, pool, (base_url, socket_url), stopping)
        for caller in callers:
            if isinstance(caller, ListenCaller):
                ticker.add(caller.tick)
        ticking = asyncio.create_task(ticker.run())
        calling = [asyncio.create_task(caller.run()) for caller in callers]
        watching = asyncio.create_task(_watch(plan, outcome, pool, ticker))
        try:
            await _until_over(plan.seconds, stop, [ticking, watching, *calling])
            stopping.set()
            await asyncio.gather(*calling)
            outcome.pool = asdict(pool.snapshot())
            outcome.paused_s = ticker.paused_s
        finally:
            for task in (ticking, watching, *calling):
                task.cancel()
            await asyncio.gather(ticking, watching, *calling, return_exceptions=True)


def _callers(
    plan: Plan, outcome: Outcome, pool: SessionPool, urls: tuple[str, str], stopping: asyncio.Event
) -> list[ListenCaller | VoiceCaller]:
    base_url, socket_url = urls
    callers: list[ListenCaller | VoiceCaller] = []
    for kind, count in mix(plan.streams).items():
        for index in range(count):
            name, ledger = f"{kind} {index}", outcome.ledgers[kind]
            if kind in LISTENING or kind == SERVER_CALL:
                is_call = kind == SERVER_CALL
                line = _bound(CallLine, socket_url) if is_call else _bound(LISTENING[kind], pool, base_url)
                callers.append(ListenCaller(line, ledger, name, plan.call_s, stopping))
            else:
                voice = _bound(SPEAKING[kind], pool, base_url)
                callers.append(VoiceCaller(voice, ledger, name, plan.call_s, stopping))
    return callers


def _bound(make: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    def bound(*more: CallAccount) -> Any:
        return make(*arguments, *more)

    return bound


async def _until_over(seconds: float, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the time, the word to stop, or a task that ended, which none should."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *tasks}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        task.result()


async def _watch(plan: Plan, outcome: Outcome, pool: SessionPool, ticker: Ticker) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        now = pool.snapshot()
        lag_s, ticker.lag_s = ticker.lag_s, 0.0
        outcome.watch.take(
            kept_bytes=now.buffered_bytes,
            connections=now.listen.connections + now.speak.connections,
            open_connections=now.open_listen + now.open_speak,
            reconnects=sum(ledger.events["Reconnected"] for ledger in outcome.ledgers.values()),
            throttled=now.throttled,
            lag_s=lag_s,
        )
        _progress(plan, outcome)


def _progress(plan: Plan, outcome: Outcome) -> None:
    sample = outcome.watch.samples[-1]
    delivered = sum(ledger.delivered for ledger in outcome.ledgers.values())
    wrong = sum(ledger.wrong for ledger in outcome.ledgers.values())
    left_s = max(0, round(plan.seconds - sample.at_s))
    print(
        f"{sample.at_s:6.0f} s, {left_s // 60:2d}:{left_s % 60:02d} left | "
        f"{delivered} delivered, {wrong} wrong, {sample.reconnects} reconnects | "
        f"{sample.dirty_kib / 1024:.1f} MiB, {sample.tasks} tasks, "
        f"{sample.descriptors} fds | cpu {sample.cpu:.0%}, late {sample.lag_ms:.0f} ms",
        file=sys.stderr,
        flush=True,
    )


def _left_over() -> dict[str, int]:
    """Objects of this project's that were made meanwhile and are still there, and not meant to be."""
    gc.collect()
    return {
        name: count
        for name, count in census().items()
        if name.startswith(_OWN) and name.rpartition(".")[2] not in _KEPT
    }
