"""The table, the numbers and the pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benches.python.audio.report import machine, table
from benches.python.streams import plots
from benches.python.streams.contenders.catalog import CATALOG
from benches.python.streams.matrix import BUSY, Options, Outcome
from benches.python.streams.result import Result

__all__ = ["draw_again", "figures", "ratios", "rows", "write", "write_numbers"]

_HEAD = (
    "client",
    "endpoint",
    "CPU ms per stream-second (+ pacing)",
    "frame → wire ms: p50 / p99 / max",
    "held back",
    "result → callback ms: p50 / p99",
    "KiB per stream",
    "connect, CPU ms",
    "not in its figure",
)
_REFERENCES = ("stt_v2", "flux_session")
_COMPARED_AT = 200

_LEAST_STREAMS = 50
"""With fewer, what the clock itself takes is more than what a client takes: a row would be noise."""

_METHOD = """\
## How it was measured

Process
:   Every run is a process of its own with one client. The server is another, and answers like the service.

Audio
:   48 kHz stereo in 20 ms frames at real pace. What a client is given instead, or does not do, stands in the
    column *not in its figure*. TTS: per second of audio played.

Clock
:   One for all streams. They come spread over the 20 ms in five groups and begin spread over half a second,
    as callers do who know nothing of each other.

CPU
:   Of the whole client process, all threads, over the window, for each second of audio of one stream. What
    the same clock costs with clients that do nothing is measured in the same process and subtracted; it
    stands behind the plus sign.

Frame → wire
:   From the moment a 20 ms frame is due to the arrival of the message with its last sample, the server's own
    delay included.

Held back
:   Whole frames that every message waits because the delay of a filter makes it miss the frame. Not part of
    *frame → wire*.

Result → callback
:   From the server's write to the caller's callback.

Memory
:   Anonymous memory after garbage collection in mid-stream, less that before connecting.

No core asleep
:   A loop at the lowest priority keeps each core from sleeping, as a busy server would. Otherwise being woken
    counts as the client's work.

Right answers
:   The bytes that arrived are those that were pushed but for the chunk in flight, and every result sent
    reached the callback. What fails this is marked.

First version
:   The algorithm of this plugin's first version, written anew: an FFT for each frame.

Left out
:   Runs with fewer than 50 streams, and figures that are not above zero: both are noise.
"""


def write(outcomes: Sequence[Outcome], options: Options, folder: Path, stem: str) -> Path:
    """Write everything; return the report's path."""
    write_numbers(outcomes, folder, stem)
    return draw(outcomes, f"{datetime.now(UTC):%Y-%m-%d}. {machine()}; {_setting(options)}.", folder, stem)


def draw(outcomes: Sequence[Outcome], head: str, folder: Path, stem: str) -> Path:
    """Write the report and its pictures, under a line that says when and where it was measured."""
    shown = [outcome for outcome in outcomes if _is_shown(outcome)]
    plots.cpu(shown, folder / f"{stem}-cpu.svg")
    plots.lateness(shown, folder / f"{stem}-lateness.svg")
    path = folder / f"{stem}.md"
    path.write_text("\n".join(_sections(shown, head, stem)), encoding="utf-8")
    return path


def draw_again(folder: Path, stem: str) -> Path:
    """Write them anew from the numbers and the first line of the last report: nothing is measured."""
    numbers = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    head = (folder / f"{stem}.md").read_text(encoding="utf-8").splitlines()[2]
    return draw(_outcomes([Result.read(one) for one in numbers]), head, folder, stem)


def _outcomes(results: Sequence[Result]) -> list[Outcome]:
    """Whoever did not keep pace was not tried with more streams."""
    counts = sorted({result.streams for result in results})
    found = []
    for name in dict.fromkeys(result.contender for result in results):
        late_at = 0
        for streams in counts:
            here = tuple(one for one in results if (one.contender, one.streams) == (name, streams))
            if here or late_at:
                failure = "" if here else f"cannot keep pace with {late_at}"
                found.append(Outcome(CATALOG[name], streams, here, failure))
            late_at = late_at or (streams if found and found[-1].behind_s else 0)
    return found


def write_numbers(outcomes: Sequence[Outcome], folder: Path, stem: str) -> None:
    """Write what every run gave, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [asdict(result) for outcome in outcomes for result in outcome.results]
    (folder / f"{stem}.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def figures(outcome: Outcome) -> list[str]:
    """One row: the medians of the rounds, or why there are none."""
    name = outcome.contender.title
    if not outcome.results:
        dashes = ["-"] * (len(_HEAD) - 4)
        return [
            name,
            outcome.contender.endpoint,
            outcome.failure,
            *dashes,
            outcome.contender.leaves_out or "-",
        ]
    results = outcome.results

    def middle(figure: Callable[[Result], float | None]) -> float | None:
        found = [value for value in map(figure, results) if value is not None]
        return median(found) if found else None

    late = [middle(lambda r, k=k: getattr(r.lateness, k, None)) for k in ("p50", "p99", "most")]  # type: ignore[misc]
    latency = [middle(lambda r, k=k: getattr(r.latency, k, None)) for k in ("p50", "p99")]  # type: ignore[misc]
    held = max(result.held_frames for result in results)
    return [
        name + _marks(outcome),
        outcome.contender.endpoint,
        f"{middle(lambda r: r.cpu_ms):.2f} (+{middle(lambda r: r.pacing_ms):.2f})",
        _behind(outcome) if outcome.behind_s else _joined(late),
        f"{held * 20} ms" if held else "-",
        _joined(latency),
        _above_zero(middle(lambda r: r.memory_kib)),
        f"{middle(lambda r: r.connect_ms):.2f}",
        outcome.contender.leaves_out or "-",
    ]


def _above_zero(kib: float | None) -> str:
    return f"{kib:.0f}" if kib is not None and kib >= 1 else "-"


def _behind(outcome: Outcome) -> str:
    starved = max(result.starved[0] for result in outcome.results)
    busy = f", but {starved:.0%} of the time without a core" if starved >= BUSY else ""
    return f"cannot keep pace: {outcome.behind_s:.1f} s late{busy}"


def _marks(outcome: Outcome) -> str:
    faults = [fault for result in outcome.results for fault in result.faults]
    if not faults or outcome.behind_s:
        return ""
    return f" (**wrong**: {faults[0]})"


def _joined(values: list[float | None]) -> str:
    return " / ".join(f"{value:.1f}" for value in values if value is not None) or "-"


def rows(outcomes: Sequence[Outcome], streams: int) -> list[list[str]]:
    """All at this number of streams, by endpoint, the cheapest first."""
    here = [outcome for outcome in outcomes if outcome.streams == streams]
    return [figures(outcome) for outcome in sorted(here, key=_order)]


def _order(outcome: Outcome) -> tuple[str, float]:
    cpu_ms = median(result.cpu_ms for result in outcome.results) if outcome.results else float("inf")
    return outcome.contender.endpoint, cpu_ms


def ratios(outcomes: Sequence[Outcome], streams: int) -> list[list[str]]:
    """How many times the CPU of ours the others take, with Flux."""
    cpu_ms = {
        outcome.contender.name: median(result.cpu_ms for result in outcome.results)
        for outcome in outcomes
        if outcome.streams == streams
        and outcome.results
        and outcome.contender.endpoint == "Flux"
        and (outcome.contender.name in _REFERENCES or not outcome.contender.ours)
    }
    titles = {outcome.contender.name: outcome.contender.title for outcome in outcomes}
    ours = [name for name in _REFERENCES if name in cpu_ms]
    if not ours:
        return []
    return [
        [titles[name], *(f"{value / cpu_ms[our]:.1f}×" for our in ours)]
        for name, value in sorted(cpu_ms.items(), key=lambda item: item[1])
        if name not in ours
    ]


def _sections(outcomes: Sequence[Outcome], head: str, stem: str) -> Iterator[str]:
    yield "# Many live streams in one process\n"
    yield f"{head}\n"
    yield f"![CPU of each client]({stem}-cpu.svg)\n"
    yield f"![Lateness against the number of streams]({stem}-lateness.svg)\n"
    for streams in sorted({outcome.streams for outcome in outcomes}):
        yield f"## {streams} streams\n"
        yield table(_HEAD, rows(outcomes, streams))
        yield _noise(outcomes, streams)
    compared = ratios(outcomes, _COMPARED_AT)
    present = {outcome.contender.name: outcome.contender.title for outcome in outcomes}
    if compared:
        yield f"## Flux at {_COMPARED_AT} streams: times the CPU of ours\n"
        yield table(["client", *(present[name] for name in _REFERENCES if name in present)], compared)
    yield _METHOD


def _is_shown(outcome: Outcome) -> bool:
    """Whether a figure is more than noise."""
    enough = outcome.streams >= _LEAST_STREAMS
    return enough and (not outcome.results or median(result.cpu_ms for result in outcome.results) > 0)


def _noise(outcomes: Sequence[Outcome], streams: int) -> str:
    """What the machine and the clock contribute to lateness."""
    here = [result for outcome in outcomes if outcome.streams == streams for result in outcome.results]
    p99 = [result.clock.p99 for result in here if result.clock]
    if not p99:
        return ""
    spread = f"{min(p99):.1f} to {max(p99):.1f}"
    client, server = (median(result.starved[who] for result in here) for who in (0, 1))
    return (
        f"The clock alone, before connecting, was late by p99 {median(p99):.1f} ms ({spread}). In mid-stream"
        f" clients were ready but without a core for {client:.0%} of the time, the server for {server:.0%}"
        " (medians).\n"
    )


def _setting(options: Options) -> str:
    parts = [
        f"windows of {options.seconds:g} s",
        f"{options.rounds} {'round' if options.rounds == 1 else 'rounds, medians'}",
        "TLS, a local certificate" if options.tls else "plain `ws://` on loopback",
        _loop("clients", wanted=options.uvloop),
        _loop("server", wanted=find_spec("uvloop") is not None),
    ]
    parts += ["a core each for client and server"] if options.pin_core else []
    parts += ["no core asleep"] if options.awake else []
    return ", ".join(parts)


def _loop(who: str, *, wanted: bool) -> str:
    try:
        return f"{who} on uvloop {version('uvloop')}" if wanted else f"{who} on asyncio's own loop"
    except PackageNotFoundError:
        return f"{who} on uvloop"
